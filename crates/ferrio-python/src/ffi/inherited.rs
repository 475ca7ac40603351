//! The `__slots__` of the class of asyncio's that a native type derives from: places in each instance, in front of the state.
//!
//! A program that sets such an attribute puts a reference there. The interpreter sees to it in instances of Python classes by
//! functions that look the type up in the object, and would come back to ours; so ours show, empty and drop these places
//! themselves (`Native::BASE_SLOTS`).
//!
//! Not those of the handles: each of their attributes has a place of the state's, and only who calls asyncio's descriptor by
//! its own name, with a handle of ours, puts anything elsewhere. That is not worth a look at the end of each handle.

use std::ffi::c_int;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::visitor::Visitor;

/// Where the places are that `base` gives to its instances.
pub(super) fn offsets(base: &Bound<'_, PyType>) -> PyResult<Vec<isize>> {
    let mut offsets = Vec::new();
    for class in base.mro() {
        for attribute in class.getattr("__dict__")?.call_method0("values")?.try_iter()? {
            offsets.extend(offset(&attribute?));
        }
    }
    Ok(offsets)
}

fn offset(attribute: &Bound<'_, PyAny>) -> Option<isize> {
    // SAFETY: ATTACHED. A descriptor of that type points to the definition that its class keeps.
    unsafe {
        if attribute.get_type_ptr() != &raw mut ffi::PyMemberDescr_Type {
            return None;
        }
        let member = (*attribute.as_ptr().cast::<ffi::PyMemberDescrObject>()).d_member;
        ((*member).type_code == OBJECT).then(|| (*member).offset)
    }
}

/// How the interpreter calls a place for an object that may be empty.
const OBJECT: c_int = ffi::Py_T_OBJECT_EX;

/// Shows the collector what is there.
///
/// # Safety
/// ATTACHED; `offsets` are those of a class above that of `this`.
pub(super) unsafe fn traverse(this: *mut ffi::PyObject, offsets: &[isize], visitor: &mut Visitor<'_>) {
    for offset in offsets {
        // SAFETY: the caller's promise: the place holds an object or null.
        visitor.raw(unsafe { *place(this, *offset) });
    }
}

/// Drops what is there, which may run any code.
///
/// # Safety
/// As `traverse`.
pub(super) unsafe fn clear(this: *mut ffi::PyObject, offsets: &[isize]) {
    for offset in offsets {
        // SAFETY: the caller's promise. The reference is the place's own, which is empty before anybody may look.
        unsafe { ffi::Py_XDECREF(place(this, *offset).replace(ptr::null_mut())) };
    }
}

fn place(this: *mut ffi::PyObject, offset: isize) -> *mut *mut ffi::PyObject {
    this.wrapping_byte_offset(offset).cast()
}
