//! `BaseLoop.__new__`: making a loop.

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;

use super::heap_type::alloc_raw;
use super::members::entry;
use crate::base_events::BaseLoop;

/// `BaseLoop.__new__`, also for subclasses, whatever their `__init__` takes.
// SAFETY: called by CPython only, as its slot or table promises.
pub(crate) unsafe extern "C" fn new_base_loop(
    class: *mut ffi::PyTypeObject,
    _: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    entry(
        |py| {
            let state = BaseLoop::new()?;
            // SAFETY: CPython calls this with a class derived from ours.
            unsafe { alloc_raw(py, class, state) }.map(Bound::into_ptr)
        },
        ptr::null_mut(),
    )
}
