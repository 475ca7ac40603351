//! Native types that Python code makes and derives from: `__new__`, `__init__`, `__repr__`, `__call__`, `__del__`,
//! iteration, asynchronous iteration.
//!
//! A class of this kind is a base of the Python class that stands for asyncio's, in front of asyncio's own, so that
//! whatever is not native is asyncio's and `isinstance` holds.

use std::ffi::{c_int, c_void};
use std::ptr;

use pyo3::Borrowed;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::args::Given;
use super::entry::enter;
use super::heap_type::{Native, state};
use super::instances::alloc_raw;
use super::members::Members;

/// The state of a type that is made by calling it.
pub(crate) trait Constructed: Native {
    /// `__init__`.
    fn init(&self, this: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()>;
}

/// The state of a type with a `repr` of its own.
pub(crate) trait Shown: Native {
    /// `__repr__`.
    fn repr<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>;
}

/// The state of a callback.
pub(crate) trait Called: Native {
    /// `__call__`; returns None.
    fn call(&self, arguments: &Bound<'_, PyTuple>) -> PyResult<()>;
}

/// The state of a type with a finalizer.
pub(crate) trait Finalized: Native {
    /// `__del__`.
    fn finalize(&self, this: &Bound<'_, PyAny>) -> PyResult<()>;
}

/// The state of an iterator.
pub(crate) trait Iterates: Native {
    /// `__next__`; `None` at the end.
    fn next<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>>;
}

/// The state of an asynchronous iterator.
pub(crate) trait AsyncIterator: Native {
    /// `__anext__`: an awaitable.
    fn next<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>;
}

pub(crate) fn constructed_slots<T: Constructed>() -> Members {
    Members::default().slot(ffi::Py_tp_init, init::<T> as ffi::initproc as *mut c_void)
}

pub(crate) fn shown_slots<T: Shown>() -> Members {
    Members::default().slot(ffi::Py_tp_repr, repr::<T> as ffi::reprfunc as *mut c_void)
}

pub(crate) fn called_slots<T: Called>() -> Members {
    Members::default().slot(ffi::Py_tp_call, call::<T> as ffi::ternaryfunc as *mut c_void)
}

pub(crate) fn finalized_slots<T: Finalized>() -> Members {
    Members::default().slot(ffi::Py_tp_finalize, finalize::<T> as ffi::destructor as *mut c_void)
}

pub(crate) fn iterator_slots<T: Iterates>() -> Members {
    Members::default()
        .slot(ffi::Py_tp_iter, itself as ffi::unaryfunc as *mut c_void)
        .slot(ffi::Py_tp_iternext, following::<T> as ffi::iternextfunc as *mut c_void)
}

pub(crate) fn async_iterator_slots<T: AsyncIterator>() -> Members {
    Members::default()
        .slot(ffi::Py_am_aiter, itself as ffi::unaryfunc as *mut c_void)
        .slot(ffi::Py_am_anext, next::<T> as ffi::unaryfunc as *mut c_void)
}

/// The state of a type whose new objects may fail to be made, or differ by class.
pub(crate) trait Made: Native {
    /// The state of a new object of `class`.
    fn made(class: &Bound<'_, PyAny>) -> PyResult<Self>;
}

/// `__new__`, also for subclasses, whatever their `__init__` takes.
// SAFETY: called by CPython only, as its slot promises.
pub(crate) unsafe extern "C" fn new_made<T: Made>(
    class: *mut ffi::PyTypeObject,
    _: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this with a class derived from ours, which lives.
        let state = T::made(&*unsafe { Borrowed::from_ptr(py, class.cast()) })?;
        // SAFETY: as above.
        unsafe { alloc_raw(py, class, state) }.map(Bound::into_ptr)
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<false, _>(body, ptr::null_mut()) }
}

/// `__new__`: an object that was not initialised yet, whatever its `__init__` takes.
// SAFETY: called by CPython only, as its slot promises.
pub(crate) unsafe extern "C" fn new<T: Native + Default>(
    class: *mut ffi::PyTypeObject,
    _: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls this with a class derived from ours.
    let body = |py: Python<'_>| unsafe { alloc_raw(py, class, T::default()) }.map(Bound::into_ptr);
    // SAFETY: CPython calls this attached.
    unsafe { enter::<false, _>(body, ptr::null_mut()) }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn init<T: Constructed>(
    this: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    names: *mut ffi::PyObject,
) -> c_int {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type, a tuple, and a dict or null.
        let (state, this, args, names) = unsafe {
            let args = Borrowed::from_ptr(py, args).cast_unchecked::<PyTuple>();
            let names = Borrowed::from_ptr_or_opt(py, names).map(|names| names.cast_unchecked::<PyDict>());
            (state::<T>(this), Borrowed::from_ptr(py, this), args, names)
        };
        state.init(&this, Given { args: &args, names: names.as_deref() }).map(|()| 0)
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<false, _>(body, -1) }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn repr<T: Shown>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type.
        let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
        state.repr(&this).map(Bound::into_ptr)
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<false, _>(body, ptr::null_mut()) }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn call<T: Called>(
    this: *mut ffi::PyObject,
    arguments: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type, and a tuple.
        let (state, arguments) = unsafe {
            let arguments = Borrowed::from_ptr(py, arguments).cast_unchecked::<PyTuple>();
            (state::<T>(this), arguments)
        };
        state.call(&arguments)?;
        Ok(py.None().into_ptr())
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<false, _>(body, ptr::null_mut()) }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn finalize<T: Finalized>(this: *mut ffi::PyObject) {
    let body = |py: Python<'_>| {
        let pending = PyErr::take(py);
        // SAFETY: CPython calls this slot with an object of our type.
        let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
        if let Err(error) = state.finalize(&this) {
            error.write_unraisable(py, Some(&this));
        }
        if let Some(error) = pending {
            error.restore(py);
        }
        Ok(())
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<false, _>(body, ()) };
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn itself(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a live object, attached.
    unsafe { ffi::Py_NewRef(this) }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn following<T: Iterates>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type.
        let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
        Ok(state.next(&this)?.map_or(ptr::null_mut(), Bound::into_ptr))
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<true, _>(body, ptr::null_mut()) }
}

unsafe extern "C" fn next<T: AsyncIterator>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type.
        let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
        state.next(&this).map(Bound::into_ptr)
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<true, _>(body, ptr::null_mut()) }
}

/// Sets an attribute as `object` does, or deletes the attribute.
pub(crate) fn set_attribute(
    this: &Bound<'_, PyAny>,
    name: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let value = value.map_or(ptr::null_mut(), Bound::as_ptr);
    // SAFETY: all of them live for the call; no value means to delete.
    let result = unsafe { ffi::PyObject_GenericSetAttr(this.as_ptr(), name.as_ptr(), value) };
    if result < 0 { Err(PyErr::fetch(this.py())) } else { Ok(()) }
}
