//! What holds the items of a queue, and in which order they go out.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// What holds a queue's items.
pub(super) trait Items: Default {
    type Item;

    fn push(&mut self, item: Self::Item);
    fn pop(&mut self) -> Option<Self::Item>;
    fn len(&self) -> usize;
}

/// First in, first out.
impl<T> Items for VecDeque<T> {
    type Item = T;

    fn push(&mut self, item: T) {
        self.push_back(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn len(&self) -> usize {
        self.len()
    }
}

/// Last in, first out.
pub(super) struct Stack<T>(Vec<T>);

impl<T> Default for Stack<T> {
    fn default() -> Self {
        Stack(Vec::new())
    }
}

impl<T> Items for Stack<T> {
    type Item = T;

    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// The lowest first; of equal ones whichever came first.
pub(super) struct Heap<T> {
    entries: BinaryHeap<Entry<T>>,
    /// How many ever came.
    came: u64,
}

struct Entry<T> {
    item: T,
    number: u64,
}

impl<T: Ord> Default for Heap<T> {
    fn default() -> Self {
        Heap { entries: BinaryHeap::new(), came: 0 }
    }
}

impl<T: Ord> Items for Heap<T> {
    type Item = T;

    fn push(&mut self, item: T) {
        self.came += 1;
        self.entries.push(Entry { item, number: self.came });
    }

    fn pop(&mut self) -> Option<T> {
        self.entries.pop().map(|entry| entry.item)
    }

    fn len(&self) -> usize {
        self.entries.len()
    }
}

/// The other way round: a `BinaryHeap` gives the greatest.
impl<T: Ord> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.item.cmp(&self.item).then(other.number.cmp(&self.number))
    }
}

impl<T: Ord> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Ord> Eq for Entry<T> {}
