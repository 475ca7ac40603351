//! `Ledger<W>`: a queue's books. Who waits to get and to put, what is unfinished, and whether it was shut down.
//!
//! The items are the door's own: they may be in an object that a program brought. Who is told leaves the queue at once and
//! looks again: it may find that somebody else was faster, and then queues up anew.

use std::cell::Cell;

use crate::sync::wait_queue::{Standing, Ticket, WaitQueue, Waiter};

/// See the module.
#[derive(Debug)]
pub struct Ledger<W> {
    getters: WaitQueue<W>,
    putters: WaitQueue<W>,
    unfinished: Cell<i64>,
    shut_down: Cell<bool>,
}

impl<W> Default for Ledger<W> {
    fn default() -> Self {
        Ledger {
            getters: WaitQueue::default(),
            putters: WaitQueue::default(),
            unfinished: Cell::new(0),
            shut_down: Cell::new(false),
        }
    }
}

impl<W> Ledger<W> {
    /// Who waits for an item.
    #[must_use]
    pub fn getters(&self) -> &WaitQueue<W> {
        &self.getters
    }

    /// Who waits for room.
    #[must_use]
    pub fn putters(&self) -> &WaitQueue<W> {
        &self.putters
    }

    /// How many items were put whose work is not done.
    #[must_use]
    pub fn unfinished(&self) -> i64 {
        self.unfinished.get()
    }

    /// Changes that number.
    pub fn set_unfinished(&self, unfinished: i64) {
        self.unfinished.set(unfinished);
    }

    /// Whether it was shut down.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.shut_down.get()
    }

    /// Changes whether it was shut down; tells nobody.
    pub fn set_shut_down(&self, shut_down: bool) {
        self.shut_down.set(shut_down);
    }

    /// The work for one item is done. `None` when there was none, else whether that was the last.
    pub fn finish_one(&self) -> Option<bool> {
        let left = self.unfinished.get() - 1;
        if left < 0 {
            return None;
        }
        self.unfinished.set(left);
        Some(left == 0)
    }
}

impl<W: Waiter> Ledger<W> {
    /// An item was put.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn added(&self) -> Result<(), W::Error> {
        self.unfinished.set(self.unfinished.get() + 1);
        if self.getters.is_empty() { Ok(()) } else { self.getters.release_next().map(drop) }
    }

    /// An item was taken.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn removed(&self) -> Result<(), W::Error> {
        if self.putters.is_empty() { Ok(()) } else { self.putters.release_next().map(drop) }
    }

    /// Everybody has to look again.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn tell_all(&self) -> Result<(), W::Error> {
        self.getters.release_all()?;
        self.putters.release_all()
    }
}

impl<W: Waiter> WaitQueue<W> {
    /// A waiter of a queue does not want it any more. `useful` says whether there is something for the next one, which
    /// is told if this one had been.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn pass_on(&self, ticket: Ticket, waiter: &W, useful: bool) -> Result<(), W::Error> {
        drop(self.remove(ticket));
        if useful && waiter.standing()? == Standing::Told {
            self.release_next()?;
        }
        Ok(())
    }
}
