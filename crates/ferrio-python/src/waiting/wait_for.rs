//! `wait_for()`, from Python 3.12 on: a native coroutine that awaits its argument within a `Timeout`.
//!
//! Before 3.12 asyncio's `wait_for` runs its argument in a task of its own. There asyncio's function stays in place. asyncio's
//! function also serves timeouts that are over at once.

use crate::event_loop::which::running_loop;
use crate::ffi::call::{is_native_coroutine, send_none, throw_into};
use crate::ffi::coroutine::Life;
use crate::ffi::names::TASKS;
use crate::ffi::prelude::*;
use crate::ffi::recursion::nested;
use crate::tasks::outcome::exact_outcome;
use crate::waiting::sleep::Sleep;
use crate::waiting::timeouts::Timeout;

/// A `wait_for()` may await another.
const DEEP: &CStr = c" in wait_for()";

/// See the module.
pub(crate) struct WaitFor {
    /// The argument; later the coroutine or future that is awaited.
    awaited: Slot,
    /// The time limit; later a `Timeout`, or nothing.
    limit: Slot,
}

/// `wait_for(fut, timeout)`.
pub(crate) fn wait_for<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let [awaited, limit] = args.all("wait_for", ["fut", "timeout"])?;
    let state =
        WaitFor { awaited: Slot::new(awaited.to_owned().into()), limit: Slot::new(limit.to_owned().into()) };
    let this = alloc_tracked(py, Coroutine::new(state))?;
    Ok(this)
}

/// What a `wait_for()` awaits.
pub(crate) fn inner_coroutine<'py>(coroutine: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    try_state::<Coroutine<WaitFor>>(coroutine)?.steps.awaited.bind(coroutine.py())
}

impl WaitFor {
    fn advance<'py>(&self, py: Python<'py>, sent: PyResult<Step<'py>>) -> PyResult<Step<'py>> {
        match sent {
            Ok(Step::Yield(value)) => Ok(Step::Yield(value)),
            Ok(Step::Return(value)) => {
                self.exit(py, None)?;
                Ok(Step::Return(value))
            }
            Err(error) => {
                self.exit(py, Some(&raised::value(py, &error)))?;
                Err(error)
            }
        }
    }

    /// Leaves the timeout, which may raise `TimeoutError` in the place of this error.
    fn exit(&self, py: Python<'_>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        drop(self.awaited.take());
        let Some(timeout) = self.limit.take() else { return Ok(()) };
        let timeout = timeout.into_bound(py);
        match try_state::<Timeout>(&timeout) {
            Some(state) => state.exit(py, error),
            None => Ok(()),
        }
    }
}

impl Coroutine<WaitFor> {
    fn awaited_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(if self.life() == Life::New { None } else { self.steps.awaited.object(this.py()) })
    }
}

/// Whether the object is its own iterator for `await`.
fn is_iterator(object: &Bound<'_, PyAny>) -> bool {
    is_native_coroutine(object)
        || exact_outcome(object).is_some()
        || try_state::<Coroutine<Sleep>>(object).is_some()
        || try_state::<Coroutine<WaitFor>>(object).is_some()
}

held!(WaitFor: awaited, limit);

// Without its list `wait_for` takes 6.7 % more instructions.
kind!(WaitFor, c"ferrio._ferrio.WaitFor", c"What wait_for() returns, to be awaited.", KEPT: usize = 64);

impl Steps for WaitFor {
    fn name(&self) -> &'static str {
        "wait_for"
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let (Some(awaited), Some(limit)) = (self.awaited.bind(py), self.limit.take()) else {
            return Ok(Step::Return(py.None().into_bound(py)));
        };
        let limit = limit.into_bound(py);
        let inner = if !limit.is_none() && limit.le(0)? {
            TASKS.helper(py, intern!(py, "wait_for"))?.call1((awaited, limit))?
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
                TASKS.helper(py, intern!(py, "awaiting"))?.call1((awaited,))?
            }
        };
        self.awaited.set(inner.clone());
        self.advance(py, nested(DEEP, || send_none(&inner)))
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let Some(inner) = self.awaited.bind(py) else { return Ok(Step::Return(py.None().into_bound(py))) };
        self.advance(py, nested(DEEP, || send_none(&inner)))
    }

    fn thrown<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        // A future has no frame in which the error could be raised.
        match self.awaited.bind(py).filter(|inner| exact_outcome(inner).is_none()) {
            Some(inner) => self.advance(py, nested(DEEP, || throw_into(&inner, &raised::value(py, &error)))),
            None => self.advance(py, Err(error)),
        }
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        let inner = self.awaited.bind(py).filter(|inner| exact_outcome(inner).is_none());
        let close = |inner: Bound<'_, PyAny>| inner.call_method0(intern!(py, "close")).map(drop);
        let closed = inner.map_or(Ok(()), |inner| nested(DEEP, || close(inner)));
        self.exit(py, None).and(closed)
    }

    fn members() -> Members {
        members! { Coroutine<WaitFor>;
            attribute c"cr_await" => awaited_attribute;
        }
    }
}
