//! The ready ring: what runs next, first in, first out.
//!
//! Invariant: no borrow of the ring is alive while a word is created, cloned or dropped, since any of these may run code
//! that pushes to it again (a Python destructor, a future's drop).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// After a batch of more words, with no more left, the ring gives back its memory: a million words leave 8 bytes each otherwise.
pub const CROWD: usize = if cfg!(miri) { 64 } else { 1 << 16 };

/// A queue of words. A batch is what was queued when it began: take `len()` first, then pop that many.
#[derive(Debug)]
pub struct Ready<H> {
    ring: RefCell<VecDeque<H>>,
    /// How many words were taken so far.
    taken: Cell<u64>,
}

impl<H> Ready<H> {
    /// An empty ring.
    #[must_use]
    pub fn new() -> Self {
        Ready { ring: RefCell::new(VecDeque::with_capacity(64)), taken: Cell::new(0) }
    }

    /// Queues `word` behind all others.
    #[inline]
    pub fn push(&self, word: H) {
        self.ring.borrow_mut().push_back(word);
    }

    /// Takes the word that has waited longest.
    pub fn pop(&self) -> Option<H> {
        self.taken.set(self.taken.get().wrapping_add(1));
        self.ring.borrow_mut().pop_front()
    }

    /// Gives back a word that was taken and could not be run: it is the next again.
    pub fn put_back(&self, word: H) {
        self.ring.borrow_mut().push_front(word);
    }

    /// How many words wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ring.borrow().len()
    }

    /// A number that changes with every `pop`.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ring.borrow().is_empty()
    }

    /// Calls `visit` for each word in order. `visit` must not touch the ring.
    pub fn for_each(&self, visit: impl FnMut(&H)) {
        self.ring.borrow().iter().for_each(visit);
    }

    /// Gives back the memory of a crowd, if it is gone: one that comes back in each turn keeps what it needs.
    #[cold]
    pub fn shrink(&self) {
        let mut ring = self.ring.borrow_mut();
        if ring.len() <= CROWD {
            ring.shrink_to(CROWD);
        }
    }

    /// Drops all words, also those which the drops themselves queue.
    pub fn clear(&self) {
        while let Some(word) = self.pop() {
            drop(word);
        }
    }
}

impl<H> Default for Ready<H> {
    fn default() -> Self {
        Ready::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn first_in_first_out() {
        let ready = Ready::new();
        (0..200).for_each(|n| ready.push(n));
        assert_eq!((0..200).map(|_| ready.pop()).collect::<Vec<_>>(), (0..200).map(Some).collect::<Vec<_>>());
        assert!(ready.is_empty());
    }

    #[test]
    fn a_crowd_leaves_no_memory_behind() {
        let ready = Ready::new();
        (0..4 * CROWD).for_each(|n| ready.push(n));
        let room = ready.ring.borrow().capacity();
        (0..CROWD).for_each(|n| assert_eq!(ready.pop(), Some(n)));
        ready.shrink();
        assert_eq!(ready.ring.borrow().capacity(), room, "it is still there");
        ready.clear();
        ready.shrink();
        assert_eq!(ready.ring.borrow().capacity(), CROWD);
    }

    #[test]
    fn a_word_that_was_put_back_is_the_next() {
        let ready = Ready::new();
        (0..3).for_each(|n| ready.push(n));
        if let Some(first) = ready.pop() {
            ready.put_back(first);
        }
        assert_eq!((0..4).map(|_| ready.pop()).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), None]);
    }

    #[test]
    fn a_word_whose_drop_pushes_is_dropped_too() {
        struct Chain(Rc<Ready<Chain>>, u32);
        impl Drop for Chain {
            fn drop(&mut self) {
                if self.1 > 0 {
                    self.0.push(Chain(self.0.clone(), self.1 - 1));
                }
            }
        }
        let ready = Rc::new(Ready::new());
        ready.push(Chain(ready.clone(), 3));
        ready.clear();
        assert_eq!((ready.len(), Rc::strong_count(&ready)), (0, 1));
    }
}
