//! Which interpreter of the process this is, and when the last one has ended.

use std::ffi::c_int;

use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Whether this thread is attached to the main interpreter.
pub(crate) fn is_main(_: Python<'_>) -> bool {
    // SAFETY: ATTACHED. The main interpreter's number is 0.
    unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) == 0 }
}

/// Has `body`, which must not touch Python, called when the last interpreter has ended.
pub(crate) fn at_end(_: Python<'_>, body: extern "C" fn()) -> PyResult<()> {
    // SAFETY: ATTACHED; the function lives as long as the process, which never closes an extension.
    let refused: c_int = unsafe { ffi::Py_AtExit(Some(body)) };
    if refused == 0 {
        return Ok(());
    }
    Err(PySystemError::new_err("no room for a function to be called at the end"))
}
