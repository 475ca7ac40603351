//! `Side`: who waits at one end of a channel, and how many ends there are of that kind. Owns the order of those who wait.
//!
//! All is done under the channel's lock: wakers come in cloned, and are given back to be woken or dropped outside of it.

use std::collections::VecDeque;
use std::task::Waker;

/// One side of a channel.
#[derive(Default)]
pub(super) struct Side {
    pub(super) ends: usize,
    waiting: VecDeque<(u64, Waker)>,
    /// The number of the last one that waited.
    last: u64,
}

impl Side {
    /// With one end, and nobody who waits.
    pub(super) fn of_one() -> Self {
        Side { ends: 1, ..Side::default() }
    }

    /// Whom to wake for one value or place, outside of the lock.
    pub(super) fn next(&mut self) -> Option<Waker> {
        self.waiting.pop_front().map(|(_, waker)| waker)
    }

    pub(super) fn all(&mut self) -> Vec<Waker> {
        self.waiting.drain(..).map(|(_, waker)| waker).collect()
    }

    /// Waits, in the same place as before. Gives the waker that was known, to be dropped outside of the lock.
    #[must_use]
    pub(super) fn wait(&mut self, number: &mut Option<u64>, waker: Waker) -> Option<Waker> {
        let Some(number) = *number else {
            self.last += 1;
            *number = Some(self.last);
            self.waiting.push_back((self.last, waker));
            return None;
        };
        let place = self.waiting.partition_point(|(waiting, _)| *waiting < number);
        if let Some((_, known)) = self.waiting.get_mut(place).filter(|(waiting, _)| *waiting == number) {
            return Some(std::mem::replace(known, waker));
        }
        self.waiting.insert(place, (number, waker));
        None
    }

    /// Waits no more. Gives the waker, to be dropped outside of the lock; `None` when it had been woken.
    #[must_use]
    pub(super) fn leave(&mut self, number: u64) -> Option<Waker> {
        let place = self.waiting.binary_search_by_key(&number, |(waiting, _)| *waiting).ok()?;
        self.waiting.remove(place).map(|(_, waker)| waker)
    }
}
