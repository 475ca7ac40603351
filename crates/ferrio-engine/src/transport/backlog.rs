//! `Backlog`: plaintext that waits for room, or for the end of a handshake. Most connections never have any.
//!
//! A chunk that is being encrypted is out of it, so that no borrow is held meanwhile. Small chunks come out joined: a
//! record costs more than a copy of what it holds.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// What a record holds: chunks below it are joined.
const RECORD: usize = 16 * 1024;

/// The most that is joined.
const TOGETHER: usize = 4 * RECORD;

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

impl<B: AsRef<[u8]> + From<Vec<u8>>> Backlog<B> {
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

    /// The first chunk, or several in one, and how much of it is encrypted. Its memory is not counted while it is out.
    pub(super) fn pop(&self) -> Option<(B, usize)> {
        let small = self.small_ones();
        if small > 1 {
            return Some((self.join(small), 0));
        }
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

    /// How many chunks in front are small, and few enough to be joined.
    fn small_ones(&self) -> usize {
        let mut size = 0;
        let is_small = |chunk: &&B| {
            let length = chunk.as_ref().len();
            size += length;
            length < RECORD && size <= TOGETHER
        };
        self.chunks.borrow().iter().take_while(is_small).count()
    }

    /// The first `count` chunks as one. They are dropped outside the borrow: a drop may run code that comes back here.
    fn join(&self, count: usize) -> B {
        let parts: Vec<B> = self.chunks.borrow_mut().drain(..count).collect();
        let size: usize = parts.iter().map(|part| part.as_ref().len()).sum();
        let mut skip = self.written.take();
        let mut joined = Vec::with_capacity(size - skip);
        for part in &parts {
            joined.extend_from_slice(&part.as_ref()[skip..]);
            skip = 0;
        }
        self.size.set(self.size.get() - joined.len());
        joined.into()
    }
}
