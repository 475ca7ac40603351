//! The number before Python 3.14: nobody looks for it.

use std::cell::Cell;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;

/// See the module above; 0 until there is one.
#[derive(Default)]
pub(crate) struct Number(Cell<u64>);

impl Number {
    pub(crate) fn set(&self, number: u64) {
        self.0.set(number);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }

    /// It is no object.
    pub(crate) fn as_object(&self) -> *mut ffi::PyObject {
        ptr::null_mut()
    }
}

/// There is nothing to know.
pub(crate) fn prepare(_: Python<'_>) {}
