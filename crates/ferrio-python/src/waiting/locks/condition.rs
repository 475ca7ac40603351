//! `Condition`: asyncio's, on the engine's and a native `Lock`.
//!
//! ```text
//! begin: release the lock ─▶ waits to be notified ─▶ takes the lock: at once ──────▶ Done(True), or the error
//!                                │ cancelled            └─▶ waits for the lock ─────▶
//!                                └── remembers the error ─▲      │ cancelled: remembers the error, goes on waiting
//! ```
//!
//! Around any other lock asyncio's own methods run, also if the lock's class overrides a method that is called here.

use ferrio_engine::sync;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::types::PyInt;

use super::lock::Lock;
use super::wait::{Common, FutureInQueue, Progress, Wait, WaitKind};
use super::{Acquired, yes};
use crate::event_loop::exceptions::is_cancelled;
use crate::ffi::answer::Attribute;
use crate::ffi::prelude::*;

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

/// How far a wait has come, in `Wait::phase`.
const NOTIFIED: u32 = 0;
const LOCKED: u32 = 1;

impl Condition {
    fn start(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [lock, plain] = args.all("_start", ["lock", "plain"])?;
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
        args.none("wait")?;
        if self.common.plain.get() {
            return Wait::create(this, &WAIT, None);
        }
        asyncios(this.py())?.call_method1(intern!(this.py(), "wait"), (this,)).map(Bound::unbind)
    }

    fn notify(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let ([], [count]) = args.bind("notify", [], ["n"])?;
        let py = this.py();
        if !self.common.plain.get() {
            let count = count.map_or_else(|| 1.into_bound_py_any(py), |count| Ok(count.to_owned()))?;
            return asyncios(py)?.call_method1(intern!(py, "notify"), (this, count)).map(drop);
        }
        self.must_be_locked(py)?;
        match count {
            None => self.inner.notify(1),
            // Another kind of number is compared, as in asyncio. If nobody waits, not even that.
            Some(count) => {
                match count.cast_exact::<PyInt>().ok().and_then(|count| count.extract::<i64>().ok()) {
                    Some(count) => self.inner.notify(usize::try_from(count).unwrap_or(0)),
                    None => self.tell_while_less(&count),
                }
            }
        }
    }

    fn notify_all(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        args.none("notify_all")?;
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

    /// Wakes so many waiters, where the count is any object that compares with an int.
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
            None => self.inner.waiters().read_attribute(this.py()),
        }
    }

    /// asyncio's own constructor sets the attribute.
    fn set_waiters_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.theirs.set(value.clone());
        Ok(())
    }
}

static WAIT: WaitKind = WaitKind {
    name: "Condition.wait",
    begin: |wait, target| {
        let (condition, py) = (state_of::<Condition>(target)?, target.py());
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
        let condition = state_of::<Condition>(target)?;
        if wait.phase.get() == NOTIFIED {
            drop(condition.inner.waiters().remove(wait.ticket()));
            return take_lock(wait, target);
        }
        with_lock(condition, target.py(), |lock, _| lock.claim(target.py(), wait.ticket()))?;
        finish(wait, target)
    },
    leave: |wait, target, _| {
        let condition = state_of::<Condition>(target)?;
        let notified = wait.phase.get() == LOCKED;
        let taken = with_lock(condition, target.py(), |lock, _| {
            if notified {
                lock.inner.give_up(wait.ticket())?;
            } else {
                drop(condition.inner.waiters().remove(wait.ticket()));
            }
            // The task that ends the wait here will release the lock.
            lock.inner.try_acquire().map(drop)
        });
        taken.and(condition.inner.notify(1))
    },
    thrown: Some(|wait, target, _, error| {
        let (condition, py) = (state_of::<Condition>(target)?, target.py());
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
    let waits = with_lock(state_of::<Condition>(target)?, target.py(), Lock::begin)?;
    match waits {
        None => finish(wait, target),
        Some(waits) => {
            wait.phase.set(LOCKED);
            Ok(waits)
        }
    }
}

/// The task has the lock again.
fn finish<'py>(wait: &Wait, target: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
    match wait.value.bind(target.py()) {
        None => yes(target),
        Some(error) => {
            // The task may have been notified before. Another waiter gets the notification, perhaps for nothing.
            state_of::<Condition>(target)?.inner.notify(1)?;
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
    body(state_of(&object)?, &object)
}

/// asyncio's own class, even if another one was installed under its name.
fn asyncios(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.known(py, "ferrio.locks", "StockCondition")
}

impl Native for Condition {
    const NAME: &'static CStr = c"ferrio._ferrio.Condition";
    const DOC: &'static CStr = c"A condition for tasks: the native part.";
    const NEW: New = Some(object::new::<Condition>);

    holds!(common.event_loop, lock, theirs, inner.waiters());

    fn members() -> Members {
        members! { Condition;
            method c"wait" c"Release the lock, wait to be notified, and take the lock again. A coroutine; gives True." => wait;
            method c"notify" c"Let n of those who wait go on, once they get the lock." => notify;
            method c"notify_all" c"Let all who wait go on, one after the other." => notify_all;
            method c"_start" c"Sets it up: its lock, and whether no method that native code would call is overridden." => start;
            field c"_loop" => common.event_loop;
            attribute c"_waiters" => waiters_attribute, set_waiters_attribute;
        }
    }
}
