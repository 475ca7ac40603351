//! The timer heap: what runs later, ordered by (deadline, order of scheduling).
//!
//! Cancelling is lazy: a cancelled item stays until it reaches the top, or until more than half of a heap of some size is
//! cancelled, when the next turn rebuilds the heap without them. So cancelling costs O(1) amortised and a heap holds at
//! most twice what is alive, and some thousands. As in the ready ring, no borrow is alive while an item is dropped.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::clock::Time;

/// Below this many cancelled items a rebuild between two turns is not worth its pass; asyncio's own figure.
const MIN_CANCELLED: usize = 100;

/// The same within a turn: a callback that schedules and cancels without end must not fill the memory.
const MANY_CANCELLED: usize = 10_000;

/// What a timer heap holds.
pub trait Timed {
    /// Whether the item was cancelled after it had been scheduled.
    fn is_cancelled(&self) -> bool;
}

/// A heap of timers.
#[derive(Debug)]
pub struct Timers<T> {
    heap: RefCell<BinaryHeap<Entry<T>>>,
    /// Number of the next entry: equal deadlines run in the order in which they were scheduled.
    next: Cell<u64>,
    /// How many entries of the heap are cancelled.
    cancelled: Cell<usize>,
}

impl<T: Timed> Timers<T> {
    /// An empty heap.
    #[must_use]
    pub fn new() -> Self {
        Timers { heap: RefCell::new(BinaryHeap::new()), next: Cell::new(0), cancelled: Cell::new(0) }
    }

    /// Schedules `item` for `when`.
    pub fn push(&self, when: Time, item: T) {
        let order = self.next.get();
        self.next.set(order + 1);
        self.heap.borrow_mut().push(Entry { when, order, item });
    }

    /// Must be called once for each scheduled item that becomes cancelled.
    pub fn note_cancelled(&self) {
        let cancelled = self.cancelled.get() + 1;
        self.cancelled.set(cancelled);
        if cancelled > MANY_CANCELLED {
            self.tidy();
        }
    }

    /// The deadline of the first item that is not cancelled; cancelled ones before it are dropped.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        loop {
            let mut heap = self.heap.borrow_mut();
            let top = heap.peek()?;
            if !top.item.is_cancelled() {
                return Some(top.when);
            }
            let dead = heap.pop();
            drop(heap);
            self.forget_cancelled();
            drop(dead);
        }
    }

    /// Takes the first item whose deadline is not after `now`.
    pub fn pop_due(&self, now: Time) -> Option<T> {
        loop {
            let mut heap = self.heap.borrow_mut();
            if heap.peek()?.when > now {
                return None;
            }
            let item = heap.pop()?.item;
            drop(heap);
            if !item.is_cancelled() {
                return Some(item);
            }
            self.forget_cancelled();
        }
    }

    /// How many items the heap holds, cancelled ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.borrow().len()
    }

    /// Whether the heap holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.borrow().is_empty()
    }

    /// Calls `visit` for each item in no particular order. `visit` must not touch the heap.
    pub fn for_each(&self, mut visit: impl FnMut(&T)) {
        self.heap.borrow().iter().for_each(|entry| visit(&entry.item));
    }

    /// Drops all items.
    pub fn clear(&self) {
        let all = self.heap.take();
        self.cancelled.set(0);
        drop(all);
    }

    /// Drops what is cancelled, when that is more than half.
    pub fn tidy(&self) {
        let cancelled = self.cancelled.get();
        if cancelled > MIN_CANCELLED && cancelled * 2 > self.len() {
            self.rebuild();
        }
    }

    fn forget_cancelled(&self) {
        self.cancelled.set(self.cancelled.get().saturating_sub(1));
    }

    fn rebuild(&self) {
        let (dead, alive): (Vec<_>, Vec<_>) =
            self.heap.take().into_vec().into_iter().partition(|entry| entry.item.is_cancelled());
        *self.heap.borrow_mut() = alive.into();
        self.cancelled.set(0);
        drop(dead);
    }
}

impl<T: Timed> Default for Timers<T> {
    fn default() -> Self {
        Timers::new()
    }
}

#[derive(Debug)]
struct Entry<T> {
    when: Time,
    order: u64,
    item: T,
}

impl<T> Entry<T> {
    fn key(&self) -> (Time, u64) {
        (self.when, self.order)
    }
}

/// Reversed, since the standard heap gives its greatest entry first.
impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[derive(Clone)]
    struct Item(u32, Rc<Cell<bool>>);

    impl Timed for Item {
        fn is_cancelled(&self) -> bool {
            self.1.get()
        }
    }

    fn item(name: u32) -> Item {
        Item(name, Rc::default())
    }

    fn at(seconds: u32) -> Time {
        Time::from_secs_f64(f64::from(seconds))
    }

    fn drain(timers: &Timers<Item>, now: Time) -> Vec<u32> {
        std::iter::from_fn(|| timers.pop_due(now).map(|item| item.0)).collect()
    }

    #[test]
    fn deadlines_in_order_and_ties_as_scheduled() {
        let timers = Timers::new();
        for (name, when) in [(0, 3), (1, 1), (2, 2), (3, 1), (4, 1)] {
            timers.push(at(when), item(name));
        }
        assert_eq!(drain(&timers, at(1)), [1, 3, 4]);
        assert_eq!(timers.next_deadline(), Some(at(2)));
        assert_eq!(drain(&timers, at(9)), [2, 0]);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn cancelled_items_neither_fire_nor_delay() {
        let timers = Timers::new();
        let (first, second) = (item(1), item(2));
        timers.push(at(1), first.clone());
        timers.push(at(2), second);
        first.1.set(true);
        timers.note_cancelled();
        assert_eq!(timers.next_deadline(), Some(at(2)));
        assert_eq!(drain(&timers, at(5)), [2]);
    }

    #[test]
    fn mass_cancelling_shrinks_the_heap() {
        let timers = Timers::new();
        let items: Vec<_> = (0..10_000).map(item).collect();
        for (n, item) in items.iter().enumerate() {
            timers.push(at(u32::try_from(n % 50).unwrap()), item.clone());
        }
        for item in &items[..9_900] {
            item.1.set(true);
            timers.note_cancelled();
        }
        timers.tidy();
        assert!(timers.len() <= 300, "{} left", timers.len());
        assert_eq!(drain(&timers, at(99)).len(), 100);
    }
}
