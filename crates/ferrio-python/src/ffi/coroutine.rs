//! Native coroutines: what `await`, a Task and `collections.abc.Coroutine` ask of an object.

use std::ffi::{CString, c_void};
use std::ptr;

use pyo3::Borrowed;
use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

use super::args::Args;
use super::call::with_python;
use super::heap_type::{Native, state};
use super::members::{Members, entry, getter, light_entry, method, one_method};
use super::raised::{self, COROUTINE, ITERATOR, Wording, thrown};
use super::stop::{Stop, stop_with, stopped};
use crate::compat;

/// What one step did.
pub(crate) enum Step<'py> {
    /// It waits for this future.
    Yield(Bound<'py, PyAny>),
    /// It is done.
    Return(Bound<'py, PyAny>),
}

/// How far a coroutine has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    New,
    Begun,
    Ended,
}

/// The state of a native coroutine.
pub(crate) trait Coroutine: Native {
    /// How far it has come.
    fn life(&self) -> Life;

    /// Goes on until it has to wait, or is done.
    fn step<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>>;

    /// Ends it where it is. Harmless when it has ended.
    fn close(&self, this: &Bound<'_, PyAny>) -> PyResult<()>;

    /// `error` is raised where it waits: it ends with that, unless it passes it on to something that thinks otherwise.
    fn throw<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        self.close(this)?;
        Err(error)
    }

    /// How what it waits for words the mistakes of a call of `throw()`: mostly a future's iterator.
    fn wording(&self) -> &'static Wording {
        &ITERATOR
    }

    /// Where it keeps what it raised to return a value, if it ends often.
    fn stop(&self) -> Option<&Stop> {
        None
    }

    /// Whether its steps drop no `Py`, so that they need not be counted in (`light_entry`).
    const LIGHT: bool = false;
}

/// Warns of a coroutine that died before anybody had awaited it, as the interpreter does of its own.
pub(crate) fn warn_never_awaited(name: &str) {
    with_python(|py| {
        let text = CString::new(format!("coroutine '{name}' was never awaited")).unwrap_or_default();
        let pending = PyErr::take(py);
        if let Err(error) = PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 1) {
            error.write_unraisable(py, None);
        }
        if let Some(error) = pending {
            error.restore(py);
        }
    });
}

/// Everything a coroutine type needs.
pub(crate) fn coroutine_slots<T: Coroutine>() -> Members {
    Members::default()
        .slot(ffi::Py_am_await, itself as ffi::unaryfunc as *mut c_void)
        .slot(ffi::Py_tp_iter, itself as ffi::unaryfunc as *mut c_void)
        .slot(ffi::Py_tp_iternext, next::<T> as ffi::iternextfunc as *mut c_void)
        .slot(ffi::Py_am_send, send_slot::<T> as ffi::sendfunc as *mut c_void)
        .one_method(c"send", c"Go on.", send::<T>)
        .method(c"throw", c"Raise an exception where it waits.", throw::<T>)
        .bare_method(c"close", c"End it where it waits.", close::<T>)
        .attribute(c"cr_frame", no_frame, None)
}

/// Whether `object` is a native coroutine of ours: all of them are their own awaitables.
pub(crate) fn is_ours(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: ATTACHED, a live type.
    unsafe {
        let methods = (*object.get_type_ptr()).tp_as_async;
        !methods.is_null()
            && (*methods).am_await.is_some_and(|function| ptr::fn_addr_eq(function, itself as ffi::unaryfunc))
    }
}

/// Those who follow what a task awaits look for a frame in whatever has a `cr_await`.
// SAFETY: called by CPython only, as its slot or table promises.
unsafe extern "C" fn no_frame(_: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: attached.
    unsafe { ffi::Py_NewRef(ffi::Py_None()) }
}

// SAFETY: called by CPython only, as its slot or table promises.
unsafe extern "C" fn itself(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a live object, attached.
    unsafe { ffi::Py_NewRef(this) }
}

unsafe extern "C" fn send_slot<T: Coroutine>(
    this: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type.
        let step = unsafe { state::<T>(this).step(&Borrowed::from_ptr(py, this)) }?;
        Ok(match step {
            Step::Yield(value) => (ffi::PySendResult::PYGEN_NEXT, value.into_ptr()),
            Step::Return(value) => (ffi::PySendResult::PYGEN_RETURN, value.into_ptr()),
        })
    };
    let failed = (ffi::PySendResult::PYGEN_ERROR, ptr::null_mut());
    let (status, value) = if T::LIGHT { light_entry(body, failed) } else { entry(body, failed) };
    // SAFETY: CPython's place for the result.
    unsafe { result.write(value) };
    status
}

/// What the interpreter calls for `await`.
// SAFETY: called by CPython only, as its slot or table promises.
unsafe extern "C" fn next<T: Coroutine>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type.
        let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
        Ok(match state.step(&this)? {
            Step::Yield(value) => value.into_ptr(),
            Step::Return(value) => {
                match state.stop() {
                    Some(stop) => stop.raise(&value),
                    None => stop_with(&value),
                }
                ptr::null_mut()
            }
        })
    };
    if T::LIGHT { light_entry(body, ptr::null_mut()) } else { entry(body, ptr::null_mut()) }
}

// SAFETY: as above.
unsafe extern "C" fn send<T: Coroutine>(
    this: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |state: &T, this: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>| {
        if state.life() == Life::New && !value.is_none() {
            let text = "can't send non-None value to a just-started coroutine";
            return Err(PyTypeError::new_err(text));
        }
        resume(state, this).map(Bound::unbind)
    };
    // SAFETY: CPython calls this for a method of the type of `T`.
    unsafe { one_method::<false, T, Py<PyAny>>(this, value, body) }
}

unsafe extern "C" fn throw<T: Coroutine>(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |state: &T, this: &Bound<'_, PyAny>, args: Args<'_, '_>| {
        let error = match state.life() {
            Life::New => thrown(this.py(), &args, &COROUTINE)?,
            // What it waits for refuses the call, and that is raised where it waits.
            Life::Begun => thrown(this.py(), &args, state.wording()).unwrap_or_else(|mistake| mistake),
            Life::Ended => return thrown(this.py(), &args, &COROUTINE).and(Err(reused())),
        };
        let begun = state.life() == Life::Begun;
        let step = state.throw(this, error).map_err(|error| {
            let stops =
                (begun || !compat::NEW_ONES_RAISE_STOP) && error.is_instance_of::<PyStopIteration>(this.py());
            if stops { raised_stop(this.py(), &error) } else { error }
        });
        answer(step).map(Bound::unbind)
    };
    // SAFETY: CPython calls this for a method of the type of `T`.
    unsafe { method::<false, T, Py<PyAny>>(this, values, positional, names, body) }
}

unsafe extern "C" fn close<T: Coroutine>(
    this: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls this for a method of the type of `T`.
    unsafe { getter::<false, T, ()>(this, T::close) }
}

/// What a coroutine raises in the place of a `StopIteration`, which would say that it has returned.
fn raised_stop(py: Python<'_>, stop: &PyErr) -> PyErr {
    let error = PyRuntimeError::new_err("coroutine raised StopIteration");
    let (value, stop) = (error.value(py), raised::value(py, stop));
    raised::set_cause(value, &stop);
    raised::set_context(value, &stop);
    error
}

/// What a coroutine says that has ended.
pub(crate) fn reused() -> PyErr {
    PyRuntimeError::new_err("cannot reuse already awaited coroutine")
}

/// One step for callers that want `StopIteration`.
fn resume<'py, T: Coroutine>(state: &T, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    answer(state.step(this))
}

fn answer(step: PyResult<Step<'_>>) -> PyResult<Bound<'_, PyAny>> {
    match step? {
        Step::Yield(value) => Ok(value),
        Step::Return(value) => {
            let py = value.py();
            stop_with(&value);
            Err(stopped(py, false))
        }
    }
}
