//! `BaseLoop.__new__` and `__setattr__`: making a loop, and noticing what a program puts in the place of its methods.

use std::ffi::c_int;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::{Borrowed, intern};

use super::heap_type::state;
use super::instances::alloc_raw;
use super::members::entry;
use crate::base_events::BaseLoop;

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

/// `BaseLoop.__setattr__`, which also deletes: an attribute that stands in the place of a method is noticed at once.
// SAFETY: called by CPython only, as its slot or table promises.
pub(crate) unsafe extern "C" fn set_attribute(
    this: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: CPython's own arguments, handed on.
    if unsafe { ffi::PyObject_GenericSetAttr(this, name, value) } < 0 {
        return -1;
    }
    entry(
        |py| {
            // SAFETY: CPython calls this slot with an object of our type, and a string.
            let (state, this, name) = unsafe {
                (state::<BaseLoop>(this), Borrowed::from_ptr(py, this), Borrowed::from_ptr(py, name))
            };
            if BaseLoop::is_noticed(&name) { state.notice_replaced(&this).map(|()| 0) } else { Ok(0) }
        },
        -1,
    )
}
