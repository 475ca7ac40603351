//! `Backlog`: plaintext that waits for room, or for the end of a handshake. Most connections never have any.
//!
//! A chunk that is being encrypted is out of it, so that no borrow is held meanwhile.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// See the module.
#[derive(Debug)]
pub(super) struct Backlog<B> {
    chunks: RefCell<VecDeque<B>>,
    /// Bytes of the first chunk that are encrypted already.
    written: Cell<usize>,
    size: Cell<usize>,
}

impl<B> Default for Backlog<B> {
    fn default() -> Self {
        Backlog { chunks: RefCell::default(), written: Cell::new(0), size: Cell::new(0) }
    }
}

impl<B: AsRef<[u8]>> Backlog<B> {
    pub(super) fn size(&self) -> usize {
        self.size.get()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.size.get() == 0
    }

    /// Adds `chunk` without its first `skip` bytes, which only the first chunk has.
    pub(super) fn push(&self, chunk: B, skip: usize) {
        let size = chunk.as_ref().len() - skip;
        if size == 0 {
            return;
        }
        if skip > 0 {
            self.put_back(chunk, skip);
            return;
        }
        self.size.set(self.size.get() + size);
        self.chunks.borrow_mut().push_back(chunk);
    }

    /// The first chunk, and how much of it is encrypted. Its memory is not counted while it is out.
    pub(super) fn pop(&self) -> Option<(B, usize)> {
        let chunk = self.chunks.borrow_mut().pop_front()?;
        let written = self.written.take();
        self.size.set(self.size.get() - (chunk.as_ref().len() - written));
        Some((chunk, written))
    }

    pub(super) fn put_back(&self, chunk: B, written: usize) {
        self.size.set(self.size.get() + chunk.as_ref().len() - written);
        self.written.set(written);
        self.chunks.borrow_mut().push_front(chunk);
    }

    pub(super) fn clear(&self) {
        self.size.set(0);
        self.written.set(0);
        let chunks = self.chunks.take();
        drop(chunks);
    }
}
