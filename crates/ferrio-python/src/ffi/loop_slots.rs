//! Two slots of the loop's type: making one, and noticing that somebody replaces `time` on an instance.

use std::ffi::{c_int, c_void};
use std::ptr;

use pyo3::Borrowed;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use super::heap_type::{Members, alloc_raw, entry, state};
use crate::base_events::BaseLoop;

/// `BaseLoop.__new__`, also for subclasses, whatever their `__init__` takes.
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

/// The slot for `Members`.
pub(crate) fn watch_time() -> Members {
    Members::default().slot(ffi::Py_tp_setattro, set_attribute as ffi::setattrofunc as *mut c_void)
}

unsafe extern "C" fn set_attribute(
    this: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: CPython's own arguments, handed on.
    let result = unsafe { ffi::PyObject_GenericSetAttr(this, name, value) };
    if result != 0 {
        return result;
    }
    entry(
        |py| {
            // SAFETY: live objects; the slot belongs to our type.
            let (this, name) = unsafe { (Borrowed::from_ptr(py, this), Borrowed::from_ptr(py, name)) };
            if name.is(intern!(py, "time")) || name.eq(intern!(py, "time"))? {
                // SAFETY: as above.
                unsafe { state::<BaseLoop>(this.as_ptr()) }.notice_foreign_time(&this)?;
            }
            Ok(0)
        },
        -1,
    )
}
