//! What a native future has as a type: making one, `await`, iteration, the finalizer.
//!
//! A future is its own awaitable iterator: `await` makes no object. Its one step yields it while it is pending and ends
//! with its result once it is done. `iter(future)`, which programs may drive by hand, is an object of its own with
//! `send`, `throw` and `close`.

use std::ffi::c_void;
use std::ptr;

use pyo3::Borrowed;
use pyo3::ffi;
use pyo3::prelude::*;

use super::entry::enter;
use super::heap_type::state;
use super::members::Members;
use super::object::{Constructed, Finalized, Shown, constructed_slots, finalized_slots, shown_slots};

/// The state of a type of futures.
pub(crate) trait Awaitable: Constructed + Shown + Finalized {
    /// An error where `__init__` was never called.
    fn alive(&self, py: Python<'_>) -> PyResult<()>;

    /// One step of awaiting: the future itself while it is pending, then nothing, which ends the iterator with its result
    /// (`stop_with`).
    fn step<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>>;

    /// What drives an await by hand.
    fn iterator<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>;
}

/// Everything such a type needs besides its methods.
pub(crate) fn awaitable_slots<T: Awaitable>() -> Members {
    Members::default()
        .and(constructed_slots::<T>())
        .and(shown_slots::<T>())
        .and(finalized_slots::<T>())
        .slot(ffi::Py_am_await, awaited::<T> as ffi::unaryfunc as *mut c_void)
        .slot(ffi::Py_tp_iter, iterator::<T> as ffi::getiterfunc as *mut c_void)
        .slot(ffi::Py_tp_iternext, next::<T> as ffi::iternextfunc as *mut c_void)
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn awaited<T: Awaitable>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type.
        unsafe { state::<T>(this).alive(py)? };
        // SAFETY: a live object, attached.
        Ok(unsafe { ffi::Py_NewRef(this) })
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<true, _>(body, ptr::null_mut()) }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn iterator<T: Awaitable>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type.
        let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
        state.iterator(&this).map(Bound::into_ptr)
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<false, _>(body, ptr::null_mut()) }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn next<T: Awaitable>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type.
        let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
        Ok(match state.step(&this)? {
            Some(yielded) => yielded.into_ptr(),
            None => ptr::null_mut(),
        })
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<true, _>(body, ptr::null_mut()) }
}
