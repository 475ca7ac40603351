//! `Ref`: an owned reference to a Python object, for states that live and die by the million; `Slot`: a place for one.
//!
//! pyo3's `Py` asks at every drop whether the thread is attached, which is a look-up in thread-local storage; the
//! objects that hold a `Ref` are only ever dropped attached (ATTACHED), so it need not ask. Where it asks, `lock` takes 3.3 % more
//! instructions.

use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};

use pyo3::Borrowed;
use pyo3::ffi;
use pyo3::prelude::*;

use super::entry::attached;

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

    /// The reference, given away.
    pub(crate) fn into_bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        let object = self.0.as_ptr();
        std::mem::forget(self);
        // SAFETY: a reference that we owned.
        unsafe { Bound::from_owned_ptr(py, object) }
    }

    /// What `body` makes of the object, for code that is given no token: who has a `Ref` is attached.
    #[inline]
    pub(crate) fn with<R>(&self, body: impl FnOnce(&Bound<'_, PyAny>) -> R) -> R {
        // SAFETY: ATTACHED; see `Send`.
        unsafe { attached(|py| body(&self.bind(py))) }
    }

    /// One more reference, as pyo3 has it.
    pub(crate) fn object(&self, py: Python<'_>) -> Py<PyAny> {
        self.bind(py).to_owned().unbind()
    }

    pub(crate) fn as_ptr(&self) -> *mut ffi::PyObject {
        self.0.as_ptr()
    }
}

impl Clone for Ref {
    #[inline]
    fn clone(&self) -> Self {
        self.with(|object| Ref::from(object.clone()))
    }
}

/// One more reference to `object`, unless its end has begun: then it has none left to give.
///
/// # Safety
/// ATTACHED. The memory is an object's that was not given back. Only who keeps a table from which that memory itself takes
/// its entry can know that; the count, which is in the same memory, proves nothing.
pub(super) unsafe fn try_new_ref(py: Python<'_>, object: *mut ffi::PyObject) -> Option<Bound<'_, PyAny>> {
    // SAFETY: the caller's promise.
    unsafe { (ffi::Py_REFCNT(object) > 0).then(|| Bound::from_borrowed_ptr(py, object)) }
}

/// Whether nobody has `object` but the caller: nobody else will ask it anything any more.
pub(crate) fn is_last(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a live object.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) == 1 }
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

/// A place for a reference: one word, filled, emptied and copied attached only (ATTACHED).
#[derive(Debug, Default)]
pub(crate) struct Slot(UnsafeCell<Option<Ref>>);

impl Slot {
    pub(crate) fn new(object: Ref) -> Self {
        Slot(UnsafeCell::new(Some(object)))
    }

    /// What is there, as one more reference.
    pub(crate) fn bind<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: ATTACHED, and no borrow of the inside outlives a method of this type.
        unsafe { &*self.0.get() }.as_ref().map(|object| object.bind(py).to_owned())
    }

    /// What is there, as pyo3 has it.
    pub(crate) fn object(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.bind(py).map(Bound::unbind)
    }

    /// What is there, for comparing and for the collector; null when nothing is.
    pub(crate) fn as_ptr(&self) -> *mut ffi::PyObject {
        // SAFETY: as in `bind`.
        unsafe { &*self.0.get() }.as_ref().map_or(ptr::null_mut(), Ref::as_ptr)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.as_ptr().is_null()
    }

    /// Puts `object` there, and drops what was: last, since that may run any code.
    pub(crate) fn set(&self, object: impl Into<Ref>) {
        drop(self.replace(Some(object.into())));
    }

    pub(crate) fn take(&self) -> Option<Ref> {
        self.replace(None)
    }

    pub(crate) fn replace(&self, object: Option<Ref>) -> Option<Ref> {
        // SAFETY: as in `bind`.
        std::mem::replace(unsafe { &mut *self.0.get() }, object)
    }
}
