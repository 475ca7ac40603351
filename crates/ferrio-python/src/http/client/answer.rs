//! `ClientAnswer`: an answer as a program has it in hand; the base of `ClientResponse`.
//!
//! ```text
//! empty ── send() ──▶ awaited ── _wait() ──▶ has a head ── read() ──▶ has its body
//!                        └───────────────────────┴── release(), close(), dropped ──▶ released: the connection is closed, unless
//!                                                                                   the exchange was over
//! ```

use std::rc::Rc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::types::PyBytes;

use crate::event_loop::which::running_loop;
use crate::ffi::object::new;
use crate::ffi::prelude::*;
use crate::http::client::connection::ClientConnection;
use crate::http::client::exchange::{Exchange, Heading, Stage};
use crate::http::client::varied::Varied;
use crate::http::client::waits::{ClientWait, WaitKind, park_in};
use crate::http::packed::Packed;
use crate::waiting::locks::Finished;

/// See the module.
#[derive(Default)]
pub(crate) struct ClientAnswer {
    pub(super) exchange: RefCell<Option<Rc<Exchange>>>,
    /// The connection that the exchange is on, or was.
    pub(super) connection: Slot,
    pub(crate) method: Slot,
    pub(crate) session: Slot,
    pub(crate) route: Slot,
    /// How the request differed from its route.
    pub(crate) varied: RefCell<Option<Box<Varied>>>,
    /// All of the body, once it was read.
    pub(super) body: Slot,
    pub(super) released: Cell<bool>,
}

impl ClientAnswer {
    /// An answer is filled once.
    pub(crate) fn refuse_again(&self) -> PyResult<()> {
        if self.exchange.borrow().is_some() {
            return Err(PyRuntimeError::new_err("the answer is in use"));
        }
        Ok(())
    }

    /// A request was sent, whose answer this becomes.
    pub(crate) fn attach(&self, connection: &Bound<'_, PyAny>, exchange: Rc<Exchange>) {
        self.connection.set(connection.clone());
        self.exchange.replace(Some(exchange));
    }

    pub(crate) fn exchange(&self) -> PyResult<Rc<Exchange>> {
        self.exchange.borrow().clone().ok_or_else(|| PyRuntimeError::new_err("no request was sent"))
    }

    pub(super) fn heading<R>(&self, ask: impl FnOnce(&Heading) -> R) -> Option<R> {
        self.exchange.borrow().as_ref().and_then(|exchange| exchange.heading.get().map(ask))
    }

    /// The value of the first header of that name.
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.heading(|heading| heading.fields.find(name).is_some()).unwrap_or_default()
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.heading(|heading| heading.status)
    }

    /// Whether it failed since the server had ended its connection before. What we ended ourselves, for a time limit or with the
    /// session, is not to be sent again.
    pub(crate) fn was_stale(&self, py: Python<'_>) -> bool {
        let connection = self.connection.bind(py);
        let connection = connection.as_ref().and_then(try_state::<ClientConnection>);
        self.was_ended_by_server(py) && connection.is_some_and(ClientConnection::was_stale)
    }

    /// Whether it failed since the server ended its connection.
    pub(crate) fn was_ended_by_server(&self, py: Python<'_>) -> bool {
        let failure = self.exchange.borrow().as_ref().and_then(|exchange| exchange.failure(py));
        failure.is_some_and(|(kind, _)| matches!(kind, "disconnected" | "lost"))
    }

    /// Tells the connection, while the exchange is on it.
    fn with_connection(
        &self,
        py: Python<'_>,
        exchange: &Exchange,
        tell: impl FnOnce(&ClientConnection, &Bound<'_, PyAny>) -> PyResult<()>,
    ) -> PyResult<()> {
        let object = self.connection.bind(py).filter(|_| !exchange.over.get());
        match object.as_ref().and_then(|object| Some((try_state::<ClientConnection>(object)?, object))) {
            Some((connection, object)) => tell(connection, object),
            None => Ok(()),
        }
    }

    /// Gives the connection up, unless the exchange is over.
    pub(crate) fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.released.set(true);
        let Some(exchange) = self.exchange.borrow().clone() else { return Ok(()) };
        self.with_connection(py, &exchange, |connection, object| connection.give_up(object, &exchange))
    }

    /// The exception of an answer that failed.
    pub(crate) fn error(&self, this: &Bound<'_, PyAny>, exchange: &Exchange) -> PyErr {
        let py = this.py();
        if let Some(error) = exchange.error.bind(py) {
            return raised::raise(&error);
        }
        let (kind, detail) = exchange.failure(py).unwrap_or(("closed", None));
        match self.failure(this, kind, detail) {
            Ok(error) => {
                exchange.error.set(error.clone());
                raised::raise(&error)
            }
            Err(error) => error,
        }
    }

    fn failure<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        kind: &str,
        detail: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let connection = self.connection.bind(py);
        let make =
            connection.as_ref().and_then(try_state::<ClientConnection>).and_then(|one| one.failure.bind(py));
        match make {
            Some(make) => make.call1((kind, detail, this)),
            None => Ok(PyRuntimeError::new_err(kind.to_owned()).into_value(py).into_bound(py).into_any()),
        }
    }

    /// Reads once more now.
    pub(super) fn pull(&self, py: Python<'_>, exchange: &Exchange) -> PyResult<()> {
        self.with_connection(py, exchange, |connection, _| connection.pull(py))
    }

    /// Reads on, however much waits: what waits is not enough for somebody.
    pub(super) fn read_more(&self, py: Python<'_>, exchange: &Exchange) -> PyResult<()> {
        self.with_connection(py, exchange, |connection, _| connection.read_on(py))
    }

    /// Reads on if so little waits that there is room.
    pub(super) fn read_on(&self, py: Python<'_>, exchange: &Exchange) -> PyResult<()> {
        if exchange.over.get() || exchange.buffered() > LOW && !exchange.wants_all.get() {
            return Ok(());
        }
        self.read_more(py, exchange)
    }

    /// A future that is told of news.
    pub(crate) fn park<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let exchange = self.exchange()?;
        exchange.refuse_second(py)?;
        let connection = self.connection.bind(py);
        let connection = connection.as_ref().and_then(try_state::<ClientConnection>);
        let event_loop = connection.map(|connection| connection.event_loop(py)).transpose()?;
        let event_loop = event_loop.ok_or_else(|| PyRuntimeError::new_err("the connection is gone"))?;
        park_in(&exchange.waiter, &event_loop)
    }

    /// Whoever waited for `future` does so no more, and others may. Nobody is woken: the loop may be closed.
    pub(crate) fn unpark(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let exchange = self.exchange()?;
        if exchange.waiter.bind(future.py()).is_some_and(|waiter| waiter.is(future)) {
            drop(exchange.waiter.take());
        }
        Ok(())
    }

    /// Whether the head is there; an error if it will never be.
    pub(crate) fn has_begun(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        let exchange = self.exchange()?;
        if exchange.heading.get().is_some() {
            return Ok(true);
        }
        if exchange.stage.get() == Stage::Failed { Err(self.error(this, &exchange)) } else { Ok(false) }
    }

    /// All of the body, if it is there.
    fn look_for_all<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = this.py();
        if let Some(body) = self.body.bind(py).filter(|_| !self.released.get()) {
            return Ok(Some(body));
        }
        let exchange = self.readable(this)?;
        exchange.refuse_second(py)?;
        if exchange.stage.get() == Stage::Whole {
            let body = exchange.take_all(py)?.into_any();
            self.body.set(body.clone());
            return Ok(Some(body));
        }
        exchange.collect(py)?;
        self.read_on(py, &exchange)?;
        Ok(None)
    }

    /// An error where nothing can be read any more.
    pub(super) fn readable(&self, this: &Bound<'_, PyAny>) -> PyResult<Rc<Exchange>> {
        let exchange = self.exchange()?;
        if self.released.get() {
            if exchange.error.is_empty() {
                exchange.error.set(self.failure(this, "closed", None)?);
            }
            return Err(self.error(this, &exchange));
        }
        if exchange.stage.get() == Stage::Failed { Err(self.error(this, &exchange)) } else { Ok(exchange) }
    }
}

/// Reading goes on when no more of the body waits.
const LOW: usize = 64 * 1024;

pub(crate) static HEAD: WaitKind = WaitKind {
    name: "HttpAnswer._wait",
    look: |this, _| Ok(state_of::<ClientAnswer>(this)?.has_begun(this)?.then(|| this.clone())),
    park: |this, _| state_of::<ClientAnswer>(this)?.park(this.py()),
    leave: |this, _| state_of::<ClientAnswer>(this)?.release(this.py()),
};

static ALL: WaitKind = WaitKind {
    name: "ClientResponse.read",
    look: |this, _| state_of::<ClientAnswer>(this)?.look_for_all(this),
    park: |this, _| state_of::<ClientAnswer>(this)?.park(this.py()),
    leave: |this, _| state_of::<ClientAnswer>(this)?.release(this.py()),
};

/// What Python code calls.
impl ClientAnswer {
    fn wait(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &HEAD, None, 0).map(Bound::unbind)
    }

    fn read(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &ALL, None, 0).map(Bound::unbind)
    }

    fn release_method(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.release(this.py())?;
        Finished::create(this.py())
    }

    fn close_method(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.release(this.py())
    }

    fn header(&self, this: &Bound<'_, PyAny>, name: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let name = name.cast::<PyBytes>()?.as_bytes();
        let find = |heading: &Heading| {
            heading.fields.find(name).map(|value| PyBytes::new(this.py(), value).into_any().unbind())
        };
        Ok(self.heading(find).flatten())
    }

    /// `_fill(status, reason, headers, body)`: an answer that came without a connection.
    fn fill(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [status, reason, headers, body] = args.all("_fill", ["status", "reason", "headers", "body"])?;
        self.refuse_again()?;
        let reason: String = reason.extract()?;
        let headers: Vec<(Vec<u8>, Vec<u8>)> =
            headers.try_iter()?.map(|pair| pair?.extract()).collect::<PyResult<_>>()?;
        let fields = headers.iter().map(|(name, value)| (&name[..], &value[..]));
        let fields = Packed::copied(std::iter::once((&b""[..], reason.as_bytes())).chain(fields), 0);
        let body = body.cast::<PyBytes>()?;
        let body = body.as_bytes();
        let exchange = Rc::new(Exchange::default());
        let length = Some(body.len() as u64);
        exchange.begin(Heading { status: status.extract()?, minor: 1, fields, length });
        exchange.add(this.py(), body)?;
        exchange.end(None);
        exchange.over.set(true);
        self.exchange.replace(Some(exchange));
        Ok(())
    }
}

impl Drop for ClientAnswer {
    /// Nobody reads it any more.
    fn drop(&mut self) {
        let (Some(exchange), Some(connection)) = (self.exchange.take(), self.connection.take()) else {
            return;
        };
        if exchange.over.get() {
            return;
        }
        connection.with(|object| {
            if let Err(error) = give_up_from_anywhere(object, exchange.clone()) {
                error.write_unraisable(object.py(), Some(object));
            }
        });
    }
}

/// Gives an exchange up on its loop's thread: the last reference to an answer can go in any, by a collection.
fn give_up_from_anywhere(object: &Bound<'_, PyAny>, exchange: Rc<Exchange>) -> PyResult<()> {
    let py = object.py();
    let Some(connection) = try_state::<ClientConnection>(object) else { return Ok(()) };
    // Where the collector has emptied it, its transport closes by itself.
    let Ok(event_loop) = connection.event_loop(py) else { return Ok(()) };
    let runs = call_method0(&event_loop, intern!(py, "is_running"))?.is_truthy()?;
    if !runs || running_loop(py).is_ok_and(|here| here.is(&event_loop)) {
        return connection.give_up(object, &exchange);
    }
    let answer = alloc(&type_object::<ClientAnswer>(py)?, ClientAnswer::default())?;
    state_of::<ClientAnswer>(&answer)?.attach(object, exchange);
    let close = answer.getattr(intern!(py, "close"))?;
    event_loop.call_method1(intern!(py, "call_soon_threadsafe"), (close,)).map(drop)
}

/// What it holds of an exchange is its own to show once that is over (ONE of `exchange`).
impl Held for ClientAnswer {
    fn show(&self, visitor: &mut Visitor<'_>) {
        for slot in [&self.connection, &self.method, &self.session, &self.route, &self.body] {
            slot.show(visitor);
        }
        if let Some(exchange) = self.exchange.borrow().as_ref().filter(|exchange| exchange.over.get()) {
            exchange.show(visitor);
        }
    }

    fn empty(&self) {
        for slot in [&self.session, &self.route, &self.body] {
            slot.empty();
        }
        if let Some(exchange) = self.exchange.borrow().clone().filter(|exchange| exchange.over.get()) {
            Exchange::empty(&exchange);
        }
    }
}

impl Native for ClientAnswer {
    const NAME: &'static CStr = c"ferrio._ferrio.HttpAnswer";
    const DOC: &'static CStr = c"An answer of an HTTP server; the base of ClientResponse.";
    const NEW: New = Some(new::<ClientAnswer>);

    kept!();

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        self.show(visitor);
    }

    fn clear(&self) {
        self.empty();
    }

    fn members() -> Members {
        members! { ClientAnswer;
            bare c"_wait" c"Wait for the head." => wait;
            light bare c"read" c"All of the body." => read;
            light method c"_read_any" c"What there is of the body." => read_any;
            light method c"_next_piece" c"What there is of the body, for an iterator." => next_piece;
            light bare c"_read_chunk" c"What there is of a chunk, and whether that ends it." => read_chunk;
            light bare c"_next_chunk" c"What there is of a chunk, for an iterator." => next_chunk;
            light method c"_read_until" c"What there is up to a separator, at most so much." => read_until;
            method c"_read_until_now" c"The same without waiting, or nothing." => read_until_now;
            light method c"_next_line" c"A line, at most so long, for an iterator." => next_line;
            light method c"_read_exactly" c"So much of the body." => read_exactly;
            light bare c"_read_rest" c"What is left of the body, once that is whole." => read_rest;
            method c"_read_now" c"What there is of the body, without waiting." => read_now;
            one c"_unread" c"Put data in front of what is there." => unread;
            one c"_fail" c"Have whoever reads the body see that exception." => fail;
            attribute c"_error" => error_attribute;
            attribute c"_is_awaited" => awaited;
            bare c"release" c"Give the connection back." => release_method;
            bare c"close" c"Close the connection, unless it was given back." => close_method;
            one c"_header" c"The first header of that name." => header;
            method c"_fill" c"Make it an answer that came without a connection." => fill;
            field c"method" => method;
            field c"_session" => session;
            field c"_route" => route;
            field c"_body" => body;
            shown c"_released" => released;
            attribute c"status" => status_attribute;
            attribute c"reason" => reason_attribute;
            attribute c"raw_headers" => raw_headers;
            attribute c"_target" => target;
            attribute c"_sent_headers" => sent_headers;
            attribute c"_minor_version" => minor_attribute;
            attribute c"_trailers" => trailers;
            attribute c"_early" => early;
            attribute c"_connection" => connection_attribute;
            attribute c"_upgraded" => upgraded;
            attribute c"_buffered" => buffered;
            attribute c"_received" => received;
            attribute c"_whole" => whole;
            attribute c"_at_eof" => at_eof;
            attribute c"closed" => closed;
        }
    }
}
