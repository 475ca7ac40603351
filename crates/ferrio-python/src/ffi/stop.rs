//! `Stop`: how a native coroutine gives a value to the interpreter's `await`, which asks its `tp_iternext`: by a
//! `StopIteration`, which is caught at once.
//!
//! Making that exception costs more than most coroutines do. So a coroutine that has ended holds its exception until it dies,
//! right after the `await`, and leaves the exception to the next coroutine. With a new one each time `event_ping_pong` takes
//! 7.3 % more instructions. Invariant SPARE: a spare exception has one reference, an empty `args`, and nothing else. An
//! exception that a program got by calling `next()` is not used again.

#[cfg(Py_3_12)]
use std::ptr;

#[cfg(not(Py_3_12))]
use pyo3::exceptions::PyBaseException;
use pyo3::exceptions::PyStopIteration;
use pyo3::ffi;
use pyo3::prelude::*;

use super::raised;
use super::reference::Slot;
use crate::compat;

/// What a coroutine has raised. Its methods are marked as inline, as are those of `Coroutine`: otherwise it is chance whether they
/// are, and when not, a lock that nobody else wants takes 4.6 % more instructions.
#[derive(Default)]
pub(crate) struct Stop(Slot);

impl Stop {
    /// For the collector.
    pub(crate) fn slot(&self) -> &Slot {
        &self.0
    }

    /// Leaves `StopIteration(value)` for the interpreter, and nothing for None.
    #[inline]
    pub(crate) fn raise(&self, value: &Bound<'_, PyAny>) {
        if !value.is_none() {
            imp::raise(self, value);
        }
    }
}

impl Drop for Stop {
    #[inline]
    fn drop(&mut self) {
        if let Some(error) = self.0.take() {
            imp::keep_spare(error);
        }
    }
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

/// Raises `StopIteration(value)`, made by hand: half of what calling the class costs. By a call, a future that is made,
/// given a value and awaited takes 6.3 % more instructions.
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

#[cfg(Py_3_12)]
mod imp {
    use std::cell::UnsafeCell;
    use std::ptr;

    use pyo3::ffi;
    use pyo3::prelude::*;

    use super::Stop;
    use crate::ffi::reference::Ref;

    struct Spare(UnsafeCell<Vec<Ref>>);

    // SAFETY: touched attached only (ATTACHED), and never across a call into the interpreter.
    unsafe impl Sync for Spare {}

    static SPARE: Spare = Spare(UnsafeCell::new(Vec::new()));

    /// One is in flight at a time, unless coroutines are kept after their end.
    const KEPT: usize = 16;

    pub(super) fn raise(stop: &Stop, value: &Bound<'_, PyAny>) {
        let py = value.py();
        // SAFETY: see `Sync`.
        let spare = unsafe { (*SPARE.0.get()).pop() };
        let Some(error) = spare.or_else(|| create(py)) else { return };
        // SAFETY: a `StopIteration` without a value (SPARE), and live objects.
        unsafe {
            (*error.as_ptr().cast::<ffi::PyStopIterationObject>()).value = ffi::Py_NewRef(value.as_ptr());
            ffi::PyErr_SetRaisedException(ffi::Py_NewRef(error.as_ptr()));
        }
        stop.0.set(error.into_bound(py));
    }

    /// With a value of null: `__init__`, which would set it, is not called.
    fn create(py: Python<'_>) -> Option<Ref> {
        // SAFETY: ATTACHED. `StopIteration` has a `tp_new`, inherited from BaseException, which keeps the arguments.
        unsafe {
            let class = ffi::PyExc_StopIteration.cast::<ffi::PyTypeObject>();
            let arguments = ffi::PyTuple_New(0);
            let error = match (*class).tp_new {
                Some(new) if !arguments.is_null() => new(class, arguments, ptr::null_mut()),
                _ => ptr::null_mut(),
            };
            ffi::Py_XDECREF(arguments);
            Bound::from_owned_ptr_or_opt(py, error).map(Ref::from)
        }
    }

    pub(super) fn keep_spare(error: Ref) {
        // SAFETY: a `StopIteration`. With one reference, ours, nobody else sees it change.
        let value = unsafe {
            let inside = error.as_ptr().cast::<ffi::PyStopIterationObject>();
            let links =
                [(*inside).dict, (*inside).notes, (*inside).traceback, (*inside).context, (*inside).cause];
            // Without arguments: the collector has emptied it.
            if (*inside).args.is_null()
                || ffi::Py_REFCNT(error.as_ptr()) != 1
                || links.iter().any(|link| !link.is_null())
            {
                return;
            }
            let value = ptr::replace(&raw mut (*inside).value, ptr::null_mut());
            let spare = &mut *SPARE.0.get();
            if spare.len() < KEPT {
                spare.push(error);
            }
            value
        };
        // SAFETY: the reference that the exception had. Last, since it may run any code.
        unsafe { ffi::Py_XDECREF(value) };
    }
}

#[cfg(not(Py_3_12))]
mod imp {
    use pyo3::prelude::*;

    use super::Stop;
    use super::stop_with;
    use crate::ffi::reference::Ref;

    /// Before Python 3.12 the interpreter takes the bare value: no exception is made.
    pub(super) fn raise(_: &Stop, value: &Bound<'_, PyAny>) {
        stop_with(value);
    }

    pub(super) fn keep_spare(_: Ref) {}
}
