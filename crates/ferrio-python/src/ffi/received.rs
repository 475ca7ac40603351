//! `Received`: bytes that arrived and were not read yet.
//!
//! ```text
//! | read already | not read yet      | room      |
//! 0              start          bytes.len()   capacity
//! ```
//!
//! Reading from the front moves a mark; what is behind it is moved down when room is needed. Memory beyond `KEPT` is given
//! back when the last byte was read, so that a connection which was busy once costs no more than others.

use std::mem::MaybeUninit;

/// How much memory an empty one keeps. With none `echo_streams` takes 2.2 % more instructions.
const KEPT: usize = 64 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Received {
    bytes: Vec<u8>,
    start: usize,
}

impl Received {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Puts `data` at the end.
    #[inline]
    pub(crate) fn append(&mut self, data: &[u8]) {
        self.make_room(data.len());
        self.bytes.extend_from_slice(data);
    }

    /// Puts at the end what `fill` writes into `room` bytes: it says how many they were.
    pub(crate) fn append_filled<E>(
        &mut self,
        room: usize,
        fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        self.make_room(room);
        let filled = fill(&mut self.bytes.spare_capacity_mut()[..room])?.min(room);
        // SAFETY: there is room for `room` bytes, and the first `filled` of them were written.
        unsafe { self.bytes.set_len(self.bytes.len() + filled) };
        Ok(filled)
    }

    /// Forgets the first `count` bytes.
    pub(crate) fn discard(&mut self, count: usize) {
        self.pass(count);
        if self.bytes.is_empty() {
            self.clear();
        }
    }

    /// Forgets them, and keeps the memory.
    pub(crate) fn pass(&mut self, count: usize) {
        self.start += count.min(self.len());
        if self.start == self.bytes.len() {
            self.start = 0;
            self.bytes.clear();
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
    }

    fn make_room(&mut self, room: usize) {
        if self.start > 0 && self.bytes.capacity() - self.bytes.len() < room {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.reserve(room);
    }
}
