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

use wait::Went;

/// asyncio's own `__aenter__`, which calls `self.acquire()`.
pub(super) fn enter_by_method(this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    static MIXIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mixin = MIXIN.import(this.py(), "asyncio.locks", "_ContextManagerMixin")?;
    mixin.call_method1(intern!(this.py(), "__aenter__"), (this,)).map(Bound::unbind)
}

pub(super) fn truth(value: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
    value.map_or(Ok(false), PyAnyMethods::is_truthy)
}

pub(crate) fn yes<'py>(target: &Bound<'py, PyAny>) -> PyResult<Went<'py>> {
    Ok(Went::Done(PyBool::new(target.py(), true).to_owned().into_any()))
}

pub(crate) fn none<'py>(target: &Bound<'py, PyAny>) -> PyResult<Went<'py>> {
    Ok(Went::Done(target.py().None().into_bound(target.py())))
}
