//! `wait_for()`, from Python 3.12 on: a native coroutine that awaits what it was given within a `Timeout`.
//!
//! Before 3.12, `wait_for` runs what it was given in a task of its own, so that asyncio's stays in its place there. A
//! timeout that is over at once is asyncio's business, too.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::event_loop::support;
use crate::event_loop::which::running_loop;
use crate::ffi::args::{Args, missing};
use crate::ffi::call::{Sent, is_native_coroutine, send_none, throw_into};
use crate::ffi::coroutine::{Coroutine, Life, Step, coroutine_slots, reused, warn_never_awaited};
use crate::ffi::heap_type::{Native, Place, Visitor, try_state};
use crate::ffi::instances::alloc_tracked;
use crate::ffi::members::{Members, members};
use crate::ffi::raised;
use crate::ffi::recursion::nested;
use crate::ffi::reference::Slot;
use crate::tasks::outcome::exact_outcome;
use crate::waiting::sleep::Sleep;
use crate::waiting::timeouts::Timeout;

/// A `wait_for()` may await another.
const DEEP: &CStr = c" in wait_for()";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    New,
    Waiting,
    Done,
}

/// See the module.
#[derive(Default)]
pub(crate) struct WaitFor {
    stage: Cell<Stage>,
    /// What it was given, then what it drives.
    awaited: Slot,
    /// The limit it was given, then a `Timeout`, or nothing.
    limit: Slot,
}

/// `wait_for(fut, timeout)`.
pub(crate) fn wait_for<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let [Some(awaited), Some(limit)] = args.bind("wait_for", ["fut", "timeout"], 2)? else {
        return Err(missing("wait_for", "timeout"));
    };
    let state = WaitFor {
        stage: Cell::new(Stage::New),
        awaited: Slot::new(awaited.to_owned().into()),
        limit: Slot::new(limit.to_owned().into()),
    };
    let this = alloc_tracked(py, state)?;
    Ok(this)
}

/// What a `wait_for()` was given, or drives.
pub(crate) fn inner_coroutine<'py>(coroutine: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    try_state::<WaitFor>(coroutine)?.awaited.bind(coroutine.py())
}

impl WaitFor {
    fn begin<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        self.stage.set(Stage::Done);
        let (Some(awaited), Some(limit)) = (self.awaited.bind(py), self.limit.take()) else {
            return Ok(Step::Return(py.None().into_bound(py)));
        };
        let limit = limit.into_bound(py);
        let inner = if !limit.is_none() && limit.le(0)? {
            support::helper(py, intern!(py, "wait_for"))?.call1((awaited, limit))?
        } else {
            let event_loop = running_loop(py)?;
            let timeout = Timeout::after(&event_loop, &limit)?;
            if let Some(state) = try_state::<Timeout>(&timeout) {
                state.enter(&timeout, &event_loop)?;
            }
            self.limit.set(timeout);
            if is_iterator(&awaited) {
                awaited
            } else {
                support::helper(py, intern!(py, "awaiting"))?.call1((awaited,))?
            }
        };
        self.awaited.set(inner.clone());
        self.stage.set(Stage::Waiting);
        self.advance(py, nested(DEEP, || send_none(&inner)))
    }

    fn advance<'py>(&self, py: Python<'py>, sent: PyResult<Sent<'py>>) -> PyResult<Step<'py>> {
        match sent {
            Ok(Sent::Yielded(value)) => Ok(Step::Yield(value)),
            Ok(Sent::Returned(value)) => {
                self.end(py, None)?;
                Ok(Step::Return(value))
            }
            Err(error) => {
                self.end(py, Some(&raised::value(py, &error)))?;
                Err(error)
            }
        }
    }

    /// Leaves the timeout, which may put an error of its own in the place of this one.
    fn end(&self, py: Python<'_>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.stage.set(Stage::Done);
        drop(self.awaited.take());
        let Some(timeout) = self.limit.take() else { return Ok(()) };
        let timeout = timeout.into_bound(py);
        match try_state::<Timeout>(&timeout) {
            Some(state) => state.exit(py, error),
            None => Ok(()),
        }
    }

    fn name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(PyString::intern(this.py(), "wait_for").into_any().unbind())
    }

    fn awaited_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(if self.stage.get() == Stage::Waiting { self.awaited.object(this.py()) } else { None })
    }
}

/// Whether `await` would use the object itself.
fn is_iterator(object: &Bound<'_, PyAny>) -> bool {
    is_native_coroutine(object)
        || exact_outcome(object).is_some()
        || try_state::<Sleep>(object).is_some()
        || try_state::<WaitFor>(object).is_some()
}

impl Coroutine for WaitFor {
    const LIGHT: bool = true;

    fn life(&self) -> Life {
        match self.stage.get() {
            Stage::New => Life::New,
            Stage::Done => Life::Ended,
            Stage::Waiting => Life::Begun,
        }
    }

    fn step<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        match (self.stage.get(), self.awaited.bind(py)) {
            (Stage::New, _) => self.begin(py),
            (Stage::Waiting, Some(inner)) => self.advance(py, nested(DEEP, || send_none(&inner))),
            _ => Err(reused()),
        }
    }

    fn throw<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        match (self.stage.get(), self.awaited.bind(py)) {
            // A future has no frame in which something could be raised.
            (Stage::Waiting, Some(inner)) if exact_outcome(&inner).is_none() => {
                self.advance(py, nested(DEEP, || throw_into(&inner, &raised::value(py, &error))))
            }
            (Stage::Waiting, _) => self.advance(py, Err(error)),
            _ => {
                self.close(this)?;
                Err(error)
            }
        }
    }

    fn close(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        if self.stage.replace(Stage::Done) != Stage::Waiting {
            drop(self.awaited.take());
            drop(self.limit.take());
            return Ok(());
        }
        let inner = self.awaited.bind(py).filter(|inner| exact_outcome(inner).is_none());
        let close = |inner: Bound<'_, PyAny>| inner.call_method0(intern!(py, "close")).map(drop);
        let closed = inner.map_or(Ok(()), |inner| nested(DEEP, || close(inner)));
        self.end(py, None).and(closed)
    }
}

impl Native for WaitFor {
    const NAME: &'static CStr = c"ferrio._ferrio.WaitFor";
    const DOC: &'static CStr = c"What wait_for() returns, to be awaited.";
    const KEPT: usize = 64;

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        coroutine_slots::<WaitFor>().and(members! { WaitFor;
            methods {}
            attributes {
                c"__qualname__" => name;
                c"__name__" => name;
                c"cr_await" => awaited_attribute;
            }
        })
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        visitor.raw(self.awaited.as_ptr());
        visitor.raw(self.limit.as_ptr());
    }

    fn clear(&self) {
        drop(self.awaited.take());
        drop(self.limit.take());
    }
}

impl Drop for WaitFor {
    fn drop(&mut self) {
        if self.stage.get() == Stage::New && !self.awaited.is_empty() {
            warn_never_awaited("wait_for");
        }
    }
}
