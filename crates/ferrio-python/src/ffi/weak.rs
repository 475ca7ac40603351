//! Weak references: which transport has which descriptor, without keeping the transport alive; and where an object has
//! the list of those to itself.
//!
//! As asyncio's `WeakValueDictionary` it holds weak references, which the interpreter clears before the memory is anybody
//! else's, whatever order the collector, the loop's end and the transport's come in. Plain pointers cost more: each transport
//! had to look for the loop at its end, 39.8 thousand instructions for a connection made and closed instead of 37.9.

use std::cell::{Cell, RefCell};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::reference::Ref;

/// Where the interpreter keeps the list of weak references to an object whose state has this (`Members::weak_references`). It
/// is emptied before the state is dropped.
pub(crate) struct WeakReferences(#[expect(dead_code, reason = "the interpreter's")] Cell<*mut ffi::PyObject>);

impl Default for WeakReferences {
    fn default() -> Self {
        WeakReferences(Cell::new(ptr::null_mut()))
    }
}

/// Open transports by descriptor.
#[derive(Default)]
pub(crate) struct Transports {
    /// `weakref.ref` objects without callbacks. Making one may run any code, before Python 3.12; following and dropping one
    /// runs none, and so no borrow lasts while other code runs.
    by_descriptor: RefCell<Vec<Option<Ref>>>,
}

impl Transports {
    /// `object` has `descriptor` from now on.
    pub(crate) fn insert(&self, descriptor: i32, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(index) = usize::try_from(descriptor) else { return Ok(()) };
        let weak = PyWeakrefReference::new(object)?;
        let mut list = self.by_descriptor.borrow_mut();
        if index >= list.len() {
            list.resize_with(index + 1, || None);
        }
        list[index] = Some(Ref::from(weak));
        Ok(())
    }

    /// `object`, and nobody else, gives `descriptor` up.
    pub(crate) fn remove(&self, descriptor: i32, object: &Bound<'_, PyAny>) {
        let there = self.find(object.py(), descriptor);
        if there.is_some_and(|there| there.is(object))
            && let Ok(index) = usize::try_from(descriptor)
            && let Some(place) = self.by_descriptor.borrow_mut().get_mut(index)
        {
            *place = None;
        }
    }

    /// Who has `descriptor`.
    pub(crate) fn find<'py>(&self, py: Python<'py>, descriptor: i32) -> Option<Bound<'py, PyAny>> {
        let index = usize::try_from(descriptor).ok()?;
        let list = self.by_descriptor.borrow();
        let weak = list.get(index)?.as_ref()?.bind(py);
        // SAFETY: `insert` puts nothing else there.
        unsafe { weak.cast_unchecked::<PyWeakrefReference>() }.upgrade()
    }
}
