//! Errors, translated once: the engine's `io::Error` into Python's `OSError`, and which exceptions leave the loop.

use std::io;

use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyRuntimeError, PySystemExit};
use pyo3::types::{PyString, PyType};

use crate::ffi::names::Names;
use crate::ffi::prelude::*;

pub(crate) static EXCEPTIONS: Names = Names::of("asyncio.exceptions");

/// Whether asyncio lets `error` leave the loop instead of reporting it.
pub(crate) fn leaves_the_loop(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py)
}

/// The exception that a Python socket would raise for `error`: `OSError(errno, strerror)`, hence its right subclass.
pub(crate) fn os_error(error: &io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(number) => {
            let full = error.to_string();
            let text = full.split(" (os error").next().unwrap_or(&full).to_owned();
            PyOSError::new_err((number, text))
        }
        None => PyOSError::new_err(error.to_string()),
    }
}

/// What any use of a closed loop raises.
pub(crate) fn loop_closed() -> PyErr {
    PyRuntimeError::new_err("Event loop is closed")
}

/// One of asyncio's own exceptions.
pub(crate) fn asyncio_error(py: Python<'_>, name: &Bound<'_, PyString>, text: &str) -> PyErr {
    let made = EXCEPTIONS.find(py, name).and_then(|class| class.call1((text,)));
    match made {
        Ok(error) => raised::raise(&error),
        Err(error) => error,
    }
}

/// A new `CancelledError`, with a message or without.
pub(crate) fn cancelled_error<'py>(
    py: Python<'py>,
    message: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let class = cancelled_class(py)?;
    match message {
        Some(message) => class.call1((message,)),
        None => class.call0(),
    }
}

/// Whether `error` is a cancellation.
pub(crate) fn is_cancelled(py: Python<'_>, error: &PyErr) -> bool {
    cancelled_class(py).is_ok_and(|class| error.is_instance(py, class))
}

/// `asyncio.CancelledError`.
pub(crate) fn cancelled_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.known(py, "asyncio.exceptions", "CancelledError")
}

/// One of asyncio's own exceptions, with any arguments.
pub(crate) fn make_asyncio_error<'py>(
    py: Python<'py>,
    name: &Bound<'py, PyString>,
    arguments: impl pyo3::call::PyCallArgs<'py>,
) -> PyErr {
    let made = EXCEPTIONS.find(py, name).and_then(|class| class.call1(arguments));
    match made {
        Ok(error) => raised::raise(&error),
        Err(error) => error,
    }
}

/// Whether `error` is the one of asyncio's exceptions that `name` says.
pub(crate) fn is_asyncio_error<'py>(
    py: Python<'py>,
    error: &PyErr,
    name: &Bound<'py, PyString>,
) -> PyResult<bool> {
    Ok(error.is_instance(py, &EXCEPTIONS.find(py, name)?))
}
