//! `Condition`: asyncio's, on the engine's and a native `Lock`.
//!
//! ```text
//! begin: release the lock ─▶ waits to be notified ─▶ takes the lock: at once ──────▶ Done(True), or the error
//!                                │ cancelled            └─▶ waits for the lock ─────▶
//!                                └── remembers the error ─▲      │ cancelled: remembers the error, goes on waiting
//! ```
//!
//! Around any other lock, be it of a subclass that overrides what is called here, each method is asyncio's own.

use std::ffi::CStr;

use ferrio_engine::sync;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi as raw;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyInt;
use pyo3::{IntoPyObjectExt, intern};

use super::lock::Lock;
use super::wait::{Common, FutureInQueue, HasCommon, Progress, Wait, WaitKind, futures_of};
use super::{Acquired, yes};
use crate::event_loop::exceptions::is_cancelled;
use crate::ffi::args::Args;
use crate::ffi::heap_type::{Native, try_state};
use crate::ffi::held::holds;
use crate::ffi::known::Place;
use crate::ffi::members::{Members, members};
use crate::ffi::object;
use crate::ffi::reference::Slot;

/// The state of a condition.
#[derive(Default)]
pub(crate) struct Condition {
    common: Common,
    inner: sync::Condition<FutureInQueue>,
    /// A native lock whose methods nobody overrides.
    lock: Slot,
    /// Where asyncio's own methods keep the waiters, when they are used.
    theirs: Slot,
}

/// What a wait is at, in `Wait::phase`.
const NOTIFIED: u8 = 0;
const LOCKED: u8 = 1;

impl Condition {
    fn start(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [Some(lock), Some(plain)] = args.bind("_start", ["lock", "plain"], 2)? else { return Ok(()) };
        let native = try_state::<Lock>(&lock).is_some_and(Lock::is_plain);
        self.common.plain.set(native && plain.is_truthy()?);
        if self.common.plain.get() {
            self.lock.set(lock.to_owned());
            drop(self.theirs.take());
        } else {
            drop(self.lock.take());
        }
        Ok(())
    }

    fn wait(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.bind("wait", [], 0)?;
        if self.common.plain.get() {
            return Wait::create(this, &WAIT, None);
        }
        asyncios(this.py())?.call_method1(intern!(this.py(), "wait"), (this,)).map(Bound::unbind)
    }

    fn notify(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [count] = args.bind("notify", ["n"], 0)?;
        let py = this.py();
        if !self.common.plain.get() {
            let count = count.map_or_else(|| 1.into_bound_py_any(py), |count| Ok(count.to_owned()))?;
            return asyncios(py)?.call_method1(intern!(py, "notify"), (this, count)).map(drop);
        }
        self.must_be_locked(py)?;
        match count {
            None => self.inner.notify(1),
            // What is not an int is compared, as asyncio does, and with nobody here not even that.
            Some(count) => {
                match count.cast_exact::<PyInt>().ok().and_then(|count| count.extract::<i64>().ok()) {
                    Some(count) => self.inner.notify(usize::try_from(count).unwrap_or(0)),
                    None => self.tell_while_less(&count),
                }
            }
        }
    }

    fn notify_all(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        args.bind("notify_all", [], 0)?;
        let py = this.py();
        if !self.common.plain.get() {
            return asyncios(py)?.call_method1(intern!(py, "notify_all"), (this,)).map(drop);
        }
        self.must_be_locked(py)?;
        self.inner.notify(usize::MAX)
    }

    fn must_be_locked(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_locked(py) {
            return Ok(());
        }
        Err(PyRuntimeError::new_err("cannot notify on un-acquired lock"))
    }

    /// Tells so many, where the count is any object that compares with an int.
    fn tell_while_less(&self, count: &Bound<'_, PyAny>) -> PyResult<()> {
        for told in 0..self.inner.waiters().len() {
            if told.into_pyobject(count.py())?.ge(count)? || !self.inner.waiters().wake_next()? {
                break;
            }
        }
        Ok(())
    }

    fn is_locked(&self, py: Python<'_>) -> bool {
        let lock = self.lock.bind(py);
        lock.as_ref().and_then(|lock| try_state::<Lock>(lock)).is_some_and(|lock| lock.inner.is_locked())
    }

    fn waiters_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        match self.theirs.object(this.py()) {
            Some(theirs) => Ok(theirs),
            None => futures_of(this.py(), self.inner.waiters()),
        }
    }

    /// What asyncio's own constructor sets.
    fn set_waiters_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.theirs.set(value.clone());
        Ok(())
    }
}

static WAIT: WaitKind = WaitKind {
    name: "Condition.wait",
    begin: |wait, target| {
        let (condition, py) = (condition(target)?, target.py());
        if !condition.is_locked(py) {
            return Err(PyRuntimeError::new_err("cannot wait on un-acquired lock"));
        }
        let future = condition.common.create_future(target)?;
        with_lock(condition, py, |lock, _| lock.free(py))?;
        wait.phase.set(NOTIFIED);
        let ticket = condition.inner.waiters().push(FutureInQueue::new(&future));
        Ok(Progress::Waits(future, ticket))
    },
    resume: |wait, target| {
        let condition = condition(target)?;
        if wait.phase.get() == NOTIFIED {
            drop(condition.inner.waiters().remove(wait.ticket()));
            return take_lock(wait, target);
        }
        with_lock(condition, target.py(), |lock, _| {
            lock.claim(target.py(), wait.ticket());
            Ok(())
        })?;
        finish(wait, target)
    },
    leave: |wait, target, _| {
        let condition = condition(target)?;
        let notified = wait.phase.get() == LOCKED;
        let taken = with_lock(condition, target.py(), |lock, _| {
            if notified {
                lock.inner.give_up(wait.ticket())?;
            } else {
                drop(condition.inner.waiters().remove(wait.ticket()));
            }
            // Whoever ends it there goes on to release the lock.
            lock.inner.try_acquire().map(drop)
        });
        taken.and(condition.inner.notify(1))
    },
    thrown: Some(|wait, target, _, error| {
        let (condition, py) = (condition(target)?, target.py());
        if wait.phase.get() == NOTIFIED {
            drop(condition.inner.waiters().remove(wait.ticket()));
        } else {
            with_lock(condition, py, |lock, _| lock.inner.give_up(wait.ticket()))?;
            if !is_cancelled(py, &error) {
                condition.inner.notify(1)?;
                return Err(error);
            }
        }
        wait.value.set(error.into_value(py).into_bound(py).into_any());
        take_lock(wait, target)
    }),
};

fn take_lock<'py>(wait: &Wait, target: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
    let waits = with_lock(condition(target)?, target.py(), Lock::begin)?;
    match waits {
        None => finish(wait, target),
        Some((future, ticket)) => {
            wait.phase.set(LOCKED);
            Ok(Progress::Waits(future, ticket))
        }
    }
}

/// It has the lock again.
fn finish<'py>(wait: &Wait, target: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
    match wait.value.bind(target.py()) {
        None => yes(target),
        Some(error) => {
            // It may have been notified before: that goes to another one, who may wake up for nothing.
            condition(target)?.inner.notify(1)?;
            Err(PyErr::from_value(error))
        }
    }
}

fn with_lock<'py, R>(
    condition: &Condition,
    py: Python<'py>,
    body: impl FnOnce(&Lock, &Bound<'py, PyAny>) -> PyResult<R>,
) -> PyResult<R> {
    let Some(object) = condition.lock.bind(py) else { return Err(PyTypeError::new_err("no lock")) };
    let Some(lock) = try_state::<Lock>(&object) else { return Err(PyTypeError::new_err("not a lock")) };
    body(lock, &object)
}

fn condition<'a>(target: &'a Bound<'_, PyAny>) -> PyResult<&'a Condition> {
    try_state::<Condition>(target).ok_or_else(|| PyTypeError::new_err("not a condition"))
}

/// asyncio's own class, whatever stands under its name by now.
fn asyncios(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.known(py, "ferrio.locks", "StockCondition")
}

impl HasCommon for Condition {
    fn common(&self) -> &Common {
        &self.common
    }
}

impl Native for Condition {
    const NAME: &'static CStr = c"ferrio._ferrio.Condition";
    const DOC: &'static CStr = c"A condition for tasks: the native part.";
    const NEW: Option<raw::newfunc> = Some(object::new::<Condition>);

    holds!(common.event_loop, lock, theirs, inner.waiters());

    fn members() -> Members {
        members! { Condition;
            methods {
                c"wait" c"Release the lock, wait to be notified, and take the lock again. A coroutine; gives True." => wait,
                c"notify" c"Let n of those who wait go on, once they get the lock." => notify,
                c"notify_all" c"Let all who wait go on, one after the other." => notify_all,
                c"_start" c"Sets it up: its lock, and whether no method that native code would call is overridden." => start,
            }
            attributes {
                c"_loop" => loop_attribute, set_loop_attribute;
                c"_waiters" => waiters_attribute, set_waiters_attribute;
            }
        }
    }
}
