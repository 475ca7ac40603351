//! `Draining`: the coroutine of `StreamWriter.drain()`.
//!
//! ```text
//! New ── step: there is room ───────────────────────────────────────────▶ Done
//!  ├──── the transport closes: yields None ──▶ Yielded ── step: look ───▶ Done, Asking
//!  └──── no room: asks the protocol ─────────▶ Asking: steps of its coroutine ──▶ Done
//! ```
//!
//! Whether there is room a plain protocol of ours is asked natively. Who has to wait does so in asyncio's own
//! `_drain_helper()`, or that of the protocol's class.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::{PyConnectionResetError, PyValueError};
use pyo3::prelude::*;
use pyo3::{IntoPyObjectExt, intern};

use crate::ffi::call::{Sent, is_native_coroutine, send_none, throw_into, with_python};
use crate::ffi::coroutine::{Coroutine, Life, Step, coroutine_slots, reused, warn_never_awaited};
use crate::ffi::heap_type::{Native, Place, Visitor, try_state};
use crate::ffi::instances::alloc_tracked;
use crate::ffi::members::{Members, members};
use crate::ffi::raised;
use crate::ffi::reference::Slot;
use crate::net::streams::protocol::StreamReaderProtocol;
use crate::net::streams::reader::{self, StreamReader};
use crate::net::streams::short;
use crate::net::streams::writer::StreamWriter;

const NAME: &str = "StreamWriter.drain";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Running,
    Yielded,
    Asking,
    Done,
}

/// See the module.
pub(crate) struct Draining {
    stage: Cell<Stage>,
    writer: Slot,
    /// What waits, while it asks.
    waiting: Slot,
}

impl Draining {
    pub(crate) fn create<'py>(writer: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let state = Draining {
            stage: Cell::new(Stage::New),
            writer: Slot::new(writer.clone().into()),
            waiting: Slot::default(),
        };
        let this = alloc_tracked(writer.py(), state)?;
        Ok(this)
    }

    fn qualified_name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        NAME.into_py_any(this.py())
    }

    fn short_name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        short(NAME).into_py_any(this.py())
    }

    /// What tools ask a coroutine: what it waits for.
    fn awaited(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.waiting.object(this.py()))
    }

    fn target_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.writer.object(this.py()))
    }

    fn is_running(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.stage.get() == Stage::Running)
    }

    /// One step, and the stage it leads to.
    fn go<'py>(&self, py: Python<'py>, writer: &StreamWriter, stage: Stage) -> PyResult<(Stage, Step<'py>)> {
        let nothing = || py.None().into_bound(py);
        if stage == Stage::New {
            if let Some(reader) = writer.reader(py)
                && let Some(exception) = failure(&reader)?
            {
                return Err(PyErr::from_value(exception));
            }
            if writer.is_closing(py)? {
                // connection_lost() comes in the turn after this one, and with it the reason.
                return Ok((Stage::Yielded, Step::Yield(nothing())));
            }
        }
        if stage != Stage::Asking && !self.ask(py, writer)? {
            return Ok((Stage::Done, Step::Return(nothing())));
        }
        let Some(waiting) = self.waiting.bind(py) else { return Ok((Stage::Done, Step::Return(nothing()))) };
        Ok(match send_none(&waiting)? {
            Sent::Yielded(yielded) => (Stage::Asking, Step::Yield(yielded)),
            Sent::Returned(_) => (Stage::Done, Step::Return(nothing())),
        })
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

    fn finish(&self) {
        self.stage.set(Stage::Done);
        drop(self.waiting.take());
        drop(self.writer.take());
    }

    fn settle<'py>(&self, result: PyResult<(Stage, Step<'py>)>) -> PyResult<Step<'py>> {
        match result {
            Ok((Stage::Done, step)) => {
                self.finish();
                Ok(step)
            }
            Ok((stage, step)) => {
                self.stage.set(stage);
                Ok(step)
            }
            Err(error) => {
                self.finish();
                Err(error)
            }
        }
    }
}

/// What the reader was told by `set_exception`.
fn failure<'py>(reader: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = reader.py();
    if let Some(state) = try_state::<StreamReader>(reader)
        && reader.get_type().is(reader::CLASS.ours(py)?)
    {
        return Ok(state.failure(py));
    }
    let exception = reader.call_method0(intern!(py, "exception"))?;
    Ok((!exception.is_none()).then_some(exception))
}

impl Draining {
    /// Ends it, and what it waits for.
    fn give_up(&self) {
        let waiting = self.waiting.take();
        self.finish();
        with_python(|py| {
            let Some(waiting) = waiting.map(|waiting| waiting.into_bound(py)) else { return };
            let close = waiting.getattr_opt(intern!(py, "close"));
            if let Err(error) = close.and_then(|close| close.map_or(Ok(()), |close| close.call0().map(drop)))
            {
                error.write_unraisable(py, Some(&waiting));
            }
        });
    }
}

impl Coroutine for Draining {
    const LIGHT: bool = true;

    fn life(&self) -> Life {
        match self.stage.get() {
            Stage::New => Life::New,
            Stage::Done => Life::Ended,
            _ => Life::Begun,
        }
    }

    fn step<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let stage = self.stage.get();
        if stage == Stage::Running {
            return Err(PyValueError::new_err("coroutine already executing"));
        }
        let object = self.writer.bind(py);
        let Some(writer) = object.as_ref().and_then(try_state::<StreamWriter>) else {
            return Err(reused());
        };
        self.stage.set(Stage::Running);
        self.settle(self.go(py, writer, stage))
    }

    fn close(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.give_up();
        Ok(())
    }

    fn throw<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        let Some(waiting) = self.waiting.bind(py) else {
            self.finish();
            return Err(error);
        };
        self.stage.set(Stage::Running);
        self.settle(throw_into(&waiting, &raised::value(py, &error)).map(|sent| match sent {
            Sent::Yielded(yielded) => (Stage::Asking, Step::Yield(yielded)),
            Sent::Returned(_) => (Stage::Done, Step::Return(py.None().into_bound(py))),
        }))
    }
}

impl Native for Draining {
    const NAME: &'static CStr = c"ferrio._ferrio.StreamDraining";
    const DOC: &'static CStr = c"The drain operation of a stream, to be awaited.";
    const KEPT: usize = 256;

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        coroutine_slots::<Draining>().and(members! { Draining;
            methods {}
            attributes {
                c"__qualname__" => qualified_name;
                c"__name__" => short_name;
                c"cr_await" => awaited;
                c"_target" => target_attribute;
                c"cr_running" => is_running;
            }
        })
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        visitor.raw(self.writer.as_ptr());
        visitor.raw(self.waiting.as_ptr());
    }

    fn clear(&self) {
        drop(self.writer.take());
        drop(self.waiting.take());
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        match self.stage.get() {
            Stage::New => warn_never_awaited(NAME),
            Stage::Done => {}
            Stage::Running | Stage::Yielded | Stage::Asking => self.give_up(),
        }
    }
}
