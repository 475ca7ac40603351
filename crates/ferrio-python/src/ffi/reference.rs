//! `Ref`: an owned reference to a Python object, for states that live and die by the million.
//!
//! pyo3's `Py` asks at every drop whether the thread is attached, which is a look-up in thread-local storage; the
//! objects that hold a `Ref` are only ever dropped attached (ATTACHED), so it need not ask.

use std::ptr::NonNull;

use pyo3::Borrowed;
use pyo3::ffi;
use pyo3::prelude::*;

/// See the module.
#[derive(Debug)]
pub(crate) struct Ref(NonNull<ffi::PyObject>);

// SAFETY: counts change attached only, which `Word` and the states that hold one see to.
unsafe impl Send for Ref {}

impl Ref {
    /// The object.
    pub(crate) fn bind<'a, 'py>(&'a self, py: Python<'py>) -> Borrowed<'a, 'py, PyAny> {
        // SAFETY: we own a reference for as long as the borrow lasts.
        unsafe { Borrowed::from_ptr(py, self.0.as_ptr()) }
    }

    /// One more reference.
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Ref {
        Ref::from(self.bind(py).to_owned())
    }

    /// One more reference, as pyo3 has it.
    pub(crate) fn object(&self, py: Python<'_>) -> Py<PyAny> {
        self.bind(py).to_owned().unbind()
    }

    pub(crate) fn as_ptr(&self) -> *mut ffi::PyObject {
        self.0.as_ptr()
    }
}

impl<T> From<Bound<'_, T>> for Ref {
    fn from(object: Bound<'_, T>) -> Self {
        // SAFETY: a `Bound` is never null, and gives its reference away.
        Ref(unsafe { NonNull::new_unchecked(object.into_ptr()) })
    }
}

impl<'py> IntoPyObject<'py> for &Ref {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = std::convert::Infallible;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(self.bind(py).to_owned())
    }
}

impl Drop for Ref {
    fn drop(&mut self) {
        // SAFETY: we own this reference; see `Send`.
        unsafe { ffi::Py_DECREF(self.0.as_ptr()) };
    }
}
