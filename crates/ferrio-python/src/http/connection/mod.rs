//! `HttpConnection`: a native protocol that reads requests, starts an exchange for each, and writes the answers.
//!
//! Bytes are read where they lie, in the thread's buffer; what is not used yet is kept in `rest`. While more
//! requests follow that came with it, answers gather in `out`, and leave together: requests that came together are answered in one
//! write. The last one's leaves as it is sent, in pieces, too: its application may block the loop before it sends the next.
//! A request that came behind one whose answer is not whole waits in `rest`, and nothing more is read until then. Where none
//! waits the connection is read on, so that an application learns at once that its client is gone.
//!
//! * `reading`: bytes come in, exchanges begin; `answering`: answers go out
//! * `switching`: what becomes of a connection that is a WebSocket's
//! * `protocol`: what transports and servers call
//!
//! This file owns the state, and what all of them ask. Invariant ONE: no borrow of the machine is alive while an application runs.

mod answering;
mod protocol;
mod reading;
mod switching;

use ferrio_http::h1::server::Connection as Machine;
use pyo3::exceptions::PyRuntimeError;
use pyo3::types::PyString;

use crate::event_loop::run::both;
use crate::ffi::call::copy_context;
use crate::ffi::prelude::*;
use crate::http::below::Below;
use crate::http::exchange::Exchange;
use crate::http::room::Room;
use crate::http::serving::Serving;
use crate::net::watching::{defer, engine_of};
use crate::waiting::locks::Finished;

pub(crate) use protocol::delivery_to;

/// Of a body that nobody has asked for, this much is read; uvicorn's number.
const HIGH: usize = 64 * 1024;

/// A larger body is sent from where it lies: below it a copy is cheaper than another piece.
const LARGE: usize = 4 * 1024;

/// As `LARGE`, where each piece is encrypted on its own, or answers leave together.
const VERY_LARGE: usize = 16 * 1024;

/// How many seconds a client has to answer the close of its WebSocket; uvicorn's number.
const CLOSE_TIMEOUT: f64 = 10.0;

/// How many seconds a client may go on sending when its last answer has left.
const LINGER: f64 = 2.0;

/// How many seconds a connection that is to end waits for the request that its client may have sent before it could know.
const ON_ITS_WAY: f64 = 0.05;

/// See the module.
#[repr(C)]
pub(crate) struct HttpConnection {
    head: Head,
    pub(super) serving: Slot,
    below: Below,
    machine: RefCell<Machine>,
    /// Bytes that came and were not used yet.
    rest: RefCell<Vec<u8>>,
    /// What is to be sent when `data_received` is done.
    out: RefCell<Vec<u8>>,
    /// `data_received` reads.
    reads: Cell<bool>,
    /// Bytes came behind the request that is under way, which are read next.
    follows: Cell<bool>,
    /// The transport was told to read no more.
    paused: Cell<bool>,
    room: Room,
    /// The request whose answer is due, or that was answered last.
    exchange: Slot,
    client: Slot,
    server: Slot,
    /// What the environments of its requests have, where the application is WSGI's.
    environ: Slot,
    /// The context that the connection was made in: each request's task has a copy.
    context: Ref,
    /// What scopes say of extensions, where TLS is one.
    extensions: Slot,
    /// When the present phase is over, in seconds of the server's clock; infinite where it has no limit.
    pub(super) deadline: Cell<f64>,
    closing: Cell<bool>,
    /// It ends, and its client, which may be sending still, is read on.
    lingers: Cell<bool>,
    /// A head has begun to come, and is not whole.
    heading: Cell<bool>,
    /// How many seconds a client has to answer the close of its WebSocket. As with uvicorn's protocols, it can be set.
    close_timeout: Cell<f64>,
}

/// Calls the connection of an exchange.
pub(crate) fn of_exchange<R>(
    exchange: &Exchange,
    py: Python<'_>,
    body: impl FnOnce(&HttpConnection, &Bound<'_, PyAny>) -> PyResult<R>,
) -> PyResult<R> {
    let object = exchange.connection.bind(py);
    match object.as_ref().and_then(|object| Some((try_state::<HttpConnection>(object)?, object))) {
        Some((connection, object)) => body(connection, object),
        None => Err(gone()),
    }
}

/// The collector has emptied it.
fn gone() -> PyErr {
    PyRuntimeError::new_err("the connection is gone")
}

impl HttpConnection {
    /// A connection of `serving`, which is not connected yet.
    pub(crate) fn create<'py>(serving: &Bound<'py, PyAny>, state: &Serving) -> PyResult<Bound<'py, PyAny>> {
        let connection = HttpConnection {
            head: Head::new::<HttpConnection>(),
            serving: Slot::new(serving.clone().into()),
            below: Below::default(),
            machine: RefCell::new(Machine::new(state.limits.get())),
            rest: RefCell::default(),
            out: RefCell::default(),
            reads: Cell::new(false),
            follows: Cell::new(false),
            paused: Cell::new(false),
            room: Room::default(),
            exchange: Slot::default(),
            client: Slot::default(),
            server: Slot::default(),
            environ: Slot::default(),
            context: copy_context(serving.py())?,
            extensions: Slot::default(),
            deadline: Cell::new(f64::INFINITY),
            closing: Cell::new(false),
            lingers: Cell::new(false),
            heading: Cell::new(false),
            close_timeout: Cell::new(CLOSE_TIMEOUT),
        };
        alloc(&type_object::<HttpConnection>(serving.py())?, connection)
    }

    fn with_serving<R>(
        &self,
        py: Python<'_>,
        body: impl FnOnce(&Serving, &Bound<'_, PyAny>) -> PyResult<R>,
    ) -> PyResult<R> {
        let object = self.serving.bind(py);
        match object.as_ref().and_then(|object| Some((try_state::<Serving>(object)?, object))) {
            Some((serving, object)) => body(serving, object),
            None => Err(PyRuntimeError::new_err("the connection is gone")),
        }
    }

    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let object = self.serving.bind(py);
        let event_loop =
            object.as_ref().and_then(try_state::<Serving>).and_then(|serving| serving.event_loop.bind(py));
        event_loop.ok_or_else(|| PyRuntimeError::new_err("the connection is gone"))
    }

    pub(crate) fn app<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let object = self.serving.bind(py);
        let app = object.as_ref().and_then(try_state::<Serving>).and_then(|serving| serving.app.bind(py));
        app.ok_or_else(|| PyRuntimeError::new_err("the connection is gone"))
    }

    pub(crate) fn transport<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.below.get(py)
    }

    /// How long its client may take nothing of what it was sent, if there is a limit.
    pub(crate) fn send_limit(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let limit = self.with_serving(py, |serving, _| Ok(serving.send_limit()))?;
        Ok(limit.is_finite().then_some(limit))
    }

    /// Whether so much of a body is sent from where it lies.
    fn is_large(&self, length: usize) -> bool {
        let alone = !(self.reads.get() && self.follows.get());
        length > if alone && self.below.is_native() { LARGE } else { VERY_LARGE }
    }

    /// Asks the machine. Only finalizers, which may run anywhere, can find it busy.
    fn with_machine<R>(&self, ask: impl FnOnce(&mut Machine) -> R) -> PyResult<R> {
        match self.machine.try_borrow_mut() {
            Ok(mut machine) => Ok(ask(&mut machine)),
            Err(_) => Err(PyRuntimeError::new_err("the connection is busy reading")),
        }
    }

    /// Has what waited read when all is done that is under way.
    fn go_on_later(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let event_loop = self.event_loop(py)?;
        if engine_of(Some(&event_loop)).is_some() {
            defer::<Self>(this, Some(&event_loop));
            return Ok(());
        }
        event_loop.call_method1(intern!(py, "call_soon"), (this.getattr(intern!(py, "_go_on"))?,)).map(drop)
    }

    /// Writes what gathered.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        let mut out = self.out.take();
        if out.is_empty() {
            return Ok(());
        }
        let result = self.below.write(py, &out);
        out.clear();
        if out.capacity() <= LARGE {
            self.out.replace(out);
        }
        result
    }

    /// Writes what gathered if that is much: an application that streams runs while `data_received` reads, and learns from the
    /// transport alone that its client takes nothing.
    fn flush_much(&self, py: Python<'_>) -> PyResult<()> {
        if self.out.borrow().len() > HIGH { self.flush(py) } else { Ok(()) }
    }

    /// What `send` of an exchange returns.
    pub(crate) fn when_there_is_room<'py>(
        &self,
        exchange: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = exchange.py();
        if self.room.is_full() {
            return self.room.wait(&self.event_loop(py)?, exchange);
        }
        Finished::create(py).map(|one| one.into_bound(py))
    }

    pub(crate) fn report(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.with_serving(py, |serving, _| serving.report(py, kind, value))
    }

    /// The application of an exchange has ended: if its answer is whole, an idle connection does not keep it.
    pub(crate) fn exchange_ended(&self, py: Python<'_>, exchange: &Exchange) {
        let current = self.exchange.bind(py);
        let is_current =
            current.as_ref().and_then(Exchange::of).is_some_and(|one| std::ptr::eq(one, exchange));
        if is_current && exchange.answer.is_whole() && exchange.socket.is_none() {
            drop(self.exchange.take());
        }
        let object = self.serving.bind(py);
        if let Some(serving) = object.as_ref().and_then(try_state::<Serving>) {
            serving.ended();
        }
    }

    /// Closes the connection once what was written is sent, answers that only gathered included. One that lingers goes on to.
    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_parting() {
            return Ok(());
        }
        self.closing.set(true);
        self.deadline.set(f64::INFINITY);
        both(py, self.flush(py), self.below.tell(py, intern!(py, "close")))
    }

    /// Whether it ends in a while, and its client has that long to read.
    fn is_parting(&self) -> bool {
        self.closing.get() && self.deadline.get().is_finite()
    }

    /// Ends the connection behind what was sent last. A client that may be sending still, a body or more requests, is read on.
    fn part(&self, py: Python<'_>, exchange: &Exchange) -> PyResult<()> {
        let follows = if self.reads.get() { self.follows.get() } else { !self.rest.borrow().is_empty() };
        if exchange.is_awaited() || follows || self.paused.get() { self.linger(py) } else { self.close(py) }
    }

    /// As `close`, for a client that may still be sending: it is read on for a moment, or a reset would take the answer from it.
    fn linger(&self, py: Python<'_>) -> PyResult<()> {
        if !self.below.is_native() {
            return self.close(py);
        }
        self.closing.set(true);
        self.lingers.set(true);
        self.deadline.set(self.with_serving(py, |serving, _| serving.now(py))? + LINGER);
        if self.paused.replace(false) {
            self.below.tell(py, intern!(py, "resume_reading"))?;
        }
        both(py, self.flush(py), self.below.end_writing(py))
    }

    fn pause(&self, py: Python<'_>) -> PyResult<()> {
        if self.paused.replace(true) { Ok(()) } else { self.below.tell(py, intern!(py, "pause_reading")) }
    }

    /// Reads again.
    pub(crate) fn read_on(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.paused.replace(false) && !self.closing.get() {
            self.below.tell(this.py(), intern!(this.py(), "resume_reading"))?;
        }
        Ok(())
    }

    /// Tells the access log.
    fn log(&self, py: Python<'_>, exchange: &Exchange, status: u16) -> PyResult<()> {
        let Some(line) = exchange.line(py) else { return Ok(()) };
        self.with_serving(py, |serving, _| match &exchange.socket {
            None => serving.log(&line, status),
            Some(_) if status == 101 => serving.talk(&line, "[accepted]"),
            Some(_) => serving.talk(&line, &status.to_string()),
        })
    }
}
