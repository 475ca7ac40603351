//! Locks, events and semaphores: asyncio's, on the engine's (`ferrio_engine::sync`). `wait` is the coroutine that they and
//! the queues hand out.
//!
//! The classes that programs see are in `ferrio.locks`: they derive from these and from asyncio's own, which still have
//! `__repr__` and what else is rarely used. Where a subclass overrides what native code would call, such as `acquire`
//! under `async with`, its methods are called.

mod condition;
mod event;
mod finished;
mod lock;
mod semaphore;
pub(crate) mod wait;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBool;

pub(crate) use condition::Condition;
pub(crate) use event::Event;
pub(crate) use finished::Finished;
pub(crate) use lock::Lock;
pub(crate) use semaphore::Semaphore;

use crate::ffi::args::Args;
use crate::ffi::known::Place;
use wait::{HasCommon, Progress, Wait, WaitKind};

/// What is acquired and released, by method or by `async with`.
pub(super) trait Acquired: HasCommon {
    const ACQUIRE: &'static WaitKind;
    const ENTER: &'static WaitKind;

    /// Gives it back.
    fn free(&self, py: Python<'_>) -> PyResult<()>;

    fn acquire(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.bind("acquire", [], 0)?;
        Wait::create(this, Self::ACQUIRE, None)
    }

    fn release(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        args.bind("release", [], 0)?;
        self.free(this.py())
    }

    fn enter(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.bind("__aenter__", [], 0)?;
        let plain = self.common().plain.get();
        if plain { Wait::create(this, Self::ENTER, None) } else { enter_by_method(this) }
    }

    fn exit(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.bind("__aexit__", ["exc_type", "exc", "tb"], 3)?;
        if !self.common().plain.get() {
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

/// `__aexit__`, where awaiting it fails, as that wait's value says, or calls a method of the program's own.
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

pub(super) fn truth(value: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
    value.map_or(Ok(false), PyAnyMethods::is_truthy)
}

pub(crate) fn yes<'py>(target: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
    Ok(Progress::Done(PyBool::new(target.py(), true).to_owned().into_any()))
}

pub(crate) fn none<'py>(target: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
    Ok(Progress::Done(target.py().None().into_bound(target.py())))
}
