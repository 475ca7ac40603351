//! `Unread`: the part of a body that came and was not read.
//!
//! ```text
//! first (a small piece, in an object of its own: most bodies are one)  |  rest
//! ```
//!
//! What comes behind, or is larger, lies in memory that stays while the body is read, and is copied into objects as large as is
//! asked for. Where nothing lies here and a large piece is asked for, that is read into its object (`fill_first`). Objects made as
//! bytes came, many at once, cost twice the CPU time of 10 MiB: each time the allocator gave their memory back to the kernel, and
//! asked for it again. Read at once, a body is one object that grows (`whole`).

use std::io;

use pyo3::types::PyBytes;

use crate::ffi::buffers::{GrowingBytes, bytes_filled_by};
use crate::ffi::prelude::*;
use crate::ffi::received::Received;
use crate::net::protocols::delivery::Read;

/// What is larger is no small piece.
const SMALL: usize = 64 * 1024;

/// Of a body whose length a server said this much is made room for at once: it may say anything. Pages that are not touched are free.
const BELIEVED: usize = 16 << 20;

/// See the module.
#[derive(Default)]
pub(crate) struct Unread {
    first: Slot,
    rest: RefCell<Received>,
    /// So many bytes of `first` were read.
    start: Cell<usize>,
    whole: RefCell<Option<GrowingBytes>>,
    size: Cell<usize>,
}

held!(Unread: first);

impl Unread {
    pub(crate) fn size(&self) -> usize {
        self.size.get()
    }

    /// Whether what comes is put to one object, since all of it is or was wanted.
    pub(crate) fn grows(&self) -> bool {
        self.whole.borrow().is_some()
    }

    pub(crate) fn add(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let before = self.size.replace(self.size.get() + data.len());
        if let Some(whole) = &mut *self.whole.borrow_mut() {
            return whole.push(py, data);
        }
        if before == 0 && data.len() <= SMALL {
            self.first.set(PyBytes::new(py, data).into_any());
        } else {
            self.rest.borrow_mut().append(data);
        }
        Ok(())
    }

    /// Puts behind it what one call of `read` gives, at most `room` bytes.
    pub(crate) fn fill(
        &self,
        py: Python<'_>,
        room: usize,
        read: &mut Read<'_>,
    ) -> PyResult<io::Result<usize>> {
        let filled = match &mut *self.whole.borrow_mut() {
            Some(whole) => whole.push_filled(py, room, read)?,
            None => self.rest.borrow_mut().append_filled(room, read),
        };
        self.size.set(self.size.get() + filled.as_ref().copied().unwrap_or_default());
        Ok(filled)
    }

    /// From now on all of it becomes one object, of which the length may be known.
    pub(crate) fn collect(&self, py: Python<'_>, length: Option<u64>) -> PyResult<()> {
        if self.grows() {
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

    /// The same into an object of its own, where there is nothing before it and nothing `grows`.
    pub(crate) fn fill_first(
        &self,
        py: Python<'_>,
        room: usize,
        read: &mut Read<'_>,
    ) -> PyResult<io::Result<usize>> {
        let filled = bytes_filled_by(py, room, read)?;
        Ok(filled.map(|piece| {
            let count = piece.as_bytes().len();
            if count > 0 {
                self.first.set(piece.into_any());
            }
            self.size.set(count);
            count
        }))
    }

    /// Puts `data` in front of what there is.
    pub(crate) fn put_back(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let there = self.take_all(py)?;
        let mut rest = self.rest.borrow_mut();
        rest.append(data);
        rest.append(there.as_bytes());
        self.size.set(rest.len());
        Ok(())
    }

    /// Looks at all of it.
    pub(crate) fn look<R>(&self, py: Python<'_>, look: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
        let first = self.first.bind(py).and_then(|first| first.cast_into::<PyBytes>().ok());
        if let Some(first) =
            first.filter(|first| first.as_bytes().len() - self.start.get() == self.size.get())
        {
            return Ok(look(first.as_bytes().get(self.start.get()..).unwrap_or_default()));
        }
        // In one place.
        if self.rest.borrow().len() < self.size.get() {
            self.put_back(py, b"")?;
        }
        Ok(look(self.rest.borrow().as_slice()))
    }

    /// Takes what there is, at most so much.
    pub(crate) fn take<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyBytes>> {
        if self.grows() {
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
        let unread = rest.as_slice();
        let taken = PyBytes::new(py, unread.get(..most).unwrap_or(unread));
        let count = taken.as_bytes().len();
        self.size.set(self.size.get() - count);
        rest.pass(count);
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
        let all = [first.as_bytes(), self.rest.take().as_slice()].concat();
        self.size.set(0);
        Ok(PyBytes::new(py, &all))
    }
}
