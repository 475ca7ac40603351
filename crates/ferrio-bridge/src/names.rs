//! What of Python's library is called by name, looked up once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

type Name = PyOnceLock<Py<PyAny>>;

/// The loop that runs on this thread.
pub(crate) fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static NAME: Name = PyOnceLock::new();
    NAME.import(py, "asyncio", "get_running_loop")?.call0()
}

/// A task of `event_loop` that runs `awaitable`, or `awaitable` itself where it is a future.
pub(crate) fn ensure_future<'py>(
    event_loop: &Bound<'py, PyAny>,
    awaitable: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    static COROUTINE: Name = PyOnceLock::new();
    static ENSURE_FUTURE: Name = PyOnceLock::new();
    let py = awaitable.py();
    // What `ensure_future` does of a coroutine, after a few hundred nanoseconds of asking what it might be.
    if awaitable.get_type().is(COROUTINE.import(py, "types", "CoroutineType")?) {
        return event_loop.call_method1(pyo3::intern!(py, "create_task"), (awaitable,));
    }
    let named = pyo3::types::PyDict::new(py);
    named.set_item(pyo3::intern!(py, "loop"), event_loop)?;
    ENSURE_FUTURE.import(py, "asyncio", "ensure_future")?.call((awaitable,), Some(&named))
}

/// A copy of the context that is current.
pub(crate) fn copied_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static NAME: Name = PyOnceLock::new();
    NAME.import(py, "contextvars", "copy_context")?.call0()
}

/// A context in which nothing is set.
pub(crate) fn empty_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static NAME: Name = PyOnceLock::new();
    NAME.import(py, "contextvars", "Context")?.call0()
}
