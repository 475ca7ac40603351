//! Native coroutines: what `await`, a Task and `collections.abc.Coroutine` ask of an object.

use std::ffi::{CString, c_void};
use std::ptr;

use pyo3::Borrowed;
use pyo3::exceptions::{PyBaseException, PyRuntimeWarning};
use pyo3::ffi;
use pyo3::prelude::*;

use super::args::Args;
use super::awaitable::{stop_with, stopped};
use super::call::with_python;
use super::heap_type::{Native, state};
use super::members::{Members, light_entry, light_method};

/// What one step did.
pub(crate) enum Step<'py> {
    /// It waits for this future.
    Yield(Bound<'py, PyAny>),
    /// It is done.
    Return(Bound<'py, PyAny>),
}

/// The state of a native coroutine.
pub(crate) trait Coroutine: Native {
    /// Goes on until it has to wait, or is done.
    fn step<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>>;

    /// Ends it where it is. Harmless when it has ended.
    fn close(&self, this: &Bound<'_, PyAny>) -> PyResult<()>;

    /// Raises `error` where it waits: it ends with that, unless it passes it on to something that thinks otherwise.
    fn throw<'py>(&self, this: &Bound<'py, PyAny>, error: Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        self.close(this)?;
        Err(PyErr::from_value(error))
    }
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
        .method(c"send", c"Go on.", send::<T>)
        .method(c"throw", c"Raise an exception where it waits.", throw::<T>)
        .method(c"close", c"End it where it waits.", close::<T>)
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
    let (status, value) = light_entry(
        |py| {
            // SAFETY: CPython calls this slot with an object of our type.
            let step = unsafe { state::<T>(this).step(&Borrowed::from_ptr(py, this)) }?;
            Ok(match step {
                Step::Yield(value) => (ffi::PySendResult::PYGEN_NEXT, value.into_ptr()),
                Step::Return(value) => (ffi::PySendResult::PYGEN_RETURN, value.into_ptr()),
            })
        },
        (ffi::PySendResult::PYGEN_ERROR, ptr::null_mut()),
    );
    // SAFETY: CPython's place for the result.
    unsafe { result.write(value) };
    status
}

/// One step, for `await`: what it returns at its end comes as `stop_with` leaves it, which costs nothing for None.
unsafe extern "C" fn next<T: Coroutine>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    light_entry(
        |py| {
            // SAFETY: CPython calls this slot with an object of our type.
            let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
            match state.step(&this)? {
                Step::Yield(value) => Ok(value.into_ptr()),
                Step::Return(value) => {
                    stop_with(&value);
                    Ok(ptr::null_mut())
                }
            }
        },
        ptr::null_mut(),
    )
}

// SAFETY: called by CPython only, as its table promises.
unsafe extern "C" fn send<T: Coroutine>(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |state: &T, this: &Bound<'_, PyAny>, _: Args<'_, '_>| {
        resume(this, state.step(this)).map(Bound::unbind)
    };
    // SAFETY: CPython calls this for a method of the type of `T`.
    unsafe { light_method::<T, Py<PyAny>>(this, values, positional, names, body) }
}

unsafe extern "C" fn throw<T: Coroutine>(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |state: &T, this: &Bound<'_, PyAny>, args: Args<'_, '_>| {
        let [kind, value, traceback] = args.bind("throw", ["type", "value", "traceback"], 1)?;
        let error = match (kind, value.or(traceback)) {
            (Some(kind), None) if kind.is_instance_of::<PyBaseException>() => kind.to_owned(),
            _ => {
                let helper = crate::support::helper(this.py(), pyo3::intern!(this.py(), "raised"))?;
                helper.call1((kind, value, traceback))?
            }
        };
        resume(this, state.throw(this, error)).map(Bound::unbind)
    };
    // SAFETY: CPython calls this for a method of the type of `T`.
    unsafe { light_method::<T, Py<PyAny>>(this, values, positional, names, body) }
}

unsafe extern "C" fn close<T: Coroutine>(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |state: &T, this: &Bound<'_, PyAny>, _: Args<'_, '_>| state.close(this);
    // SAFETY: CPython calls this for a method of the type of `T`.
    unsafe { light_method::<T, ()>(this, values, positional, names, body) }
}

/// What a step did, for callers that want `StopIteration`.
fn resume<'py>(this: &Bound<'py, PyAny>, step: PyResult<Step<'py>>) -> PyResult<Bound<'py, PyAny>> {
    match step? {
        Step::Yield(value) => Ok(value),
        Step::Return(value) => {
            stop_with(&value);
            Err(stopped(this.py()))
        }
    }
}
