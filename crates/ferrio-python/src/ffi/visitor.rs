//! `Visitor`: how a state shows the garbage collector what it holds.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;

use pyo3::ffi;
use pyo3::prelude::*;

/// Shows objects to the garbage collector.
pub(crate) struct Visitor<'a> {
    visit: ffi::visitproc,
    arg: *mut c_void,
    /// What the collector answered; once it is not 0 nothing more is shown.
    pub(super) result: c_int,
    scope: PhantomData<&'a ()>,
}

impl Visitor<'_> {
    pub(super) fn new(visit: ffi::visitproc, arg: *mut c_void) -> Self {
        Visitor { visit, arg, result: 0, scope: PhantomData }
    }

    pub(crate) fn object<T>(&mut self, object: Option<&Py<T>>) {
        if let Some(object) = object {
            self.raw(object.as_ptr());
        }
    }

    pub(crate) fn raw(&mut self, object: *mut ffi::PyObject) {
        if self.result == 0 && !object.is_null() {
            // SAFETY: the collector's own callback on a live object.
            self.result = unsafe { (self.visit)(object, self.arg) };
        }
    }
}
