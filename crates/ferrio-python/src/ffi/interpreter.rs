//! Which interpreter of the process this is, and when the last one has ended.

use std::ffi::c_int;

use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;

/// The number of the interpreter that this thread is attached to: no other of the process gets it, until the last has
/// ended.
pub(crate) fn number(py: Python<'_>) -> PyResult<i64> {
    // SAFETY: ATTACHED.
    let number = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if number < 0 { Err(PyErr::fetch(py)) } else { Ok(number) }
}

/// Has `body`, which must not touch Python, called when the last interpreter has ended.
pub(crate) fn at_end(_: Python<'_>, body: extern "C" fn()) -> PyResult<()> {
    // SAFETY: ATTACHED; the function lives as long as the process, which never closes an extension.
    let refused: c_int = unsafe { ffi::Py_AtExit(Some(body)) };
    if refused == 0 {
        Ok(())
    } else {
        Err(PySystemError::new_err("no room for a function to be called at the end"))
    }
}
