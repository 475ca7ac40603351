//! `WsgiCall`: one call of a WSGI application: what it is called with, and what it says.
//!
//! `work`, `start_response` and `write` run on the thread that calls the application, all else on the loop's. An answer of one
//! block is kept here until that thread is done. Where there are more, `stream` is Python's, and takes them.
//!
//! Invariant: no borrow is alive while the application runs, and each field is written by one of both threads, or before the
//! other one knows.

use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyAssertionError, PyTypeError, PyValueError};
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::app::WsgiApp;
use crate::event_loop::run::both;
use crate::ffi::bound_function::BoundFunction;
use crate::ffi::buffers::Exported;
use crate::ffi::call::call2;
use crate::ffi::names::WSGI;
use crate::ffi::prelude::*;
use crate::http::packed::Packed;

/// See the module.
pub(crate) struct WsgiCall {
    app: Slot,
    environ: Slot,
    pub(super) event_loop: Slot,
    /// The request's exchange where that is answered natively.
    pub(super) exchange: Slot,
    /// Its `send`; made of the exchange when it is asked for.
    pub(super) send: Slot,
    pub(super) on_loop: bool,
    pub(super) status: Cell<u16>,
    /// Nothing before `start_response` was called.
    pub(super) headers: RefCell<Option<Packed>>,
    /// The head was sent, or is on its way: it stays as it is.
    pub(super) begun: Cell<bool>,
    /// All that there is of the body.
    pub(super) block: Slot,
    /// What takes more blocks than one: a `Stream`, or on the loop's thread those that were written.
    pub(super) stream: Slot,
    /// On the loop's thread: what the application returned, whose blocks are still to be asked for.
    pub(super) blocks: Slot,
    /// What the coroutine awaits.
    pub(super) inner: Slot,
    /// The application has returned, and what is awaited sends.
    pub(super) returned: Cell<bool>,
    /// How the application was called before the coroutine began.
    pub(super) ahead: Cell<Option<PyResult<()>>>,
    /// The request was cancelled: nothing more is sent.
    pub(super) cancelled: Cell<bool>,
}

held!(WsgiCall: app, environ, event_loop, exchange, send, block, stream, blocks, inner);

impl WsgiCall {
    /// The coroutine of a request. `sends`: its exchange, if it is `direct`, or its `send`.
    pub(crate) fn create<'py>(
        app: &WsgiApp,
        environ: &Bound<'py, PyAny>,
        event_loop: &Bound<'py, PyAny>,
        sends: &Bound<'py, PyAny>,
        direct: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = environ.py();
        let slot = |object: &Bound<'_, PyAny>| Slot::new(object.clone().into());
        let call = WsgiCall {
            app: app.app.bind(py).as_ref().map_or_else(Slot::default, slot),
            environ: slot(environ),
            event_loop: slot(event_loop),
            exchange: if direct { slot(sends) } else { Slot::default() },
            send: if direct { Slot::default() } else { slot(sends) },
            on_loop: app.on_loop.get(),
            status: Cell::new(0),
            headers: RefCell::default(),
            begun: Cell::new(false),
            block: Slot::default(),
            stream: Slot::default(),
            blocks: Slot::default(),
            inner: Slot::default(),
            returned: Cell::new(false),
            ahead: Cell::new(None),
            cancelled: Cell::new(false),
        };
        alloc_tracked(py, Coroutine::new(call))
    }

    /// The state of a call.
    fn of<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a WsgiCall> {
        try_state::<Coroutine<WsgiCall>>(object).map(|coroutine| &coroutine.steps)
    }

    /// Calls the application, and has its blocks taken.
    pub(super) fn work(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let (Some(app), Some(environ)) = (self.app.bind(py), self.environ.bind(py)) else { return Ok(()) };
        let start = BoundFunction::create(this, "start_response", start_response)?;
        let blocks = call2(&app, &environ, &start)?;
        if self.stream.is_empty()
            && !self.begun.get()
            && let Some(block) = only(&blocks)
        {
            let taken = self.take(block);
            let plain = blocks.is_exact_instance_of::<PyList>() || blocks.is_exact_instance_of::<PyTuple>();
            return if plain { taken } else { both(py, taken, close(&blocks)) };
        }
        if self.on_loop {
            self.blocks.set(blocks);
            return Ok(());
        }
        WSGI.helper(py, intern!(py, "put_all"))?.call1((this, blocks)).map(drop)
    }

    fn take(&self, block: Bound<'_, PyAny>) -> PyResult<()> {
        if !self.is_started() {
            return Err(not_started());
        }
        self.block.set(block);
        Ok(())
    }

    /// Whether `start_response` was called.
    fn is_started(&self) -> bool {
        self.headers.borrow().is_some()
    }

    /// Keeps the head of the answer.
    fn start(
        &self,
        py: Python<'_>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let again = exc_info.map_or(Ok(false), PyAnyMethods::is_truthy)?;
        if let Some(exc_info) = exc_info.filter(|_| again && self.begun.get()) {
            let (error, traceback) = (exc_info.get_item(1)?, exc_info.get_item(2)?);
            return Err(raised::raise(&error.call_method1(intern!(py, "with_traceback"), (traceback,))?));
        }
        if !again && self.is_started() {
            return Err(PyAssertionError::new_err("start_response() was called twice without exc_info"));
        }
        let number = number_of(status)?;
        let mut fields = Packed::with_room();
        for pair in headers.try_iter()? {
            add_field(&mut fields, &pair?)?;
        }
        self.status.set(number);
        self.headers.replace(Some(fields));
        if again {
            // On the loop's thread what was written still waits. It belongs to the answer that this one replaces.
            drop(self.stream.take());
        }
        Ok(())
    }

    fn head<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // Not borrowed while objects are made: a collection may run anybody's code.
        let Some(fields) = self.headers.take() else { return Err(not_started()) };
        let headers = fields.tuple(py);
        self.headers.replace(Some(fields));
        let headers = headers?.to_list();
        self.begun.set(true);
        if let Some(block) = self.block.bind(py) {
            add_length(&headers, self.status.get(), &block)?;
        }
        let message = PyDict::new(py);
        message.set_item(intern!(py, "type"), intern!(py, "http.response.start"))?;
        message.set_item(intern!(py, "status"), self.status.get())?;
        message.set_item(intern!(py, "headers"), headers)?;
        Ok(message.into_any())
    }
}

impl Coroutine<WsgiCall> {
    /// `head()`: the message that begins the answer.
    fn head_method(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.steps.head(this.py()).map(Bound::unbind)
    }
}

/// `start_response(status, headers, exc_info=None)` of `call`.
fn start_response<'py>(call: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let ([status, headers], [exc_info]) = args.bind("start_response", ["status", "headers"], ["exc_info"])?;
    if let Some(state) = WsgiCall::of(call) {
        state.start(call.py(), &status, &headers, exc_info.as_deref())?;
    }
    BoundFunction::create(call, "write", write)
}

/// `write(data)` of `call`, which PEP 3333 has for old frameworks.
fn write<'py>(call: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let [data] = args.all("write", ["data"])?;
    WSGI.helper(call.py(), intern!(call.py(), "write"))?.call1((call, data))
}

/// The block of a list or tuple that has no other, and iterates as such.
fn only<'py>(blocks: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    if let Ok(list) = blocks.cast::<PyList>() {
        return if list.len() == 1 && iterates_as::<PyList>(blocks) { list.get_item(0).ok() } else { None };
    }
    let tuple = blocks.cast::<PyTuple>().ok()?;
    if tuple.len() == 1 && iterates_as::<PyTuple>(blocks) { tuple.get_item(0).ok() } else { None }
}

/// Whether `blocks` iterates as its class `T` does, which may have been overridden.
fn iterates_as<T: PyTypeInfo>(blocks: &Bound<'_, PyAny>) -> bool {
    let iter = intern!(blocks.py(), "__iter__");
    let own = || blocks.get_type().getattr(iter).ok();
    let plain = || T::type_object(blocks.py()).getattr(iter).ok();
    blocks.is_exact_instance_of::<T>() || own().zip(plain()).is_some_and(|(own, plain)| own.is(&plain))
}

/// As PEP 3333 wants it, with whatever the application returned.
pub(super) fn close(blocks: &Bound<'_, PyAny>) -> PyResult<()> {
    let close = blocks.getattr_opt(intern!(blocks.py(), "close"))?;
    close.map_or(Ok(()), |close| close.call0().map(drop))
}

/// The number that a status begins with.
fn number_of(status: &Bound<'_, PyAny>) -> PyResult<u16> {
    let text = status.cast::<PyString>().ok().and_then(|text| text.to_str().ok());
    let digits = text.and_then(|text| text.as_bytes().first_chunk::<3>());
    match digits.filter(|digits| digits.iter().all(u8::is_ascii_digit)) {
        Some(digits) => Ok(digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'))),
        None => Err(PyValueError::new_err(format!(
            "start_response(): a status is a text that begins with three digits, not {}",
            status.repr()?
        ))),
    }
}

/// Adds a header as ASGI has it.
fn add_field(fields: &mut Packed, pair: &Bound<'_, PyAny>) -> PyResult<()> {
    let (name, value) = parts(pair)?;
    let (name_text, value_text) = (text_of(&name)?, text_of(&value)?);
    if let (Some(name), Some(value)) = (name_text, value_text) {
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            fields.add(name.to_ascii_lowercase().as_bytes(), value.as_bytes());
        } else {
            fields.add(name.as_bytes(), value.as_bytes());
        }
        return Ok(());
    }
    let name = encoded(&call_method0(&name, intern!(name.py(), "lower"))?)?;
    fields.add(name.as_bytes(), encoded(&value)?.as_bytes());
    Ok(())
}

/// Name and value of a header: of a tuple by right, but servers take anything that has two of them.
fn parts<'py>(pair: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    if let Ok(tuple) = pair.cast_exact::<PyTuple>()
        && tuple.len() == 2
    {
        return Ok((tuple.get_item(0)?, tuple.get_item(1)?));
    }
    let mut parts = pair.try_iter()?;
    let parts = (parts.next().transpose()?, parts.next().transpose()?, parts.next().transpose()?);
    if let (Some(name), Some(value), None) = parts {
        return Ok((name, value));
    }
    let text = format!("start_response(): a header is a tuple of name and value, not {}", pair.repr()?);
    Err(PyTypeError::new_err(text))
}

/// A part of a header, if it is ASCII.
fn text_of<'a>(part: &'a Bound<'_, PyAny>) -> PyResult<Option<&'a str>> {
    let Ok(text) = part.cast::<PyString>() else {
        let kind = part.get_type().qualname()?;
        let text =
            format!("start_response(): names and values of headers are str, not {kind}: {}", part.repr()?);
        return Err(PyTypeError::new_err(text));
    };
    Ok(text.to_str().ok().filter(|text| text.is_ascii()))
}

/// As WSGI has texts: their characters are bytes.
fn encoded<'py>(text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = text.py();
    Ok(call_method1(text, intern!(py, "encode"), intern!(py, "latin1"))?.cast_into()?)
}

/// Adds the length of a body that is all here, unless the head has it, or there can be none. An empty one may be the answer to
/// HEAD, whose length nobody knows; to anything else the server says it.
fn add_length(headers: &Bound<'_, PyList>, status: u16, block: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = headers.py();
    let name = PyBytes::new(py, b"content-length");
    // What has no bytes is refused when it is sent.
    let length = Exported::new(block, false).map_or(0, |bytes| bytes.as_ref().len());
    if length == 0 || status < 200 || status == 204 || status == 304 {
        return Ok(());
    }
    for pair in headers {
        if pair.get_item(0)?.eq(&name)? {
            return Ok(());
        }
    }
    headers.append((name, PyBytes::new(py, length.to_string().as_bytes())))
}

#[cold]
fn not_started() -> PyErr {
    PyAssertionError::new_err("the application did not call start_response()")
}

/// But for those that `running` adds.
pub(super) fn members() -> Members {
    members! { Coroutine<WsgiCall>;
        bare c"head" c"The message that begins the answer, which stays as it is from now on." => head_method;
        shown c"loop" => steps.event_loop;
        shown c"on_loop" => steps.on_loop;
        shown c"begun" => steps.begun;
        shown c"block" => steps.block;
        shown c"blocks" => steps.blocks;
        shown c"cancelled" => steps.cancelled;
        field c"stream" => steps.stream;
        shown c"cr_await" => steps.inner;
    }
}
