//! The timer heap: what runs later, ordered by (deadline, order of scheduling).
//!
//! Cancelling is lazy but for the newest item and for the last one of the heap, which go at once: a time-out that is
//! scheduled and cancelled before the next one, the commonest of all, leaves nothing behind, however many others wait: beside a
//! million it costs what it costs beside a thousand, and five times that where it stays (benchmark `scaling_timers`). Any
//! other cancelled item stays until it reaches the top or the end, or until more than half of a heap of some size is
//! cancelled, when the next turn rebuilds the heap without them. So cancelling costs O(1) amortised and a heap holds at
//! most twice what is alive, and some thousands. As in the ready ring, no borrow is alive while an item is dropped.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::event_loop::clock::Time;

/// Below this many cancelled items a rebuild between two turns is not worth its pass; asyncio's own figure.
const MIN_CANCELLED: usize = 100;

/// The same within a turn: a callback that schedules and cancels without end must not fill the memory.
const MANY_CANCELLED: usize = 10_000;

/// Where timers are this close to one another a wait for each would cost more than the timers do, and they come in bunches, `SLACK`
/// after the first one was due: the millisecond that asyncio and other loops round every wait up to. With a quarter of that
/// `timers_due` takes 1.5 times as long, with a fifth of `CLOSE` 1.25 times.
const CLOSE: Duration = Duration::from_micros(500);
const SLACK: Duration = Duration::from_millis(1);

/// What a timer heap holds.
pub trait Timed {
    /// Whether the item was cancelled after it had been scheduled.
    fn is_cancelled(&self) -> bool;
}

/// A heap of timers.
#[derive(Debug)]
pub struct Timers<T> {
    heap: RefCell<Heap<T>>,
    /// Number of the next entry: equal deadlines run in the order in which they were scheduled.
    next: Cell<u64>,
    /// Where the newest entry was put; it may have moved since.
    newest: Cell<Option<usize>>,
    /// How many entries of the heap are cancelled.
    cancelled: Cell<usize>,
}

impl<T: Timed> Timers<T> {
    /// An empty heap.
    #[must_use]
    pub fn new() -> Self {
        Timers {
            heap: RefCell::new(Heap { entries: Vec::new() }),
            next: Cell::new(0),
            newest: Cell::new(None),
            cancelled: Cell::new(0),
        }
    }

    /// Schedules `item` for `when`.
    pub fn push(&self, when: Time, item: T) {
        let order = self.next.get();
        self.next.set(order + 1);
        let place = self.heap.borrow_mut().push(Entry { when, order, item });
        self.newest.set(Some(place));
    }

    /// Must be called once for each scheduled item that becomes cancelled.
    pub fn note_cancelled(&self) {
        self.cancelled.set(self.cancelled.get() + 1);
        while let Some(dead) = self.take_cancelled() {
            self.forget_cancelled();
            drop(dead);
        }
        if self.cancelled.get() > MANY_CANCELLED {
            self.tidy();
        }
    }

    /// The deadline of the first item that is not cancelled; cancelled ones before it are dropped.
    #[must_use]
    #[inline]
    pub fn next_deadline(&self) -> Option<Time> {
        loop {
            let mut heap = self.heap.borrow_mut();
            let top = heap.entries.first()?;
            if !top.item.is_cancelled() {
                return Some(top.when);
            }
            let dead = heap.pop();
            drop(heap);
            self.forget_cancelled();
            drop(dead);
        }
    }

    /// How much later than its deadline the first item may come, so that it comes together with those that follow it: nothing,
    /// unless four more are due within `CLOSE`.
    #[must_use]
    pub fn slack(&self) -> Duration {
        let heap = self.heap.borrow();
        let [first, next @ ..] = heap.entries.get(..=CHILDREN).unwrap_or_default() else {
            return Duration::ZERO;
        };
        let close = first.when.after(CLOSE);
        if next.iter().all(|entry| entry.when <= close) { SLACK } else { Duration::ZERO }
    }

    /// Takes the first item whose deadline is not after `now`.
    #[inline]
    pub fn pop_due(&self, now: Time) -> Option<T> {
        loop {
            let mut heap = self.heap.borrow_mut();
            if heap.entries.first()?.when > now {
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
        self.heap.borrow().entries.len()
    }

    /// Whether the heap holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.borrow().entries.is_empty()
    }

    /// Calls `visit` for each item in no particular order. `visit` must not touch the heap.
    pub fn for_each(&self, mut visit: impl FnMut(&T)) {
        self.heap.borrow().entries.iter().for_each(|entry| visit(&entry.item));
    }

    /// Drops all items.
    pub fn clear(&self) {
        let all = std::mem::take(&mut self.heap.borrow_mut().entries);
        self.cancelled.set(0);
        drop(all);
    }

    /// Drops what is cancelled, when that is more than half.
    #[inline]
    pub fn tidy(&self) {
        let cancelled = self.cancelled.get();
        if cancelled > MIN_CANCELLED && cancelled * 2 > self.len() {
            self.rebuild();
        }
    }

    /// A cancelled item whose place is known.
    fn take_cancelled(&self) -> Option<Entry<T>> {
        let mut heap = self.heap.borrow_mut();
        let newest = self.newest.take().filter(|&index| {
            let entry = heap.entries.get(index);
            entry.is_some_and(|entry| entry.order + 1 == self.next.get() && entry.item.is_cancelled())
        });
        if let Some(index) = newest {
            return Some(heap.remove(index));
        }
        if heap.entries.last()?.item.is_cancelled() { heap.entries.pop() } else { None }
    }

    fn forget_cancelled(&self) {
        self.cancelled.set(self.cancelled.get().saturating_sub(1));
    }

    #[cold]
    fn rebuild(&self) {
        let all = std::mem::take(&mut self.heap.borrow_mut().entries);
        let (dead, alive): (Vec<_>, Vec<_>) = all.into_iter().partition(|entry| entry.item.is_cancelled());
        *self.heap.borrow_mut() = Heap::of(alive);
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
    fn is_before(&self, other: &Self) -> bool {
        (self.when, self.order) < (other.when, other.order)
    }
}

/// How many children an entry of the heap has. Four are next to one another in memory and make the heap half as high as
/// two: rising, which is all that most timers do, takes half the steps. With two `timer_fire` takes 2.8 % more instructions.
const CHILDREN: usize = 4;

/// A heap, first entry first. The standard one cannot be asked to drop its last entry.
#[derive(Debug)]
struct Heap<T> {
    entries: Vec<Entry<T>>,
}

impl<T> Heap<T> {
    fn of(entries: Vec<Entry<T>>) -> Self {
        let mut heap = Heap { entries };
        (0..heap.entries.len().div_ceil(CHILDREN)).rev().for_each(|index| heap.sink(index));
        heap
    }

    /// Says where it was put.
    fn push(&mut self, entry: Entry<T>) -> usize {
        self.entries.push(entry);
        self.rise(self.entries.len() - 1)
    }

    fn pop(&mut self) -> Option<Entry<T>> {
        if self.entries.is_empty() { None } else { Some(self.remove(0)) }
    }

    fn remove(&mut self, index: usize) -> Entry<T> {
        let entry = self.entries.swap_remove(index);
        if index < self.entries.len() && self.rise(index) == index {
            self.sink(index);
        }
        entry
    }

    fn rise(&mut self, mut index: usize) -> usize {
        while index > 0 {
            let parent = (index - 1) / CHILDREN;
            if !self.entries[index].is_before(&self.entries[parent]) {
                break;
            }
            self.entries.swap(index, parent);
            index = parent;
        }
        index
    }

    fn sink(&mut self, mut index: usize) {
        loop {
            let mut child = CHILDREN * index + 1;
            if child >= self.entries.len() {
                return;
            }
            for other in child + 1..(child + CHILDREN).min(self.entries.len()) {
                if self.entries[other].is_before(&self.entries[child]) {
                    child = other;
                }
            }
            if !self.entries[child].is_before(&self.entries[index]) {
                return;
            }
            self.entries.swap(index, child);
            index = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::times;
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
    fn the_newest_goes_at_once_when_it_is_cancelled() {
        let timers = Timers::new();
        timers.push(at(5), item(0));
        for name in 1..=1000 {
            let timer = item(name);
            timers.push(at(if name % 2 == 0 { 5 + name } else { 4 }), timer.clone());
            timer.1.set(true);
            timers.note_cancelled();
            assert_eq!((timers.len(), timers.cancelled.get()), (1, 0));
        }
        assert_eq!(drain(&timers, at(9999)), [0]);
    }

    #[test]
    fn only_many_that_are_close_to_one_another_may_be_late() {
        let timers = Timers::new();
        let start = at(1);
        for n in 0..CHILDREN as u64 {
            timers.push(start.after(Duration::from_micros(n * 20)), item(0));
            assert_eq!(timers.slack(), Duration::ZERO);
        }
        timers.push(start.after(CLOSE), item(0));
        assert_eq!(timers.slack(), SLACK);
        timers.push(start.after(SLACK), item(0));
        assert_eq!(timers.slack(), SLACK);
        assert_eq!(drain(&timers, start).len(), 1);
        assert_eq!(timers.slack(), Duration::ZERO);
    }

    #[test]
    fn mass_cancelling_shrinks_the_heap() {
        let timers = Timers::new();
        let items: Vec<_> = (0..u32::try_from(times(10_000)).unwrap()).map(item).collect();
        for (n, item) in items.iter().enumerate() {
            timers.push(at(u32::try_from(n % 50).unwrap()), item.clone());
        }
        for item in &items[..items.len() - 100] {
            item.1.set(true);
            timers.note_cancelled();
        }
        timers.tidy();
        assert!(timers.len() <= 300, "{} left", timers.len());
        assert_eq!(drain(&timers, at(99)).len(), 100);
    }
}
