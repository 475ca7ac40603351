//! What goes back to Python: what a method may return, and what an attribute may be that needs no method.

use std::cell::Cell;

use pyo3::ffi;
use pyo3::prelude::*;

use super::reference::{Ref, Slot};

/// What a method may return.
pub(crate) trait Answer {
    fn answer(self, py: Python<'_>) -> *mut ffi::PyObject;
}

impl Answer for Bound<'_, PyAny> {
    fn answer(self, _: Python<'_>) -> *mut ffi::PyObject {
        self.into_ptr()
    }
}

impl Answer for Py<PyAny> {
    fn answer(self, _: Python<'_>) -> *mut ffi::PyObject {
        self.into_ptr()
    }
}

impl Answer for () {
    fn answer(self, py: Python<'_>) -> *mut ffi::PyObject {
        py.None().into_ptr()
    }
}

impl Answer for bool {
    fn answer(self, py: Python<'_>) -> *mut ffi::PyObject {
        pyo3::types::PyBool::new(py, self).to_owned().into_any().into_ptr()
    }
}

impl Answer for f64 {
    fn answer(self, py: Python<'_>) -> *mut ffi::PyObject {
        pyo3::types::PyFloat::new(py, self).into_any().into_ptr()
    }
}

impl Answer for u32 {
    fn answer(self, py: Python<'_>) -> *mut ffi::PyObject {
        (self as usize).answer(py)
    }
}

impl Answer for i64 {
    fn answer(self, _: Python<'_>) -> *mut ffi::PyObject {
        // SAFETY: ATTACHED.
        unsafe { ffi::PyLong_FromLongLong(self) }
    }
}

impl Answer for usize {
    fn answer(self, _: Python<'_>) -> *mut ffi::PyObject {
        // SAFETY: ATTACHED.
        unsafe { ffi::PyLong_FromSize_t(self) }
    }
}

impl<T: Answer> Answer for Option<T> {
    fn answer(self, py: Python<'_>) -> *mut ffi::PyObject {
        match self {
            Some(value) => value.answer(py),
            None => ().answer(py),
        }
    }
}

/// What an attribute may be that needs no getter.
pub(crate) trait Attribute {
    type As: Answer;

    fn read_attribute(&self, py: Python<'_>) -> PyResult<Self::As>;
}

/// What an attribute may be that needs no setter, either.
pub(crate) trait Field: Attribute {
    /// Deleting the attribute sets `None`.
    fn put(&self, value: &Bound<'_, PyAny>) -> PyResult<()>;
}

/// An object, or None.
impl Attribute for Slot {
    type As = Option<Py<PyAny>>;

    fn read_attribute(&self, py: Python<'_>) -> PyResult<Self::As> {
        Ok(self.object(py))
    }
}

impl Field for Slot {
    fn put(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        put(self, value);
        Ok(())
    }
}

impl Attribute for Ref {
    type As = Py<PyAny>;

    fn read_attribute(&self, py: Python<'_>) -> PyResult<Self::As> {
        Ok(self.object(py))
    }
}

impl<T: Answer + Copy> Attribute for Cell<T> {
    type As = T;

    fn read_attribute(&self, _: Python<'_>) -> PyResult<T> {
        Ok(self.get())
    }
}

impl Field for Cell<bool> {
    fn put(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set(value.is_truthy()?);
        Ok(())
    }
}

/// What shows as itself.
macro_rules! shows_itself {
    ($($kind:ty)*) => {
        $(impl Attribute for $kind {
            type As = Self;

            fn read_attribute(&self, _: Python<'_>) -> PyResult<Self> {
                Ok(*self)
            }
        })*
    };
}

shows_itself!(bool usize u32 i64);

/// Sets an attribute that is an object or None.
pub(crate) fn put(slot: &Slot, value: &Bound<'_, PyAny>) {
    drop(slot.replace((!value.is_none()).then(|| value.clone().into())));
}
