//! Native coroutines: what `await`, a Task and `collections.abc.Coroutine` ask of an object.

use std::ffi::c_void;
use std::ptr;

use pyo3::Borrowed;
use pyo3::exceptions::PyStopIteration;
use pyo3::ffi;
use pyo3::prelude::*;

use super::args::Args;
use super::heap_type::{Native, state};
use super::members::{Members, light_entry, method};
use super::stop::stop_once_more;

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
    fn close(&self);

    /// `error` is raised where it waits.
    fn raised<'py>(&self, _: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        self.close();
        Err(error)
    }
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

unsafe extern "C" fn next<T: Coroutine>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    light_entry(
        |py| {
            // SAFETY: CPython calls this slot with an object of our type.
            let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
            Ok(match state.step(&this)? {
                Step::Yield(value) => value.into_ptr(),
                Step::Return(value) => {
                    stop_once_more(&value);
                    ptr::null_mut()
                }
            })
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
    let body = |state: &T, this: &Bound<'_, PyAny>, _: Args<'_, '_>| resume(state, this).map(Bound::unbind);
    // SAFETY: CPython calls this for a method of the type of `T`.
    unsafe { method::<T, Py<PyAny>>(this, values, positional, names, body) }
}

unsafe extern "C" fn throw<T: Coroutine>(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |state: &T, this: &Bound<'_, PyAny>, args: Args<'_, '_>| {
        let [kind, value, traceback] = args.bind("throw", ["type", "value", "traceback"], 1)?;
        let helper = crate::support::helper(this.py(), pyo3::intern!(this.py(), "raised"))?;
        let error = PyErr::from_value(helper.call1((kind, value, traceback))?);
        match state.raised(this, error)? {
            Step::Yield(value) => Ok(value.unbind()),
            Step::Return(value) => Err(PyStopIteration::new_err((value.unbind(),))),
        }
    };
    // SAFETY: CPython calls this for a method of the type of `T`.
    unsafe { method::<T, Py<PyAny>>(this, values, positional, names, body) }
}

unsafe extern "C" fn close<T: Coroutine>(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |state: &T, _: &Bound<'_, PyAny>, _: Args<'_, '_>| {
        state.close();
        Ok(())
    };
    // SAFETY: CPython calls this for a method of the type of `T`.
    unsafe { method::<T, ()>(this, values, positional, names, body) }
}

/// One step for callers that want `StopIteration`.
fn resume<'py, T: Coroutine>(state: &T, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match state.step(this)? {
        Step::Yield(value) => Ok(value),
        Step::Return(value) => Err(PyStopIteration::new_err((value.unbind(),))),
    }
}

/// Warns that the coroutine `name` came to its end before its beginning.
pub(crate) fn never_awaited(name: &str) {
    super::call::with_python(|py| {
        let text = std::ffi::CString::new(format!("coroutine '{name}' was never awaited"));
        let class = py.get_type::<pyo3::exceptions::PyRuntimeWarning>();
        if let Ok(text) = text
            && let Err(error) = PyErr::warn(py, &class, &text, 1)
        {
            error.write_unraisable(py, None);
        }
    });
}
