//! `ClientConnection`: a native protocol that writes requests and reads answers, one exchange at a time.
//!
//! Bytes are read where they lie, in the thread's buffer; what is not used yet is kept in `rest`. A connection that a pool has goes
//! back to it by itself when an exchange is over. One that is in doubt is closed: after an answer that was not read to its end, a request that
//! was not sent to its end, and bytes that nobody asked for.
//!
//! * `requests`: requests go out; `reading`: answers come in
//! * `protocol`: what transports call, and the type
//!
//! This file owns the state, and how an exchange and a connection end. Invariant ONE: no borrow of the machine is alive while Python code
//! may run.

mod protocol;
mod reading;
mod requests;

use std::rc::Rc;

use ferrio_http::h1::Limits;
use ferrio_http::h1::client::Connection as Machine;
use pyo3::exceptions::PyRuntimeError;

use crate::event_loop::run::both;
use crate::ffi::prelude::*;
use crate::http::below::Below;
use crate::http::client::exchange::{Exchange, Stage};
use crate::http::client::pool::Pool;
use crate::http::client::waits::tell;
use crate::http::room::Room;

pub(crate) use protocol::delivery_to;
pub(crate) use requests::Request;

/// See the module.
pub(crate) struct ClientConnection {
    pub(crate) event_loop: Slot,
    /// Makes exceptions: `failure(kind, detail, answer)`.
    pub(crate) failure: Slot,
    below: Below,
    machine: RefCell<Machine>,
    /// Bytes that came and were not used yet.
    rest: RefCell<Vec<u8>>,
    /// Memory for what is written.
    out: RefCell<Vec<u8>>,
    exchange: RefCell<Option<Rc<Exchange>>>,
    /// How many exchanges have begun.
    exchanges: Cell<usize>,
    /// The request's body is not whole.
    sending: Cell<bool>,
    /// Of the answer that is awaited a byte came.
    answering: Cell<bool>,
    /// 100 Continue came.
    continued: Cell<bool>,
    /// The future of who waits for that.
    continuing: Slot,
    room: Room,
    paused: Cell<bool>,
    /// No other exchange follows.
    doomed: Cell<bool>,
    /// It is not used any more.
    closing: Cell<bool>,
    /// When the exchange under way has to be over, in the loop's time.
    pub(crate) deadline: Cell<f64>,
    /// When the last exchange was over.
    pub(crate) idle_since: Cell<f64>,
    pub(crate) pool: Slot,
    /// Where it is in its pool; set and read by that alone.
    pub(crate) place: Slot,
    pub(crate) number: Cell<usize>,
    pub(crate) in_use: Cell<bool>,
}

impl Default for ClientConnection {
    fn default() -> Self {
        ClientConnection {
            event_loop: Slot::default(),
            failure: Slot::default(),
            below: Below::default(),
            machine: RefCell::new(Machine::new(Limits::default())),
            rest: RefCell::default(),
            out: RefCell::default(),
            exchange: RefCell::default(),
            exchanges: Cell::new(0),
            sending: Cell::new(false),
            answering: Cell::new(false),
            continued: Cell::new(false),
            continuing: Slot::default(),
            room: Room::default(),
            paused: Cell::new(false),
            doomed: Cell::new(false),
            closing: Cell::new(false),
            deadline: Cell::new(f64::INFINITY),
            idle_since: Cell::new(0.0),
            pool: Slot::default(),
            place: Slot::default(),
            number: Cell::new(0),
            in_use: Cell::new(false),
        }
    }
}

impl ClientConnection {
    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.event_loop.bind(py).ok_or_else(|| PyRuntimeError::new_err("the connection is gone"))
    }

    /// Whether a request may be sent now.
    pub(crate) fn is_usable(&self) -> bool {
        !self.closing.get()
            && !self.doomed.get()
            && !self.below.is_empty()
            && self.exchange.borrow().is_none()
            && self.machine.try_borrow().is_ok_and(|machine| machine.can_reuse())
    }

    /// Whether the exchange under way failed because the connection had ended before: the request may be sent again.
    pub(crate) fn was_stale(&self) -> bool {
        self.exchanges.get() > 1 && !self.answering.get()
    }

    /// The exchange under way.
    fn current(&self) -> Option<Rc<Exchange>> {
        self.exchange.borrow().clone()
    }

    /// Asks the machine. Only code that runs within a call of it can find it busy.
    fn with_machine<R>(&self, ask: impl FnOnce(&mut Machine) -> R) -> PyResult<R> {
        match self.machine.try_borrow_mut() {
            Ok(mut machine) => Ok(ask(&mut machine)),
            Err(_) => Err(PyRuntimeError::new_err("the connection is busy reading")),
        }
    }

    /// The exchange is over, well or not; says whether there was one.
    fn let_go(&self, py: Python<'_>) -> PyResult<bool> {
        let Some(exchange) = self.exchange.take() else { return Ok(false) };
        exchange.over.set(true);
        self.deadline.set(f64::INFINITY);
        self.sending.set(false);
        both(py, exchange.tell(py), tell(py, &self.continuing))?;
        Ok(true)
    }

    /// Request and answer are whole.
    fn finish(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let told = self.let_go(py);
        if !self.is_usable() {
            return both(py, told.map(drop), self.close(this, "closed"));
        }
        let read = self.read_on(py);
        both(
            py,
            told.map(drop),
            both(py, read, self.with_pool(py, |pool, object| pool.put_back(object, self, this))),
        )
    }

    pub(crate) fn with_pool(
        &self,
        py: Python<'_>,
        tell: impl FnOnce(&Pool, &Bound<'_, PyAny>) -> PyResult<()>,
    ) -> PyResult<()> {
        let object = self.pool.bind(py);
        match object.as_ref().and_then(|object| Some((try_state::<Pool>(object)?, object))) {
            Some((pool, object)) => tell(pool, object),
            None => Ok(()),
        }
    }

    /// The exchange under way has to be over by then.
    pub(crate) fn limit(&self, py: Python<'_>, deadline: f64) -> PyResult<()> {
        self.deadline.set(deadline);
        self.with_pool(py, |pool, object| pool.sweep_by(object, deadline))
    }

    /// Closes the connection. An answer that is under way fails by `kind`.
    pub(crate) fn close(&self, this: &Bound<'_, PyAny>, kind: &'static str) -> PyResult<()> {
        self.close_for(this, kind, None)
    }

    fn close_for(
        &self,
        this: &Bound<'_, PyAny>,
        kind: &'static str,
        detail: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = this.py();
        let closed = if self.closing.replace(true) { Ok(()) } else { self.close_below(py) };
        both(py, closed, self.end(this, kind, detail))
    }

    /// What was not sent yet is of no use: half a request. A server that does not take it would keep the descriptor.
    fn close_below(&self, py: Python<'_>) -> PyResult<()> {
        let holds = self.below.holds_data(py);
        let is_full = self.room.is_full() || *holds.as_ref().unwrap_or(&true);
        let method = if is_full { intern!(py, "abort") } else { intern!(py, "close") };
        both(py, holds.map(drop), self.below.tell(py, method))
    }

    /// Nothing more comes or goes.
    fn end(
        &self,
        this: &Bound<'_, PyAny>,
        kind: &'static str,
        detail: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = this.py();
        self.closing.set(true);
        if let Some(exchange) = self.current() {
            exchange.fail(kind, detail);
        }
        let told = both(py, self.let_go(py).map(drop), self.room.free(py));
        both(py, told, self.with_pool(py, |pool, object| pool.gone(object, self)))
    }

    /// The exchange of an answer is not wanted any more.
    pub(crate) fn give_up(&self, this: &Bound<'_, PyAny>, exchange: &Rc<Exchange>) -> PyResult<()> {
        let is_current = self.exchange.borrow().as_ref().is_some_and(|current| Rc::ptr_eq(current, exchange));
        if is_current { self.close(this, "closed") } else { Ok(()) }
    }

    /// It is another process's.
    pub(crate) fn abandon(&self) {
        self.closing.set(true);
        self.below.leave();
    }

    fn pause(&self, py: Python<'_>) -> PyResult<()> {
        if self.paused.replace(true) { Ok(()) } else { self.below.tell(py, intern!(py, "pause_reading")) }
    }

    /// Reads once more now.
    pub(crate) fn pull(&self, py: Python<'_>) -> PyResult<()> {
        self.below.pull(py)
    }

    /// Reads again.
    pub(crate) fn read_on(&self, py: Python<'_>) -> PyResult<()> {
        if self.paused.replace(false) && !self.closing.get() {
            self.below.tell(py, intern!(py, "resume_reading"))?;
        }
        Ok(())
    }

    /// Has whoever asks for room wait until there is some.
    pub(crate) fn is_full(&self) -> bool {
        self.room.is_full() && !self.closing.get()
    }

    /// Whether the exchange goes on once the answer has begun.
    pub(crate) fn stage(&self) -> Option<Stage> {
        self.exchange.borrow().as_ref().map(|exchange| exchange.stage.get())
    }
}
