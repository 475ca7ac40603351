//! What could not be written yet, or is held, and the limits at which its producer is told to pause and to go on.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::iter;

/// Bytes above which the producer is told to pause; asyncio's default.
const HIGH: usize = 64 * 1024;

/// Pieces handed to the kernel at once: as many as Linux and macOS take.
const PIECES: usize = 1024;

/// The list of so few takes no memory of its own.
const FEW: usize = 16;

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

/// A queue of chunks. Most connections never need one, so it is made when the first chunk or other marks come.
#[derive(Debug)]
pub struct Outgoing<B> {
    queue: RefCell<Option<Box<Queue<B>>>>,
}

#[derive(Debug)]
struct Queue<B> {
    chunks: VecDeque<B>,
    /// Bytes of the first chunk that are gone already.
    written: usize,
    size: usize,
    limits: Limits,
    /// The producer was told to pause.
    paused: bool,
}

impl<B> Default for Queue<B> {
    fn default() -> Self {
        Queue { chunks: VecDeque::new(), written: 0, size: 0, limits: Limits::default(), paused: false }
    }
}

impl<B: AsRef<[u8]>> Outgoing<B> {
    /// An empty queue, which allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Outgoing { queue: RefCell::new(None) }
    }

    /// Bytes that wait.
    #[must_use]
    pub fn size(&self) -> usize {
        self.queue.borrow().as_ref().map_or(0, |queue| queue.size)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// The marks.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.queue.borrow().as_ref().map_or_else(Limits::default, |queue| queue.limits)
    }

    /// Moves the marks.
    pub fn set_limits(&self, limits: Limits) {
        self.queue.borrow_mut().get_or_insert_default().limits = limits;
    }

    /// Adds `chunk` without its first `skip` bytes, which are written already. Only the first chunk can have any.
    pub fn push(&self, chunk: B, skip: usize) {
        let size = chunk.as_ref().len() - skip;
        if size == 0 {
            return;
        }
        let mut queue = self.queue.borrow_mut();
        let queue = queue.get_or_insert_default();
        if skip > 0 {
            queue.written = skip;
        }
        queue.size += size;
        queue.chunks.push_back(chunk);
    }

    /// Shows what waits, piece by piece. `show` must not touch the queue.
    pub fn for_each(&self, mut show: impl FnMut(&[u8])) {
        let queue = self.queue.borrow();
        let Some(queue) = &*queue else { return };
        let skips = iter::once(queue.written).chain(iter::repeat(0));
        queue.chunks.iter().zip(skips).for_each(|(chunk, skip)| show(&chunk.as_ref()[skip..]));
    }

    /// Writes what `write` takes of it, and says how much that was. `write` must not touch the queue.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn flush(&self, write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
        let count = {
            let queue = self.queue.borrow();
            let Some(queue) = &*queue else { return Ok(0) };
            let skips = iter::once(queue.written).chain(iter::repeat(0));
            let offered =
                queue.chunks.iter().zip(skips).map(|(chunk, skip)| IoSlice::new(&chunk.as_ref()[skip..]));
            if queue.chunks.len() <= FEW {
                let mut pieces = [IoSlice::new(&[]); FEW];
                pieces.iter_mut().zip(offered).for_each(|(piece, offer)| *piece = offer);
                write(&pieces[..queue.chunks.len()])?
            } else {
                write(&offered.take(PIECES).collect::<Vec<_>>())?
            }
        };
        self.advance(count);
        Ok(count)
    }

    /// Drops all that waits.
    pub fn clear(&self) {
        let chunks = self.queue.borrow_mut().as_mut().map(|queue| {
            queue.written = 0;
            queue.size = 0;
            std::mem::take(&mut queue.chunks)
        });
        drop(chunks);
    }

    /// Whether the producer has to be told to pause; true once until `should_resume` was.
    pub fn should_pause(&self) -> bool {
        let mut queue = self.queue.borrow_mut();
        queue.as_mut().is_some_and(|queue| {
            queue.size > queue.limits.high && !std::mem::replace(&mut queue.paused, true)
        })
    }

    /// Whether the producer has to be told to go on.
    pub fn should_resume(&self) -> bool {
        let mut queue = self.queue.borrow_mut();
        queue
            .as_mut()
            .is_some_and(|queue| queue.size <= queue.limits.low && std::mem::take(&mut queue.paused))
    }

    /// Whether the producer was told to pause.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.queue.borrow().as_ref().is_some_and(|queue| queue.paused)
    }

    /// Chunks are dropped outside the borrow: a drop may run code that comes back here.
    fn advance(&self, mut count: usize) {
        while count > 0 {
            let done = {
                let mut queue = self.queue.borrow_mut();
                let Some(queue) = queue.as_mut() else { return };
                let Some(first) = queue.chunks.front() else { return };
                let step = count.min(first.as_ref().len() - queue.written);
                let whole = queue.written + step == first.as_ref().len();
                count -= step;
                queue.size -= step;
                queue.written = if whole { 0 } else { queue.written + step };
                if whole { queue.chunks.pop_front() } else { None }
            };
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
    fn no_more_pieces_are_offered_than_the_kernel_takes() {
        for count in [1, FEW, FEW + 1, PIECES, PIECES + 1] {
            let outgoing = Outgoing::new();
            (0..count).for_each(|_| outgoing.push(vec![1; 2], 0));
            let write = |pieces: &[IoSlice<'_>]| {
                assert_eq!(pieces.len(), count.min(PIECES));
                Ok(pieces.iter().map(|piece| piece.len()).sum())
            };
            assert_eq!(outgoing.flush(write).unwrap(), count.min(PIECES) * 2);
            assert_eq!(outgoing.size(), count.saturating_sub(PIECES) * 2);
        }
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
