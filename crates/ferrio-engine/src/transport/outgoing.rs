//! What could not be written yet, and the limits at which its producer is told to pause and to go on.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};

/// Bytes above which the producer is told to pause; asyncio's default.
const HIGH: usize = 64 * 1024;

/// Pieces handed to the kernel at once. More than fit into a socket's buffer as a rule; below every system's own limit.
const PIECES: usize = 64;

/// The two marks of a buffer: pause above `high`, go on at `low`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pause above this.
    pub high: usize,
    /// Go on at this or below.
    pub low: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { high: HIGH, low: HIGH / 4 }
    }
}

/// A queue of chunks. Of the first one, `written` bytes are gone already.
#[derive(Debug)]
pub struct Outgoing<B> {
    chunks: RefCell<VecDeque<B>>,
    written: Cell<usize>,
    size: Cell<usize>,
    limits: Cell<Limits>,
    paused: Cell<bool>,
}

impl<B: AsRef<[u8]>> Outgoing<B> {
    /// An empty queue, which allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Outgoing {
            chunks: RefCell::default(),
            written: Cell::new(0),
            size: Cell::new(0),
            limits: Cell::default(),
            paused: Cell::new(false),
        }
    }

    /// Bytes that wait.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size.get()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size.get() == 0
    }

    /// The marks.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits.get()
    }

    /// Moves the marks.
    pub fn set_limits(&self, limits: Limits) {
        self.limits.set(limits);
    }

    /// Adds `chunk` without its first `skip` bytes, which are written already. Only the first chunk can have any.
    pub fn push(&self, chunk: B, skip: usize) {
        let size = chunk.as_ref().len() - skip;
        if size == 0 {
            return;
        }
        if skip > 0 {
            self.written.set(skip);
        }
        self.size.set(self.size.get() + size);
        self.chunks.borrow_mut().push_back(chunk);
    }

    /// Writes what `write` takes of it, and says how much that was.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn flush(&self, write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
        let count = {
            let chunks = self.chunks.borrow();
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let mut skip = self.written.get();
            for (piece, chunk) in pieces.iter_mut().zip(chunks.iter()) {
                *piece = IoSlice::new(&chunk.as_ref()[skip..]);
                skip = 0;
            }
            write(&pieces[..chunks.len().min(PIECES)])?
        };
        self.advance(count);
        Ok(count)
    }

    /// Drops all that waits.
    pub fn clear(&self) {
        let chunks = self.chunks.take();
        self.written.set(0);
        self.size.set(0);
        drop(chunks);
    }

    /// Whether the producer has to be told to pause; true once until `should_resume` was.
    pub fn should_pause(&self) -> bool {
        self.size.get() > self.limits.get().high && !self.paused.replace(true)
    }

    /// Whether the producer has to be told to go on.
    pub fn should_resume(&self) -> bool {
        self.size.get() <= self.limits.get().low && self.paused.replace(false)
    }

    /// Whether the producer was told to pause.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused.get()
    }

    fn advance(&self, mut count: usize) {
        self.size.set(self.size.get() - count);
        while count > 0 {
            let mut chunks = self.chunks.borrow_mut();
            let Some(first) = chunks.front() else { return };
            let left = first.as_ref().len() - self.written.get();
            if count < left {
                self.written.set(self.written.get() + count);
                return;
            }
            count -= left;
            self.written.set(0);
            let done = chunks.pop_front();
            drop(chunks);
            drop(done);
        }
    }
}

impl<B: AsRef<[u8]>> Default for Outgoing<B> {
    fn default() -> Self {
        Outgoing::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_out_once_and_in_order_however_it_is_cut() {
        let outgoing = Outgoing::new();
        let mut expected = Vec::new();
        for n in 0..200_u8 {
            let chunk = vec![n; usize::from(n % 7)];
            let skip = if n == 1 { 1.min(chunk.len()) } else { 0 };
            expected.extend_from_slice(&chunk[skip..]);
            outgoing.push(chunk, skip);
        }
        assert_eq!(outgoing.size(), expected.len());
        let mut seen = Vec::new();
        let mut step = 1;
        while !outgoing.is_empty() {
            step = step % 11 + 1;
            outgoing
                .flush(|pieces| {
                    let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).take(step).collect();
                    seen.extend_from_slice(&all);
                    Ok(all.len())
                })
                .unwrap();
        }
        assert_eq!(seen, expected);
    }

    #[test]
    fn pause_and_resume_come_once_each() {
        let outgoing = Outgoing::new();
        outgoing.set_limits(Limits { high: 3, low: 1 });
        outgoing.push(vec![0; 3], 0);
        assert!(!outgoing.should_pause());
        outgoing.push(vec![0; 1], 0);
        assert!(outgoing.should_pause());
        assert!(!outgoing.should_pause());
        assert!(!outgoing.should_resume());
        outgoing.flush(|_| Ok(3)).unwrap();
        assert!(outgoing.should_resume());
        assert!(!outgoing.should_resume());
    }
}
