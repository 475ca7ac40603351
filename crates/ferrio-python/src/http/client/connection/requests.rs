//! Requests go out: heads, bodies, and waiting for room or for 100 Continue.

use std::rc::Rc;

use ferrio_http::h1::{Length, Misuse, Version};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::types::{PyBytes, PyTuple};

use super::ClientConnection;
use crate::event_loop::run::both;
use crate::ffi::buffers::Exported;
use crate::ffi::prelude::*;
use crate::http::client::answer::ClientAnswer;
use crate::http::client::exchange::{Exchange, Stage};
use crate::http::client::waits::{ClientWait, Given, WaitKind, park_in};

/// A larger body is sent from where it lies: below it a copy is cheaper than another piece.
const LARGE: usize = 16 * 1024;

/// A request as its bytes are.
pub(crate) struct Request<'a, 'py, H> {
    pub(crate) method: &'a [u8],
    pub(crate) target: &'a [u8],
    pub(crate) headers: H,
    /// All of the body, if it is there.
    pub(crate) body: Option<&'a Bound<'py, PyBytes>>,
    /// How long a body is that follows.
    pub(crate) length: Length,
    pub(crate) version: Version,
}

impl ClientConnection {
    /// Sends a request, whose answer comes in the exchange that is returned.
    pub(crate) fn begin<'a>(
        &self,
        this: &Bound<'_, PyAny>,
        request: Request<'a, '_, impl Iterator<Item = (&'a [u8], &'a [u8])>>,
    ) -> PyResult<Rc<Exchange>> {
        let py = this.py();
        if !self.is_usable() {
            return Err(PyRuntimeError::new_err("the connection is in use, or has ended"));
        }
        let body = request.body.filter(|body| !body.as_bytes().is_empty());
        let length = match body {
            Some(body) => Length::Known(body.as_bytes().len() as u64),
            None => request.length,
        };
        let mut out = self.out.take();
        out.clear();
        let begun = self.with_machine(|machine| {
            let line = (request.method, request.target);
            machine.request_as(request.version, line, request.headers, length, &mut out)?;
            body.map_or(Ok(()), |body| match body.as_bytes() {
                small if small.len() <= LARGE => machine.body(small, false, &mut out),
                large => machine.frame(large.len(), false, &mut out).map(drop),
            })
        })?;
        if let Err(misuse) = begun {
            self.out.replace(out);
            return Err(misused(&misuse));
        }
        let exchange = self.enter(length != Length::Known(0) && body.is_none());
        let sent = match body.filter(|body| body.as_bytes().len() > LARGE) {
            Some(large) => self.below.write_around(py, &out, large, b""),
            None => self.below.write(py, &out),
        };
        self.keep(out);
        // Half a request is of no use.
        let closed = if sent.is_err() { self.close(this, "closed") } else { Ok(()) };
        both(py, sent, closed).map(|()| exchange)
    }

    /// An exchange begins.
    fn enter(&self, sending: bool) -> Rc<Exchange> {
        let exchange = Rc::new(Exchange::default());
        self.exchange.replace(Some(exchange.clone()));
        self.exchanges.set(self.exchanges.get() + 1);
        self.sending.set(sending);
        self.answering.set(false);
        self.continued.set(false);
        exchange
    }

    fn keep(&self, mut out: Vec<u8>) {
        if out.capacity() <= LARGE {
            out.clear();
            self.out.replace(out);
        }
    }

    /// `send(answer, method, target, headers, body=None, length=None, old=False)`; `old`: by HTTP/1.0.
    pub(super) fn send(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let ([answer, method, target, headers], [body, length, old]) =
            args.bind("send", ["answer", "method", "target", "headers"], ["body", "length", "old"])?;
        let is_old = old.map_or(Ok(false), |old| old.is_truthy())?;
        let answer = state_of::<ClientAnswer>(&answer)?;
        let pairs = pairs(&headers)?;
        let body = given(body).map(Bound::cast_into::<PyBytes>).transpose()?;
        let (method, target) = (method.cast::<PyBytes>()?, target.cast::<PyBytes>()?);
        let request = Request {
            method: method.as_bytes(),
            target: target.as_bytes(),
            headers: pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
            body: body.as_ref(),
            length: match given(length).map(|length| length.extract::<i64>()).transpose()? {
                None => Length::Known(0),
                Some(length) => u64::try_from(length).map_or(Length::Chunked, Length::Known),
            },
            version: if is_old { Version::Http10 } else { Version::Http11 },
        };
        answer.refuse_again()?;
        let exchange = self.begin(this, request)?;
        answer.attach(this, exchange);
        Ok(())
    }

    /// `write(data)`: a part of the body.
    pub(super) fn write_part(&self, this: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        match data.cast::<PyBytes>() {
            Ok(bytes) if bytes.as_bytes().len() > LARGE => self.write_large(this.py(), bytes),
            Ok(bytes) => self.write_small(this.py(), bytes.as_bytes()),
            Err(_) => self.write_small(this.py(), Exported::new(data, false)?.as_ref()),
        }
    }

    fn write_large(&self, py: Python<'_>, data: &Bound<'_, PyBytes>) -> PyResult<()> {
        if !self.sending.get() {
            return Ok(());
        }
        let mut before = Vec::new();
        let frame = self.with_machine(|machine| machine.frame(data.as_bytes().len(), true, &mut before))?;
        let frame = frame.map_err(|misuse| misused(&misuse))?;
        self.below.write_around(py, &before, data, frame.suffix)
    }

    fn write_small(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        if !self.sending.get() {
            return Ok(());
        }
        let mut out = self.out.take();
        out.clear();
        let written = self.with_machine(|machine| machine.body(data, true, &mut out))?;
        let sent = if written.is_ok() { self.below.write(py, &out) } else { Ok(()) };
        self.keep(out);
        written.map_err(|misuse| misused(&misuse)).and(sent)
    }

    /// `end(trailers=())`: the body is whole.
    pub(super) fn end_body(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let ([], [trailers]) = args.bind("end", [], ["trailers"])?;
        let fields = trailers.map_or_else(|| Ok(Vec::new()), |trailers| pairs(&trailers))?;
        if !self.sending.get() {
            return Ok(());
        }
        let mut out = Vec::new();
        let ended = self.with_machine(|machine| {
            let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            machine.trailers(fields, &mut out)
        })?;
        if let Err(misuse) = ended {
            return Err(misused(&misuse));
        }
        self.sending.set(false);
        let sent = self.below.write(this.py(), &out);
        let finished = if self.stage() == Some(Stage::Whole) { self.finish(this) } else { Ok(()) };
        both(this.py(), sent, finished)
    }

    /// `drain()`.
    pub(super) fn drain(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &DRAIN, None, 0).map(Bound::unbind)
    }

    /// `wait_continue()`.
    pub(super) fn wait_continue(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &CONTINUE, None, 0).map(Bound::unbind)
    }

    /// `upgrade()`: the transport, and what came behind the head.
    pub(super) fn upgrade(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let exchange = self.current().filter(|exchange| exchange.upgraded.get());
        let (Some(exchange), Some(transport)) = (exchange, self.below.get(py)) else {
            return Err(PyRuntimeError::new_err("the connection has not switched to another protocol"));
        };
        let rest = PyBytes::new(py, &self.rest.take());
        exchange.end(None);
        self.below.leave();
        self.end(this, "closed", None)?;
        Ok((transport, rest).into_pyobject(py)?.into_any().unbind())
    }
}

/// Pairs of bytes.
fn pairs<'py>(headers: &Bound<'py, PyAny>) -> PyResult<Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>> {
    let pair = |pair: PyResult<Bound<'py, PyAny>>| {
        let pair = pair?;
        let pair = pair.cast::<PyTuple>()?;
        Ok((pair.get_item(0)?.cast_into()?, pair.get_item(1)?.cast_into()?))
    };
    headers.try_iter()?.map(pair).collect()
}

#[cold]
fn misused(misuse: &Misuse) -> PyErr {
    PyValueError::new_err(misuse.to_string())
}

static DRAIN: WaitKind = WaitKind {
    name: "HttpClientConnection.drain",
    look: |this, _| {
        let connection = state_of::<ClientConnection>(this)?;
        Ok((!connection.is_full()).then(|| this.py().None().into_bound(this.py())))
    },
    park: |this, _| {
        let connection = state_of::<ClientConnection>(this)?;
        connection.room.park(&connection.event_loop(this.py())?)
    },
    leave: |_, _| Ok(()),
};

static CONTINUE: WaitKind = WaitKind {
    name: "HttpClientConnection.wait_continue",
    look: |this, _| {
        let (py, connection) = (this.py(), state_of::<ClientConnection>(this)?);
        let waits = connection.stage() == Some(Stage::Head) && !connection.continued.get();
        if waits { Ok(None) } else { connection.continued.get().into_bound_py_any(py).map(Some) }
    },
    park: |this, _| {
        let connection = state_of::<ClientConnection>(this)?;
        park_in(&connection.continuing, &connection.event_loop(this.py())?)
    },
    leave: |_: &Bound<'_, PyAny>, _: Given<'_, '_>| Ok(()),
};
