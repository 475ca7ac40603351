//! `Unread`: the part of a body that came and was not read.
//!
//! ```text
//! first (a small piece, in an object of its own: most bodies are one)  |  rest: read already, start.., not read yet
//! ```
//!
//! What comes behind, or is larger, is copied into memory that stays while the body is read, and from there into objects as large as
//! is asked for. Objects made as bytes came, many at once, cost twice the CPU time of 10 MiB: each time the allocator gave their memory
//! back to the kernel, and asked for it again. Read at once, a body is one object that grows (`whole`).

use pyo3::types::PyBytes;

use crate::ffi::buffers::GrowingBytes;
use crate::ffi::prelude::*;

/// What is larger is no small piece.
const SMALL: usize = 64 * 1024;

/// Of a body whose length a server said this much is made room for at once: it may say anything. Pages that are not touched are free.
const BELIEVED: usize = 16 << 20;

/// See the module.
#[derive(Default)]
pub(crate) struct Unread {
    first: Slot,
    rest: RefCell<Vec<u8>>,
    /// Of `first`, if that is there, else of `rest`: so many bytes were read.
    start: Cell<usize>,
    whole: RefCell<Option<GrowingBytes>>,
    size: Cell<usize>,
}

held!(Unread: first);

impl Unread {
    pub(crate) fn size(&self) -> usize {
        self.size.get()
    }

    pub(crate) fn add(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let before = self.size.replace(self.size.get() + data.len());
        if let Some(whole) = &mut *self.whole.borrow_mut() {
            return whole.push(py, data);
        }
        if before == 0 && data.len() <= SMALL {
            self.first.set(PyBytes::new(py, data).into_any());
        } else {
            self.rest.borrow_mut().extend_from_slice(data);
        }
        Ok(())
    }

    /// From now on all of it becomes one object, of which the length may be known.
    pub(crate) fn collect(&self, py: Python<'_>, length: Option<u64>) -> PyResult<()> {
        if self.whole.borrow().is_some() {
            return Ok(());
        }
        let there = self.take_all(py)?;
        let (room, expected) = match length.and_then(|length| usize::try_from(length).ok()) {
            Some(length) => (length.min(BELIEVED), length),
            None => (SMALL, usize::MAX),
        };
        let mut whole = GrowingBytes::create(py, room, expected)?;
        whole.push(py, there.as_bytes())?;
        self.size.set(there.as_bytes().len());
        self.whole.replace(Some(whole));
        Ok(())
    }

    /// Puts `data` in front of what there is.
    pub(crate) fn put_back(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let there = self.take_all(py)?;
        let mut rest = self.rest.borrow_mut();
        rest.extend_from_slice(data);
        rest.extend_from_slice(there.as_bytes());
        self.size.set(rest.len());
        Ok(())
    }

    /// Takes what there is, at most so much.
    pub(crate) fn take<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyBytes>> {
        if self.whole.borrow().is_some() {
            let all = self.take_all(py)?;
            self.put_back(py, all.as_bytes())?;
        }
        let first = self.first.bind(py).and_then(|first| first.cast_into::<PyBytes>().ok());
        let Some(first) = first else { return Ok(self.take_rest(py, most)) };
        let start = self.start.get();
        let unread = first.as_bytes().get(start..).unwrap_or_default();
        let taken = unread.get(..most).unwrap_or(unread);
        self.size.set(self.size.get() - taken.len());
        if taken.len() < unread.len() {
            self.start.set(start + taken.len());
        } else {
            self.start.set(0);
            drop(self.first.take());
        }
        Ok(if taken.len() == first.as_bytes().len() { first } else { PyBytes::new(py, taken) })
    }

    fn take_rest<'py>(&self, py: Python<'py>, most: usize) -> Bound<'py, PyBytes> {
        let mut rest = self.rest.borrow_mut();
        let unread = rest.get(self.start.get()..).unwrap_or_default();
        let taken = PyBytes::new(py, unread.get(..most).unwrap_or(unread));
        let count = taken.as_bytes().len();
        self.size.set(self.size.get() - count);
        let end = self.start.get() + count;
        if end == rest.len() {
            rest.clear();
            self.start.set(0);
        } else if end > SMALL && end > rest.len() / 2 {
            rest.drain(..end);
            self.start.set(0);
        } else {
            self.start.set(end);
        }
        taken
    }

    /// Takes everything.
    pub(crate) fn take_all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        if let Some(whole) = self.whole.take() {
            self.size.set(0);
            return whole.finish(py);
        }
        let first = self.take(py, usize::MAX)?;
        if self.size.get() == 0 {
            return Ok(first);
        }
        let all = [first.as_bytes(), &self.rest.take()].concat();
        self.size.set(0);
        Ok(PyBytes::new(py, &all))
    }
}
