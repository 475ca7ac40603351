//! `Draining`: the coroutine of `StreamWriter.drain()`.
//!
//! ```text
//! begin ── there is room ────────────────────────▶ done
//!   ├───── the transport closes: yields None ───── go_on: looks
//!   └───── no room: asks the protocol ───────────── go_on: steps of its coroutine ──▶ done
//! ```
//!
//! A plain protocol is asked natively whether there is room. Who has to wait does so in `_drain_helper()` of the protocol.

use pyo3::exceptions::PyConnectionResetError;

use crate::ffi::call::{is_native_coroutine, send_none, throw_into};
use crate::ffi::prelude::*;
use crate::net::streams::STREAM_READER;
use crate::net::streams::protocol::StreamReaderProtocol;
use crate::net::streams::reader::StreamReader;
use crate::net::streams::writer::StreamWriter;

/// See the module.
pub(crate) struct Draining {
    writer: Slot,
    /// What `_drain_helper()` returned, while that is awaited.
    waiting: Slot,
}

impl StreamWriter {
    pub(super) fn drain(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let state = Draining { writer: Slot::new(this.clone().into()), waiting: Slot::default() };
        alloc_tracked(this.py(), Coroutine::new(state)).map(Bound::unbind)
    }
}

impl Draining {
    /// Looks whether there is room, and waits where there is none.
    fn look<'py>(&self, py: Python<'py>, writer: &StreamWriter) -> PyResult<Step<'py>> {
        if self.ask(py, writer)? { self.wait(py) } else { Ok(nothing(py)) }
    }

    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        self.waiting
            .bind(py)
            .map_or_else(|| Ok(nothing(py)), |waiting| Ok(without_value(send_none(&waiting)?)))
    }

    /// Asks the protocol; whether there is something to wait for.
    fn ask(&self, py: Python<'_>, writer: &StreamWriter) -> PyResult<bool> {
        let protocol = writer.protocol(py).unwrap_or_else(|| py.None().into_bound(py));
        if let Some(state) = try_state::<StreamReaderProtocol>(&protocol).filter(|state| state.is_plain()) {
            if state.is_lost() {
                return Err(PyConnectionResetError::new_err("Connection lost"));
            }
            if !state.is_paused() {
                return Ok(false);
            }
        }
        let helper = protocol.call_method0(intern!(py, "_drain_helper"))?;
        let waiting = if is_native_coroutine(&helper) {
            helper
        } else {
            helper.call_method0(intern!(py, "__await__"))?
        };
        self.waiting.set(waiting);
        Ok(true)
    }
}

/// The exception of the reader, if it has one.
fn failure<'py>(reader: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = reader.py();
    if let Some(state) = try_state::<StreamReader>(reader)
        && reader.get_type().is(STREAM_READER.ours(py)?)
    {
        return Ok(state.failure(py));
    }
    let exception = reader.call_method0(intern!(py, "exception"))?;
    Ok((!exception.is_none()).then_some(exception))
}

impl Coroutine<Draining> {}

held!(Draining: writer, waiting);

// Without its list `echo_streams` takes 2.5 % more instructions.
kind!(Draining, c"ferrio._ferrio.StreamDraining", c"The drain operation of a stream, to be awaited.", KEPT: usize = 256);

impl Steps for Draining {
    fn name(&self) -> &'static str {
        "StreamWriter.drain"
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let object = self.writer.bind(py);
        let Some(writer) = object.as_ref().and_then(try_state::<StreamWriter>) else {
            return Ok(nothing(py));
        };
        if let Some(reader) = writer.reader(py)
            && let Some(exception) = failure(&reader)?
        {
            return Err(PyErr::from_value(exception));
        }
        if writer.is_closing(py)? {
            // connection_lost() comes in the turn after this one, and with it the reason.
            return Ok(Step::Yield(py.None().into_bound(py)));
        }
        self.look(py, writer)
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let object = self.writer.bind(py);
        match object.as_ref().and_then(try_state::<StreamWriter>) {
            Some(writer) if self.waiting.is_empty() => self.look(py, writer),
            _ => self.wait(py),
        }
    }

    fn thrown<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        let Some(waiting) = self.waiting.bind(py) else { return Err(error) };
        Ok(without_value(throw_into(&waiting, &raised::value(py, &error))?))
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        let close = self.waiting.bind(py).map(|waiting| waiting.getattr_opt(intern!(py, "close")));
        close.transpose()?.flatten().map_or(Ok(()), |close| close.call0().map(drop))
    }

    fn members() -> Members {
        members! { Coroutine<Draining>;
            shown c"cr_await" => steps.waiting;
            shown c"_target" => steps.writer;
        }
    }
}

/// For one that the collector has emptied, and where there is room.
fn nothing(py: Python<'_>) -> Step<'_> {
    Step::Return(py.None().into_bound(py))
}

/// What it waits for returns something that is not said.
fn without_value(step: Step<'_>) -> Step<'_> {
    match step {
        Step::Return(value) => nothing(value.py()),
        step @ Step::Yield(_) => step,
    }
}
