//! `Body`: what came of a request's body and was not told yet.

use pyo3::types::PyBytes;

use crate::ffi::prelude::*;

/// See the module.
#[derive(Default)]
pub(crate) struct Body {
    /// The first piece, in an object of its own: most bodies are one.
    first: Slot,
    /// What came behind it.
    rest: RefCell<Vec<u8>>,
    /// Whether the body is whole.
    ended: Cell<bool>,
    /// Whether the end was told.
    told: Cell<bool>,
}

held!(Body: first);

impl Body {
    pub(crate) fn add(&self, py: Python<'_>, data: &[u8]) {
        if self.first.is_empty() {
            self.first.set(PyBytes::new(py, data).into_any());
        } else {
            self.rest.borrow_mut().extend_from_slice(data);
        }
    }

    pub(crate) fn end(&self) {
        self.ended.set(true);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// How much waits to be told.
    pub(crate) fn size(&self, py: Python<'_>) -> usize {
        let first = self.first.bind(py).and_then(|first| first.len().ok());
        first.unwrap_or(0) + self.rest.borrow().len()
    }

    /// What there is to tell, and whether more follows.
    pub(crate) fn take<'py>(&self, py: Python<'py>) -> Option<(Bound<'py, PyAny>, bool)> {
        if self.told.get() || (self.first.is_empty() && !self.ended.get()) {
            return None;
        }
        self.told.set(self.ended.get());
        let rest = self.rest.take();
        let first = self.first.take().map(|first| first.into_bound(py));
        let data = match first {
            Some(first) if rest.is_empty() => first,
            Some(first) => {
                let first =
                    first.cast_into::<PyBytes>().map(|bytes| bytes.as_bytes().to_vec()).unwrap_or_default();
                PyBytes::new(py, &[first, rest].concat()).into_any()
            }
            None => intern_empty(py),
        };
        Some((data, !self.ended.get()))
    }
}

fn intern_empty(py: Python<'_>) -> Bound<'_, PyAny> {
    // The interpreter has one empty object.
    PyBytes::new(py, b"").into_any()
}
