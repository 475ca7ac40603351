//! `ChunkQueue`: bytes that wait to be written, in the chunks in which they came. How many are too many is for `Watermarks`.
//!
//! A chunk that is being written in another way than by `flush` is out of it, so that no borrow is held meanwhile.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::iter;

/// Pieces handed to the kernel at once: as many as Linux and macOS take.
const PIECES: usize = 1024;

/// See the module. Most connections never need one, so it is made when the first chunk comes.
#[derive(Debug)]
pub struct ChunkQueue<B> {
    queue: RefCell<Option<Box<Queue<B>>>>,
}

#[derive(Debug)]
struct Queue<B> {
    chunks: VecDeque<B>,
    /// Bytes of the first chunk that are gone already.
    written: usize,
    size: usize,
}

impl<B> Default for Queue<B> {
    fn default() -> Self {
        Queue { chunks: VecDeque::new(), written: 0, size: 0 }
    }
}

impl<B: AsRef<[u8]>> ChunkQueue<B> {
    /// An empty queue, which allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        ChunkQueue { queue: RefCell::new(None) }
    }

    /// Bytes that wait.
    #[must_use]
    #[inline]
    pub fn size(&self) -> usize {
        self.queue.borrow().as_ref().map_or(0, |queue| queue.size)
    }

    /// Whether nothing waits.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// Adds `chunk`. Its first `skip` bytes are written already; if there are any, it goes in front of what was queued while
    /// they were.
    pub fn push(&self, chunk: B, skip: usize) {
        let size = chunk.as_ref().len() - skip;
        if size == 0 {
            return;
        }
        if skip > 0 {
            return self.put_back(chunk, skip);
        }
        let mut queue = self.queue.borrow_mut();
        let queue = queue.get_or_insert_default();
        queue.size += size;
        queue.chunks.push_back(chunk);
    }

    /// Puts `chunk`, whose first `written` bytes are written, in front of all others, none of which is written in part.
    pub fn put_back(&self, chunk: B, written: usize) {
        let mut queue = self.queue.borrow_mut();
        let queue = queue.get_or_insert_default();
        queue.size += chunk.as_ref().len() - written;
        queue.written = written;
        queue.chunks.push_front(chunk);
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
            write(&offered.take(PIECES).collect::<Vec<_>>())?
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

impl<B: AsRef<[u8]> + From<Vec<u8>>> ChunkQueue<B> {
    /// Takes the first chunk, and how much of it is written. Where several in front are smaller than `small`, these come as one,
    /// of `most` bytes at most. What is out does not count as waiting.
    pub fn pop(&self, small: usize, most: usize) -> Option<(B, usize)> {
        let (first, parts, written) = self.queue.borrow_mut().as_mut()?.take_front(small, most)?;
        if parts.is_empty() {
            return Some((first, written));
        }
        // The parts are dropped outside the borrow: a drop may run code that comes back here.
        let mut joined = first.as_ref()[written..].to_vec();
        for part in &parts {
            joined.extend_from_slice(part.as_ref());
        }
        Some((joined.into(), 0))
    }
}

impl<B: AsRef<[u8]>> Queue<B> {
    /// The first chunk, those that are to be joined with it, and how much of the first one is written.
    fn take_front(&mut self, small: usize, most: usize) -> Option<(B, Vec<B>, usize)> {
        let mut size = 0;
        let count = self.chunks.iter().take_while(|chunk| {
            let length = chunk.as_ref().len();
            size += length;
            length < small && size <= most
        });
        let count = count.count();
        let first = self.chunks.pop_front()?;
        let parts: Vec<B> = self.chunks.drain(..count.saturating_sub(1)).collect();
        let written = std::mem::take(&mut self.written);
        let taken: usize = parts.iter().map(|part| part.as_ref().len()).sum();
        self.size -= first.as_ref().len() - written + taken;
        Some((first, parts, written))
    }
}

impl<B: AsRef<[u8]>> Default for ChunkQueue<B> {
    fn default() -> Self {
        ChunkQueue::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_out_once_and_in_order_however_it_is_cut() {
        let queue = ChunkQueue::new();
        let mut expected = Vec::new();
        for n in 0..200_u8 {
            let chunk = vec![n; usize::from(n % 7)];
            let skip = if n == 1 { 1.min(chunk.len()) } else { 0 };
            expected.extend_from_slice(&chunk[skip..]);
            queue.push(chunk, skip);
        }
        assert_eq!(queue.size(), expected.len());
        let mut seen = Vec::new();
        let mut step = 1;
        while !queue.is_empty() {
            step = step % 11 + 1;
            queue
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
        for count in [1, PIECES, PIECES + 1] {
            let queue = ChunkQueue::new();
            (0..count).for_each(|_| queue.push(vec![1; 2], 0));
            let write = |pieces: &[IoSlice<'_>]| {
                assert_eq!(pieces.len(), count.min(PIECES));
                Ok(pieces.iter().map(|piece| piece.len()).sum())
            };
            assert_eq!(queue.flush(write).unwrap(), count.min(PIECES) * 2);
            assert_eq!(queue.size(), count.saturating_sub(PIECES) * 2);
        }
    }

    #[test]
    fn the_rest_of_a_chunk_goes_in_front_of_what_came_meanwhile() {
        let queue = ChunkQueue::new();
        queue.push(b"later".to_vec(), 0);
        queue.push(b"first ".to_vec(), 2);
        assert_eq!((queue.size(), all(&queue)), (9, b"rst later".to_vec()));
        queue.push(b"nothing".to_vec(), 7);
        assert_eq!(queue.size(), 9);
        queue.clear();
        assert!(queue.is_empty() && all(&queue).is_empty());
    }

    #[test]
    fn small_chunks_come_out_as_one() {
        let queue = ChunkQueue::new();
        for chunk in ["ab", "cd", "efgh", "ij"] {
            queue.push(chunk.as_bytes().to_vec(), 0);
        }
        assert_eq!(queue.flush(|_| Ok(1)).unwrap(), 1);
        assert_eq!(queue.pop(4, 100), Some((b"bcd".to_vec(), 0)));
        assert_eq!(queue.size(), 6);
        assert_eq!(queue.pop(4, 100), Some((b"efgh".to_vec(), 0)), "it is not small");
        queue.put_back(b"efgh".to_vec(), 3);
        assert_eq!((queue.size(), all(&queue)), (3, b"hij".to_vec()));
        assert_eq!(queue.pop(5, 5), Some((b"efgh".to_vec(), 3)), "together they are too much");
        assert_eq!((queue.pop(5, 5), queue.pop(5, 5)), (Some((b"ij".to_vec(), 0)), None));
        assert!(queue.is_empty());
    }

    fn all(queue: &ChunkQueue<Vec<u8>>) -> Vec<u8> {
        let mut seen = Vec::new();
        queue.for_each(|piece| seen.extend_from_slice(piece));
        seen
    }
}
