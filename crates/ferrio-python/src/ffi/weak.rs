//! Which object has which descriptor, without keeping the object alive.
//!
//! Invariant LISTED: an object takes itself off the list before it dies, in the `Drop` of its state at the latest.

use std::cell::RefCell;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;

/// Open transports by descriptor.
#[derive(Default)]
pub(crate) struct Transports {
    by_descriptor: RefCell<Vec<*mut ffi::PyObject>>,
}

impl Transports {
    /// `object` has `descriptor` from now on.
    pub(crate) fn insert(&self, descriptor: i32, object: &Bound<'_, PyAny>) {
        let Ok(index) = usize::try_from(descriptor) else { return };
        let mut list = self.by_descriptor.borrow_mut();
        if index >= list.len() {
            list.resize(index + 1, ptr::null_mut());
        }
        list[index] = object.as_ptr();
    }

    /// `object`, and nobody else, gives `descriptor` up.
    pub(crate) fn remove(&self, descriptor: i32, object: *mut ffi::PyObject) {
        if let Ok(index) = usize::try_from(descriptor)
            && let Some(place) = self.by_descriptor.borrow_mut().get_mut(index)
            && *place == object
        {
            *place = ptr::null_mut();
        }
    }

    /// Who has `descriptor`.
    pub(crate) fn find<'py>(&self, py: Python<'py>, descriptor: i32) -> Option<Bound<'py, PyAny>> {
        let index = usize::try_from(descriptor).ok()?;
        let object = *self.by_descriptor.borrow().get(index)?;
        // SAFETY: LISTED: null or alive. An object that is being freed has no reference left to give away.
        unsafe {
            let alive = !object.is_null() && ffi::Py_REFCNT(object) > 0;
            alive.then(|| Bound::from_borrowed_ptr(py, object))
        }
    }
}
