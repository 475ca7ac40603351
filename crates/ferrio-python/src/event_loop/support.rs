//! Reports to a loop's exception handler, in the words of asyncio's: by `ferrio._support` (`ffi::names`).

use pyo3::types::PyDict;

use crate::event_loop::exceptions::{EXCEPTIONS, cancelled_class, leaves_the_loop};
use crate::event_loop::state::BaseLoop;
use crate::ffi::names::{BASE_EVENTS, SUPPORT};
use crate::ffi::prelude::*;

/// Sees to KNOWN, when the extension is imported.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    SUPPORT.iter().try_for_each(|names| names.known(py).map(drop))?;
    EXCEPTIONS.known(py)?;
    cancelled_class(py).map(drop)
}

/// Whether debug mode is on, for any kind of loop.
#[inline]
pub(crate) fn is_debug(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    match try_state::<BaseLoop>(event_loop) {
        Some(state) => Ok(state.is_debug()),
        None => event_loop.call_method0(intern!(event_loop.py(), "get_debug"))?.is_truthy(),
    }
}

/// The stack of who calls native code, as debug mode keeps it.
pub(crate) fn caller(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    BASE_EVENTS.helper(py, intern!(py, "caller"))?.call0()
}

/// Reports what the callback of `handle` raised to its loop's exception handler.
pub(crate) fn callback_failed(handle: &Bound<'_, PyAny>, error: &PyErr) -> PyResult<()> {
    let py = handle.py();
    let helper = BASE_EVENTS.helper(py, intern!(py, "callback_failed"))?;
    let error = raised::value(py, error);
    raised::handling(&error, || helper.call1((handle, &error))).map(drop)
}

/// What the turn of `object` could not deal with goes to the handler of the loop that runs, unless it has to leave that.
#[cold]
pub(crate) fn turn_failed(object: &Bound<'_, PyAny>, error: &PyErr) -> PyResult<()> {
    let py = object.py();
    if leaves_the_loop(py, error) {
        return Err(error.clone_ref(py));
    }
    let helper = BASE_EVENTS.helper(py, intern!(py, "turn_failed"))?;
    let error = raised::value(py, error);
    raised::handling(&error, || helper.call1((object, &error))).map(drop)
}

/// Reports to the loop's exception handler, as asyncio's transports do.
pub(crate) fn report(
    event_loop: &Bound<'_, PyAny>,
    message: &str,
    error: &PyErr,
    more: &[(&str, &Bound<'_, PyAny>)],
) -> PyResult<()> {
    let py = event_loop.py();
    let context = PyDict::new(py);
    context.set_item(intern!(py, "message"), message)?;
    let error = raised::value(py, error);
    context.set_item(intern!(py, "exception"), &error)?;
    for (name, value) in more {
        context.set_item(name, value)?;
    }
    let name = intern!(py, "call_exception_handler");
    raised::handling(&error, || event_loop.call_method1(name, (context,))).map(drop)
}
