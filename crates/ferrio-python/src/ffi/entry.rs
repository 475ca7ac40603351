//! How CPython's calls come in: every native method, slot and finalizer is entered here, and gets the interpreter's token here.
//!
//! Invariant ATTACHED (see `ffi`): CPython calls with its lock held. No safe code makes a token. This is the one place at which
//! a free-threaded build can check that the thread is the loop's own.
//!
//! A panic becomes an exception: no user's process dies of a defect of ours.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Runs `body` with the interpreter's token. Where `LIGHT`, `body` drops no `Py`: pyo3 need not count the thread in, which takes
/// several look-ups in thread-local storage: 10 % of the instructions of `lock`, 7 % of `future_ping_pong`. Where the loop runs,
/// the thread is counted in already.
///
/// # Safety
/// ATTACHED.
#[inline]
pub(super) unsafe fn enter<const LIGHT: bool, R>(
    body: impl FnOnce(Python<'_>) -> PyResult<R>,
    failed: R,
) -> R {
    if LIGHT {
        // SAFETY: the caller's promise.
        return guarded(unsafe { Python::assume_attached() }, body, failed);
    }
    let run = |py: Python<'_>| guarded(py, body, failed);
    if !is_ending() {
        return Python::attach(run);
    }
    // SAFETY: as above. While the interpreter ends, pyo3 refuses to count us in unless it is told to; what is dropped by
    // somebody who is not counted in would never be let go of.
    unsafe {
        if ffi::PyGILState_GetThisThreadState().is_null() {
            return run(Python::assume_attached());
        }
        Python::attach_unchecked(run)
    }
}

/// As `enter`, for code that CPython calls but that is given no token: a `Drop`, or what finds itself with a reference to an
/// object.
///
/// # Safety
/// ATTACHED.
#[inline]
pub(super) unsafe fn attached<R>(body: impl FnOnce(Python<'_>) -> R) -> R {
    // SAFETY: the caller's promise.
    body(unsafe { Python::assume_attached() })
}

fn guarded<R>(py: Python<'_>, body: impl FnOnce(Python<'_>) -> PyResult<R>, failed: R) -> R {
    match catch_unwind(AssertUnwindSafe(|| body(py))) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            error.restore(py);
            failed
        }
        Err(_) => {
            PySystemError::new_err("internal error in ferrio, please report it").restore(py);
            failed
        }
    }
}

/// Whether the interpreter is on its way out. Objects of ours die even then.
#[cfg(Py_3_13)]
fn is_ending() -> bool {
    // SAFETY: may be asked at any time.
    unsafe { ffi::Py_IsFinalizing() != 0 }
}

/// Before Python 3.13 the interpreter calls itself uninitialised when it begins to end.
#[cfg(not(Py_3_13))]
fn is_ending() -> bool {
    // SAFETY: may be asked at any time.
    unsafe { ffi::Py_IsInitialized() == 0 }
}
