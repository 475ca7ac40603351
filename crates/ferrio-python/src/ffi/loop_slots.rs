//! `BaseLoop.__new__`, and how attributes of a loop are set.

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::{Borrowed, intern};

use super::instances::alloc_raw;
use super::members::entry;
use crate::event_loop::base_events::BaseLoop;

/// `BaseLoop.__new__`, also for subclasses, whatever their `__init__` takes. A class with a true `_virtual_clock` gets
/// loops on a virtual clock.
// SAFETY: called by CPython only, as its slot or table promises.
pub(crate) unsafe extern "C" fn new_base_loop(
    class: *mut ffi::PyTypeObject,
    _: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    entry(
        |py| {
            // SAFETY: CPython calls this with a class derived from ours, which lives.
            let wish =
                unsafe { Borrowed::from_ptr(py, class.cast()) }.getattr_opt(intern!(py, "_virtual_clock"))?;
            let is_virtual = wish.map_or(Ok(false), |wish| wish.is_truthy())?;
            let state = BaseLoop::new(is_virtual)?;
            // SAFETY: as above.
            unsafe { alloc_raw(py, class, state) }.map(Bound::into_ptr)
        },
        ptr::null_mut(),
    )
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
