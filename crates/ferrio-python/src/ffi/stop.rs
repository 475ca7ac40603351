//! How a native coroutine hands its result to `await`: a `StopIteration` that is used again.
//!
//! Since Python 3.12 the interpreter drives everything but its own coroutines by `tp_iternext`, whose result is the value of
//! an exception. Making that takes longer than reading a line does. The interpreter takes the value out and drops the
//! exception at once, so the same one serves the next time, unless somebody kept it. It holds the last value as long,
//! which is why only small ones go this way.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::awaitable::stop_with;

/// The most bytes that may stay alive for nothing.
const SMALL: usize = 4096;

/// The exception; null until it was made. Touched attached only (ATTACHED).
static KEPT: AtomicPtr<ffi::PyObject> = AtomicPtr::new(ptr::null_mut());

/// Leaves `value` for the interpreter as what an iterator that ends now returns.
pub(super) fn stop_once_more(value: &Bound<'_, PyAny>) {
    let small = value.cast_exact::<PyBytes>().is_ok_and(|bytes| bytes.as_bytes().len() <= SMALL);
    if !(cfg!(Py_3_12) && small && reuse(value)) {
        stop_with(value);
    }
}

#[cfg(not(Py_3_12))]
fn reuse(_: &Bound<'_, PyAny>) -> bool {
    false
}

/// Raises the kept exception with `value`, unless it is still in use, or was where it got a traceback.
#[cfg(Py_3_12)]
fn reuse(value: &Bound<'_, PyAny>) -> bool {
    let kept = KEPT.load(Ordering::Relaxed);
    // SAFETY: ATTACHED; an exact StopIteration that we own a reference to, the only one.
    unsafe {
        if kept.is_null() {
            let made = ffi::PyObject_CallNoArgs(ffi::PyExc_StopIteration);
            if made.is_null() {
                ffi::PyErr_Clear();
            }
            KEPT.store(made, Ordering::Relaxed);
            return false;
        }
        if ffi::Py_REFCNT(kept) != 1 {
            return false;
        }
        let fields = kept.cast::<ffi::PyStopIterationObject>();
        if !((*fields).traceback.is_null() && (*fields).context.is_null() && (*fields).dict.is_null()) {
            KEPT.store(ptr::null_mut(), Ordering::Relaxed);
            ffi::Py_DECREF(kept);
            return false;
        }
        let old = (&raw mut (*fields).value).replace(ffi::Py_NewRef(value.as_ptr()));
        ffi::Py_XDECREF(old);
        ffi::PyErr_SetRaisedException(ffi::Py_NewRef(kept));
    }
    true
}
