//! `Unread`: the part of a body that came and was not read.
//!
//! Read in pieces, it is objects of `PIECE` bytes at most, made when the bytes come and handed out as they are; what is small is gathered
//! first, in `tail`. Read at once, it is one object that grows (`whole`). With one object for all that came together, of which pieces
//! were then copied, 10 MiB in pieces took a third more CPU time.

use std::collections::VecDeque;

use pyo3::types::PyBytes;

use crate::ffi::buffers::GrowingBytes;
use crate::ffi::prelude::*;

/// Large enough that an object costs little beside its bytes, and small enough that the allocator has it at hand: above 128 KiB glibc
/// asks the kernel for each.
const PIECE: usize = 64 * 1024;

/// What is smaller is gathered.
const SMALL: usize = 4 * 1024;

/// Of a body whose length a server said this much is made room for at once: it may say anything.
const BELIEVED: usize = 1 << 20;

/// See the module.
#[derive(Default)]
pub(crate) struct Unread {
    pieces: RefCell<VecDeque<Ref>>,
    /// So much of the first piece was read.
    start: Cell<usize>,
    /// Behind the pieces.
    tail: RefCell<Vec<u8>>,
    whole: RefCell<Option<GrowingBytes>>,
    size: Cell<usize>,
}

held!(Unread: pieces);

impl Unread {
    pub(crate) fn size(&self) -> usize {
        self.size.get()
    }

    pub(crate) fn add(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let before = self.size.replace(self.size.get() + data.len());
        if let Some(whole) = &mut *self.whole.borrow_mut() {
            return whole.push(py, data);
        }
        if before > 0 && data.len() < SMALL {
            let mut tail = self.tail.borrow_mut();
            tail.extend_from_slice(data);
            if tail.len() >= PIECE {
                self.push(py, &std::mem::take(&mut *tail));
            }
            return Ok(());
        }
        let tail = self.tail.take();
        [&tail[..], data]
            .into_iter()
            .flat_map(|part| part.chunks(PIECE))
            .for_each(|part| self.push(py, part));
        Ok(())
    }

    fn push(&self, py: Python<'_>, piece: &[u8]) {
        self.pieces.borrow_mut().push_back(PyBytes::new(py, piece).into_any().into());
    }

    /// From now on all of it becomes one object, of which the length may be known.
    pub(crate) fn collect(&self, py: Python<'_>, length: Option<u64>) -> PyResult<()> {
        if self.whole.borrow().is_some() {
            return Ok(());
        }
        let there = self.take_all(py);
        let (room, expected) = match length.and_then(|length| usize::try_from(length).ok()) {
            Some(length) => (length.min(BELIEVED), length),
            None => (PIECE, usize::MAX),
        };
        let mut whole = GrowingBytes::create(py, room, expected)?;
        whole.push(py, there.as_bytes())?;
        self.size.set(there.as_bytes().len());
        self.whole.replace(Some(whole));
        Ok(())
    }

    pub(crate) fn put_back(&self, py: Python<'_>, data: &[u8]) {
        let there = self.take_all(py);
        let all = [data, there.as_bytes()].concat();
        self.size.set(all.len());
        all.chunks(PIECE).for_each(|part| self.push(py, part));
    }

    /// Takes some of what there is, at most so much.
    pub(crate) fn take<'py>(&self, py: Python<'py>, most: usize) -> Bound<'py, PyBytes> {
        if self.whole.borrow().is_some() {
            let all = self.take_all(py);
            self.put_back(py, all.as_bytes());
        }
        let tail = if self.pieces.borrow().is_empty() { self.tail.take() } else { Vec::new() };
        if !tail.is_empty() {
            self.push(py, &tail);
        }
        let first = self.pieces.borrow().front().map(|piece| piece.bind(py).to_owned());
        let Some(first) = first.and_then(|piece| piece.cast_into::<PyBytes>().ok()) else {
            return PyBytes::new(py, b"");
        };
        let start = self.start.get();
        let unread = first.as_bytes().get(start..).unwrap_or_default();
        let taken = unread.get(..most).unwrap_or(unread);
        self.size.set(self.size.get() - taken.len());
        if taken.len() < unread.len() {
            self.start.set(start + taken.len());
        } else {
            self.start.set(0);
            drop(self.pieces.borrow_mut().pop_front());
        }
        if taken.len() == first.as_bytes().len() { first } else { PyBytes::new(py, taken) }
    }

    /// Takes everything.
    pub(crate) fn take_all<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        if let Some(whole) = self.whole.take() {
            self.size.set(0);
            return whole.finish(py);
        }
        let first = self.take(py, usize::MAX);
        if self.size.get() == 0 {
            return first;
        }
        let mut all = first.as_bytes().to_vec();
        while self.size.get() > 0 {
            all.extend_from_slice(self.take(py, usize::MAX).as_bytes());
        }
        PyBytes::new(py, &all)
    }
}
