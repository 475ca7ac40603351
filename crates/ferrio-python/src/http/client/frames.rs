//! `Frames`: the client's side of a WebSocket, without I/O: bytes go in, messages come out, and what is to be sent.
//!
//! Frames, masks, compression, and answers to pings and closes are `ferrio_http::ws`'s. Python's `ferrio.http.websocket` has the
//! transport, whoever waits, and the clock. Nothing here calls Python code.

use ferrio_http::ws::handshake::Deflate;
use ferrio_http::ws::{self, Event, Kind, Misuse, Role};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::ffi::buffers::Exported;
use crate::ffi::object::{constructed_slots, new};
use crate::ffi::prelude::*;

/// The numbers of kinds of messages: opcodes, and aiohttp's for an error.
const TEXT: u16 = 1;
const BINARY: u16 = 2;
const CLOSE: u16 = 8;
const PING: u16 = 9;
const PONG: u16 = 10;
const ERROR: u16 = 0x102;

/// A close frame without a code; aiohttp says 0.
const NO_CODE: u16 = 1005;

/// See the module.
#[derive(Default)]
pub(crate) struct Frames {
    machine: RefCell<Option<ws::Connection>>,
    /// What came and makes no whole header yet.
    rest: RefCell<Vec<u8>>,
    /// Texts are given as `str`, not as bytes.
    decodes: Cell<bool>,
    /// Pings are answered here.
    answers: Cell<bool>,
}

impl Constructed for Frames {
    /// `HttpFrames(*, max_message_size=4 MiB, decode_text=True, answer_pings=True, deflate=None)`
    ///
    /// `deflate` is what was agreed on: whether the server and the client begin each message anew, and their windows.
    fn init(&self, _: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        let names = ["max_message_size", "decode_text", "answer_pings", "deflate"];
        let [size, decodes, answers, deflate] = given.bind("HttpFrames", names, 0)?;
        let max_message_size = match size.map_or(Ok(4 << 20), |size| size.extract::<usize>())? {
            0 => usize::MAX >> 1,
            size => size,
        };
        self.decodes.set(decodes.map_or(Ok(true), |decodes| decodes.is_truthy())?);
        self.answers.set(answers.map_or(Ok(true), |answers| answers.is_truthy())?);
        let agreed = match deflate.filter(|deflate| !deflate.is_none()) {
            None => None,
            Some(deflate) => {
                let (server, client, server_bits, client_bits) = deflate.extract()?;
                Some(Deflate {
                    server_no_context_takeover: server,
                    client_no_context_takeover: client,
                    server_max_window_bits: server_bits,
                    client_max_window_bits: client_bits,
                })
            }
        };
        let config = ws::Config { max_message_size, ..ws::Config::default() };
        self.machine.replace(Some(ws::Connection::new(Role::Client, config, agreed)));
        Ok(())
    }
}

impl Frames {
    /// `receive(data)`: a list of messages `(kind, data, extra)`, and the bytes that answer them.
    fn receive(&self, _: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = data.py();
        let mut input = self.rest.take();
        input.extend_from_slice(Exported::new(data, false)?.as_ref());
        let messages = PyList::empty(py);
        let mut answer = Vec::new();
        let mut used = 0;
        loop {
            let before = answer.len();
            let unread = input.get_mut(used..).unwrap_or_default();
            let (count, message, ends) = self.with(|machine| {
                let (count, event) = machine.advance(unread, &mut answer);
                let ends = matches!(event, Event::NeedMore | Event::Closed);
                self.told(py, event).map(|message| (count, message, ends))
            })??;
            used += count;
            if let Some((kind, message)) = message {
                messages.append(message)?;
                if kind == PING && !self.answers.get() {
                    answer.truncate(before);
                }
            }
            if ends {
                break;
            }
        }
        input.drain(..used.min(input.len()));
        self.rest.replace(input);
        (messages, PyBytes::new(py, &answer)).into_py_any(py)
    }

    /// What Python is told of an event.
    fn told<'py>(&self, py: Python<'py>, event: Event<'_>) -> PyResult<Option<(u16, Bound<'py, PyTuple>)>> {
        let nothing = || PyString::new(py, "").into_any();
        let bytes = |data: &[u8]| PyBytes::new(py, data).into_any();
        let (kind, data, extra) = match event {
            Event::Text(text) if self.decodes.get() => (TEXT, PyString::new(py, &text).into_any(), nothing()),
            Event::Text(text) => (TEXT, bytes(text.as_bytes()), nothing()),
            Event::Binary(data) => (BINARY, bytes(&data), nothing()),
            Event::Ping(data) => (PING, bytes(data), nothing()),
            Event::Pong(data) => (PONG, bytes(data), nothing()),
            Event::Close { code, reason } => {
                let code = if code == NO_CODE { 0 } else { code };
                (CLOSE, code.into_bound_py_any(py)?, PyString::new(py, reason).into_any())
            }
            Event::Failed(failed) => {
                (ERROR, failed.code.into_bound_py_any(py)?, PyString::new(py, failed.reason).into_any())
            }
            Event::NeedMore | Event::Closed => return Ok(None),
        };
        Ok(Some((kind, PyTuple::new(py, [kind.into_bound_py_any(py)?, data, extra])?)))
    }

    fn text(&self, _: &Bound<'_, PyAny>, text: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = text.py();
        let text = text.cast::<PyString>()?.to_str()?;
        self.written(py, |machine, out| machine.send_text(text, out))
    }

    fn binary(&self, _: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let exported = Exported::new(data, false)?;
        self.written(data.py(), |machine, out| machine.send_binary(exported.as_ref(), out))
    }

    fn packed(&self, _: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if let Ok(text) = data.cast::<PyString>() {
            let text = text.to_str()?;
            return self
                .written(data.py(), |machine, out| machine.send_packed(Kind::Text, text.as_bytes(), out));
        }
        let exported = Exported::new(data, false)?;
        self.written(data.py(), |machine, out| machine.send_packed(Kind::Binary, exported.as_ref(), out))
    }

    fn ping(&self, _: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let exported = Exported::new(data, false)?;
        self.written(data.py(), |machine, out| machine.ping(exported.as_ref(), out))
    }

    fn pong(&self, _: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let exported = Exported::new(data, false)?;
        self.written(data.py(), |machine, out| machine.pong(exported.as_ref(), out))
    }

    /// `close(code, reason)`: nothing is to be sent where the closing has begun.
    fn close(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [code, reason] = args.all("close", ["code", "reason"])?;
        let code = code.extract()?;
        let reason: String = reason.extract()?;
        let mut out = Vec::new();
        match self.with(|machine| machine.close(code, &reason, &mut out))? {
            Ok(()) | Err(Misuse::Closing) => PyBytes::new(this.py(), &out).into_py_any(this.py()),
            Err(misuse) => Err(PyValueError::new_err(misuse.to_string())),
        }
    }

    /// The bytes of one frame or of several; none where the closing has begun, which the program may not have read yet.
    fn written(
        &self,
        py: Python<'_>,
        write: impl FnOnce(&mut ws::Connection, &mut Vec<u8>) -> Result<(), Misuse>,
    ) -> PyResult<Py<PyAny>> {
        let mut out = Vec::new();
        match self.with(|machine| write(machine, &mut out))? {
            Ok(()) | Err(Misuse::Closing) => PyBytes::new(py, &out).into_py_any(py),
            Err(misuse) => Err(PyValueError::new_err(misuse.to_string())),
        }
    }

    fn with<R>(&self, ask: impl FnOnce(&mut ws::Connection) -> R) -> PyResult<R> {
        let mut machine = self.machine.try_borrow_mut().map_err(|_| PyRuntimeError::new_err("in use"))?;
        machine
            .as_mut()
            .map(ask)
            .ok_or_else(|| PyRuntimeError::new_err("HttpFrames.__init__() was not called"))
    }
}

impl Native for Frames {
    const NAME: &'static CStr = c"ferrio._ferrio.HttpFrames";
    const DOC: &'static CStr = c"The client's side of a WebSocket: bytes in, messages out.";
    const NEW: New = Some(new::<Frames>);

    holds!();

    fn members() -> Members {
        constructed_slots::<Frames>().and(members! { Frames;
            one c"receive" c"Read bytes: a list of messages, and the bytes that answer them." => receive;
            one c"text" c"The frame of a text." => text;
            one c"binary" c"The frame of bytes." => binary;
            one c"packed" c"The frame of either, compressed however short it is." => packed;
            one c"ping" c"The frame of a ping." => ping;
            one c"pong" c"The frame of a pong." => pong;
            method c"close" c"The frame that closes, or nothing where that was sent." => close;
        })
    }
}
