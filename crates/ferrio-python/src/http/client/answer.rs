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
use crate::http::client::exchange::{Exchange, Heading, Stage, busy};
use crate::http::client::fields::Fields;
use crate::http::client::varied::Varied;
use crate::http::client::waits::{ClientWait, WaitKind, park_in};
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
    body: Slot,
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

    /// Reads on if so little waits that there is room.
    fn read_on(&self, py: Python<'_>, exchange: &Exchange) -> PyResult<()> {
        if exchange.over.get() || exchange.buffered() > LOW && !exchange.wants_all.get() {
            return Ok(());
        }
        self.with_connection(py, exchange, |connection, _| connection.read_on(py))
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

    /// What there is of the body; `None` if there is nothing yet.
    fn look_for_any<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        most: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = this.py();
        let exchange = self.readable(this)?;
        // Else that would get a body with a hole.
        if exchange.wants_all.get() && self.body.is_empty() {
            return Err(busy());
        }
        exchange.refuse_second(py)?;
        exchange.wants_all.set(false);
        if exchange.buffered() == 0 && exchange.stage.get() != Stage::Whole {
            self.read_on(py, &exchange)?;
            return Ok(None);
        }
        let taken = exchange.take(py, most)?;
        self.read_on(py, &exchange)?;
        Ok(Some(taken.into_any()))
    }

    /// What there is of a chunk of HTTP's, and whether that ends the chunk.
    fn look_for_chunk<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, exchange) = (this.py(), self.readable(this)?);
        if exchange.has_chunk() && !exchange.wants_all.get() {
            exchange.refuse_second(py)?;
            let taken = exchange.take_chunk(py)?;
            self.read_on(py, &exchange)?;
            return taken.into_bound_py_any(py).map(Some);
        }
        let found = self.look_for_any(this, usize::MAX)?;
        found.map(|found| (found, false).into_bound_py_any(py)).transpose()
    }

    /// An error where nothing can be read any more.
    fn readable(&self, this: &Bound<'_, PyAny>) -> PyResult<Rc<Exchange>> {
        let exchange = self.exchange()?;
        if self.released.get() {
            return Err(raised::raise(&self.failure(this, "closed", None)?));
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

static ANY: WaitKind = WaitKind {
    name: "HttpAnswer._read_any",
    look: |this, given| state_of::<ClientAnswer>(this)?.look_for_any(this, given.count),
    park: |this, _| state_of::<ClientAnswer>(this)?.park(this.py()),
    leave: |_, _| Ok(()),
};

static CHUNK: WaitKind = WaitKind {
    name: "HttpAnswer._read_chunk",
    look: |this, _| state_of::<ClientAnswer>(this)?.look_for_chunk(this),
    ..ANY
};

/// What Python code calls.
impl ClientAnswer {
    fn wait(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &HEAD, None, 0).map(Bound::unbind)
    }

    fn read(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &ALL, None, 0).map(Bound::unbind)
    }

    fn read_any(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &ANY, None, most(args, "_read_any")?).map(Bound::unbind)
    }

    fn read_chunk(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &CHUNK, None, 0).map(Bound::unbind)
    }

    fn read_now(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let most = most(args, "_read_now")?;
        let found = self.look_for_any(this, most)?;
        Ok(found.unwrap_or_else(|| PyBytes::new(this.py(), b"").into_any()).unbind())
    }

    fn unread(&self, this: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        self.exchange()?.put_back(this.py(), data.cast::<PyBytes>()?.as_bytes())
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
        let fields = Fields::copied(std::iter::once((&b""[..], reason.as_bytes())).chain(fields), 0);
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

fn most(args: Args<'_, '_>, method: &str) -> PyResult<usize> {
    let ([], [most]) = args.bind(method, [], ["most"])?;
    match most {
        Some(most) => most.extract(),
        None => Ok(usize::MAX),
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
    let event_loop = connection.event_loop(py)?;
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
            bare c"_read_chunk" c"What there is of a chunk, and whether that ends it." => read_chunk;
            method c"_read_now" c"What there is of the body, without waiting." => read_now;
            one c"_unread" c"Put data in front of what is there." => unread;
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
