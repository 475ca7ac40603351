//! Locks, events and semaphores: asyncio's, on the engine's (`ferrio_engine::sync`). `wait` is the coroutine that they and
//! the queues hand out.
//!
//! Programs see the classes in `ferrio.locks`. These derive from the classes here and from asyncio's own, which have `__repr__`
//! and what else is rarely used. If a subclass overrides a method that native code would call, such as `acquire` under
//! `async with`, native code calls the override.

use crate::ffi::prelude::*;

mod condition;
mod event;
mod finished;
mod lock;
mod semaphore;
pub(crate) mod wait;

use ferrio_engine::sync::Ticket;
use pyo3::types::PyBool;

pub(crate) use condition::Condition;
pub(crate) use event::Event;
pub(crate) use finished::Finished;
pub(crate) use lock::Lock;
pub(crate) use semaphore::Semaphore;

use wait::{FutureInQueue, Progress, Wait, WaitKind};

/// What is acquired and released, by method or by `async with`.
pub(super) trait Acquired: Native {
    /// asyncio's name for the coroutine of `acquire()`.
    const COROUTINE: &'static str;

    const ACQUIRE: &'static WaitKind = &WaitKind {
        name: Self::COROUTINE,
        begin: |_, target| match state_of::<Self>(target)?.begin(target)? {
            Some(waits) => Ok(waits),
            None => yes(target),
        },
        resume: |wait, target| {
            state_of::<Self>(target)?.claim(target.py(), wait.ticket())?;
            yes(target)
        },
        leave: |wait, target, waiting| state_of::<Self>(target)?.give_up(wait.ticket(), waiting),
        thrown: None,
    };

    const ENTER: &'static WaitKind = &WaitKind {
        name: "_ContextManagerMixin.__aenter__",
        begin: |_, target| match state_of::<Self>(target)?.begin(target)? {
            Some(waits) => Ok(waits),
            None => none(target),
        },
        resume: |wait, target| {
            state_of::<Self>(target)?.claim(target.py(), wait.ticket())?;
            none(target)
        },
        ..*Self::ACQUIRE
    };

    /// Whether nobody overrides its methods.
    fn is_plain(&self) -> bool;

    /// Takes the lock, or joins the queue.
    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Option<Progress<'py>>>;

    /// It is the waiter's turn: the waiter takes it.
    fn claim(&self, py: Python<'_>, ticket: Ticket) -> PyResult<()>;

    /// The waiter goes away.
    fn give_up(&self, ticket: Ticket, waiting: &FutureInQueue) -> PyResult<()>;

    /// Releases the lock.
    fn free(&self, py: Python<'_>) -> PyResult<()>;

    fn acquire(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.none("acquire")?;
        Wait::create(this, Self::ACQUIRE, None)
    }

    fn release(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        args.none("release")?;
        self.free(this.py())
    }

    fn enter(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.none("__aenter__")?;
        if self.is_plain() { Wait::create(this, Self::ENTER, None) } else { enter_by_method(this) }
    }

    fn exit(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.all("__aexit__", ["exc_type", "exc", "tb"])?;
        if !self.is_plain() {
            return Wait::create(this, &EXIT, None);
        }
        match self.free(this.py()) {
            Ok(()) => Finished::create(this.py()),
            Err(error) => {
                Wait::create(this, &EXIT, Some(error.into_value(this.py()).into_bound(this.py()).into()))
            }
        }
    }
}

/// `__aexit__` that fails when it is awaited, with the wait's value, or that calls a method of the program's own.
static EXIT: WaitKind = WaitKind {
    name: "_ContextManagerMixin.__aexit__",
    begin: |wait, target| {
        if let Some(error) = wait.value.take() {
            return Err(PyErr::from_value(error.into_bound(target.py())));
        }
        target.call_method0(intern!(target.py(), "release"))?;
        none(target)
    },
    resume: |_, target| none(target),
    leave: |_, _, _| Ok(()),
    thrown: None,
};

/// asyncio's own `__aenter__`, which calls `self.acquire()`.
fn enter_by_method(this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    static MIXIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mixin = MIXIN.known(this.py(), "asyncio.locks", "_ContextManagerMixin")?;
    mixin.call_method1(intern!(this.py(), "__aenter__"), (this,)).map(Bound::unbind)
}

pub(crate) fn yes<'py>(target: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
    Ok(Progress::Done(PyBool::new(target.py(), true).to_owned().into_any()))
}

pub(crate) fn none<'py>(target: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
    Ok(Progress::Done(target.py().None().into_bound(target.py())))
}
