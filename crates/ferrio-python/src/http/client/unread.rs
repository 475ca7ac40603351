//! `Unread`: the part of a body that came and was not read.
//!
//! Invariant: while `rest` has bytes and `first` is empty, those before `start` were read; with `first`, `start` counts in that.

use pyo3::types::PyBytes;

use crate::ffi::prelude::*;

/// Bytes that were read are given up when they are so many, and more than half.
const MANY: usize = 64 * 1024;

/// Of a body whose length a server said this much is made room for at once: it may say anything.
const BELIEVED: u64 = 1 << 20;

/// See the module.
#[derive(Default)]
pub(crate) struct Unread {
    /// The first piece, in an object of its own: most bodies are one.
    first: Slot,
    rest: RefCell<Vec<u8>>,
    start: Cell<usize>,
    size: Cell<usize>,
}

held!(Unread: first);

impl Unread {
    pub(crate) fn size(&self) -> usize {
        self.size.get()
    }

    pub(crate) fn add(&self, py: Python<'_>, data: &[u8]) {
        if self.size.replace(self.size.get() + data.len()) == 0 {
            self.first.set(PyBytes::new(py, data).into_any());
        } else {
            self.rest.borrow_mut().extend_from_slice(data);
        }
    }

    /// Makes room for a body of that length, of which all is to be read at once.
    pub(crate) fn make_room(&self, length: u64) {
        let mut rest = self.rest.borrow_mut();
        if rest.capacity() == 0 {
            rest.reserve(usize::try_from(length.min(BELIEVED)).unwrap_or_default());
        }
    }

    pub(crate) fn put_back(&self, py: Python<'_>, data: &[u8]) {
        let rest = self.take(py, usize::MAX);
        self.add(py, &[data, rest.as_bytes()].concat());
    }

    /// Takes what there is, at most so much.
    pub(crate) fn take<'py>(&self, py: Python<'py>, most: usize) -> Bound<'py, PyBytes> {
        let most = most.min(self.size.get());
        self.size.set(self.size.get() - most);
        let first = self.first.bind(py).and_then(|first| first.cast_into::<PyBytes>().ok());
        let Some(first) = first else { return PyBytes::new(py, &self.take_rest(most)) };
        let start = self.start.get();
        let unread = first.as_bytes().get(start..).unwrap_or_default();
        if let Some(taken) = unread.get(..most)
            && most < unread.len()
        {
            self.start.set(start + most);
            return PyBytes::new(py, taken);
        }
        drop(self.first.take());
        self.start.set(0);
        if start == 0 && most == unread.len() {
            return first;
        }
        PyBytes::new(py, &[unread, &self.take_rest(most - unread.len())].concat())
    }

    fn take_rest(&self, count: usize) -> Vec<u8> {
        let mut rest = self.rest.borrow_mut();
        let (start, end) = (self.start.get(), self.start.get() + count);
        if start == 0 && count == rest.len() {
            return std::mem::take(&mut *rest);
        }
        let taken = rest.get(start..end).unwrap_or_default().to_vec();
        self.start.set(end);
        if end == rest.len() {
            rest.clear();
            self.start.set(0);
        } else if end > MANY && end > rest.len() / 2 {
            rest.drain(..end);
            self.start.set(0);
        }
        taken
    }
}
