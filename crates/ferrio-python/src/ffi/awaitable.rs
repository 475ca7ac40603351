//! What a native future has as a type: making one, `await`, iteration, the finalizer.
//!
//! A future is its own awaitable iterator: `await` makes no object. Its one step yields it while it is pending and ends
//! with its result once it is done. `iter(future)`, which programs may drive by hand, is an object of its own with
//! `send`, `throw` and `close`.

use std::ffi::c_void;
use std::ptr;

use pyo3::Borrowed;
#[cfg(not(Py_3_12))]
use pyo3::exceptions::PyBaseException;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::ffi;
use pyo3::prelude::*;

use super::heap_type::state;
use super::members::{Members, entry, light_entry};
use super::object::{Constructed, Finalized, Shown, constructed_slots, finalized_slots, shown_slots};
use super::raised;
use crate::compat;
use crate::tasks::futures::FutureIterator;
use crate::tasks::outcome::Outcome;

/// The state of a type of futures.
pub(crate) trait Awaitable: Constructed + Shown + Finalized {
    /// What it is about.
    fn outcome(&self) -> &Outcome;
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
    light_entry(
        |py| {
            // SAFETY: CPython calls this slot with an object of our type.
            unsafe { state::<T>(this).outcome().alive(py)? };
            // SAFETY: a live object, attached.
            Ok(unsafe { ffi::Py_NewRef(this) })
        },
        ptr::null_mut(),
    )
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn iterator<T: Awaitable>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    entry(
        |py| {
            // SAFETY: CPython calls this slot with an object of our type.
            let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
            state.outcome().alive(py)?;
            FutureIterator::create(&this).map(Bound::into_ptr)
        },
        ptr::null_mut(),
    )
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn next<T: Awaitable>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    light_entry(
        |py| {
            // SAFETY: CPython calls this slot with an object of our type.
            let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
            Ok(match step(state.outcome(), &this)? {
                Some(yielded) => yielded.into_ptr(),
                None => ptr::null_mut(),
            })
        },
        ptr::null_mut(),
    )
}

/// One step of awaiting: the future itself while it is pending, then nothing, which ends the iterator with its result.
pub(crate) fn step<'py>(outcome: &Outcome, this: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = this.py();
    if outcome.is_done() {
        stop_with(&outcome.result(py)?);
        return Ok(None);
    }
    outcome.alive(py)?;
    if outcome.blocking.replace(true) {
        return Err(PyRuntimeError::new_err("await wasn't used with future"));
    }
    Ok(Some(this.clone()))
}

/// Leaves `value` for the interpreter as what an iterator that ends now returns: a `StopIteration` is set, and none for
/// None, which is what an iterator that just ends has returned.
pub(crate) fn stop_with(value: &Bound<'_, PyAny>) {
    if value.is_none() {
        return;
    }
    #[cfg(Py_3_12)]
    raise_stop(value);
    #[cfg(not(Py_3_12))]
    if value.is_instance_of::<pyo3::types::PyTuple>() || value.is_instance_of::<PyBaseException>() {
        // It would be taken for the arguments, or for the exception itself.
        PyStopIteration::new_err((value.clone().unbind(),)).restore(value.py());
    } else {
        // SAFETY: ATTACHED, live objects.
        unsafe { ffi::PyErr_SetObject(ffi::PyExc_StopIteration, value.as_ptr()) };
    }
}

/// Raises `StopIteration(value)`, made by hand: half of what calling the class costs.
#[cfg(Py_3_12)]
fn raise_stop(value: &Bound<'_, PyAny>) {
    // SAFETY: ATTACHED, live objects. `StopIteration` has a `tp_new`, inherited from BaseException, which keeps the
    // arguments; its `__init__`, which would set `value` from them, is not called: the fresh object has none yet.
    unsafe {
        let class = ffi::PyExc_StopIteration.cast::<ffi::PyTypeObject>();
        let arguments = ffi::PyTuple_Pack(1, value.as_ptr());
        let error = match (*class).tp_new {
            Some(new) if !arguments.is_null() => new(class, arguments, ptr::null_mut()),
            _ => ptr::null_mut(),
        };
        ffi::Py_XDECREF(arguments);
        if !error.is_null() {
            (*error.cast::<ffi::PyStopIterationObject>()).value = ffi::Py_NewRef(value.as_ptr());
            ffi::PyErr_SetRaisedException(error);
        }
    }
}

/// The `StopIteration` that `stop_with` left, or an empty one, raised as `send()` of a coroutine does, or of a future.
pub(crate) fn stopped(py: Python<'_>, of_future: bool) -> PyErr {
    let left = PyErr::take(py);
    let bare = compat::VALUES_STOP_BARE && (of_future || left.is_some());
    let stop = left.unwrap_or_else(|| PyStopIteration::new_err(()));
    // With what is handled just now as its context, unless it is bare.
    if bare {
        PyErr::from_value(stop.into_value(py).into_bound(py).into_any())
    } else {
        raised::raise(stop.value(py))
    }
}
