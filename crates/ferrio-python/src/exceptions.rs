//! Errors, translated once: the engine's `io::Error` into Python's `OSError`, and which exceptions leave the loop.

use std::io;

use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyRuntimeError, PySystemExit};
use pyo3::prelude::*;

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
