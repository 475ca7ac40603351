//! Which loop: the one that runs, the current one, and whether a method of one was replaced.

use crate::ffi::prelude::*;

/// The loop that runs on this thread.
pub(crate) fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    RUNNING.known(py, "asyncio.events", "get_running_loop")?.call0()
}

/// The loop that was given, or else asyncio's idea of the current one.
pub(crate) fn loop_or_current<'py>(
    py: Python<'py>,
    event_loop: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    match event_loop.filter(|event_loop| !event_loop.is_none()) {
        Some(event_loop) => Ok(event_loop),
        None => CURRENT.known(py, "asyncio.events", "get_event_loop")?.call0(),
    }
}
