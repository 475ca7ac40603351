//! `Type(...)` from Python for native types that begin as their default.

use std::ffi::{c_int, c_void};
use std::ptr;

use pyo3::Borrowed;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::heap_type::{Native, state};
use super::members::{Members, entry};

/// A type that Python code may make.
pub(crate) trait Construct: Native + Default {
    /// `__init__`.
    fn init(
        &self,
        this: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        names: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()>;

    /// `__repr__`.
    fn repr<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>;
}

/// What such a type needs, besides `loop_slots::new_default` as its `NEW`.
pub(crate) fn construct_slots<T: Construct>() -> Members {
    Members::default()
        .slot(ffi::Py_tp_init, init::<T> as ffi::initproc as *mut c_void)
        .slot(ffi::Py_tp_repr, repr::<T> as ffi::reprfunc as *mut c_void)
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn init<T: Construct>(
    this: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    names: *mut ffi::PyObject,
) -> c_int {
    entry(
        |py| {
            // SAFETY: CPython calls this slot with an object of our type, a tuple, and a dict or null.
            let (state, this, args, names) = unsafe {
                let args = Borrowed::from_ptr(py, args).cast_unchecked::<PyTuple>();
                let names =
                    Borrowed::from_ptr_or_opt(py, names).map(|names| names.cast_unchecked::<PyDict>());
                (state::<T>(this), Borrowed::from_ptr(py, this), args, names)
            };
            state.init(&this, &args, names.as_deref()).map(|()| 0)
        },
        -1,
    )
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn repr<T: Construct>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    entry(
        |py| {
            // SAFETY: CPython calls this slot with an object of our type.
            let (state, this) = unsafe { (state::<T>(this), Borrowed::from_ptr(py, this)) };
            state.repr(&this).map(Bound::into_ptr)
        },
        ptr::null_mut(),
    )
}
