//! `Lock<W>`: one holder at a time, first come first served.
//!
//! Who was told does not hold the lock yet: it takes it by `claim`. Until then the lock is free, and still nobody can
//! overtake, since `try_acquire` asks the queue.

use std::cell::Cell;

use crate::sync::wait_queue::{Ticket, WaitQueue, Waiter};

/// See the module.
#[derive(Debug)]
pub struct Lock<W> {
    locked: Cell<bool>,
    waiters: WaitQueue<W>,
}

impl<W> Default for Lock<W> {
    fn default() -> Self {
        Lock { locked: Cell::new(false), waiters: WaitQueue::default() }
    }
}

impl<W> Lock<W> {
    /// Whether somebody holds it.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.locked.get()
    }

    /// Says whether somebody holds it; tells nobody.
    pub fn put(&self, locked: bool) {
        self.locked.set(locked);
    }

    /// Who waits for it.
    #[must_use]
    pub fn waiters(&self) -> &WaitQueue<W> {
        &self.waiters
    }
}

impl<W: Waiter> Lock<W> {
    /// Takes it, if it is free and it is nobody else's turn.
    ///
    /// # Errors
    /// What asking a waiter raises.
    pub fn try_acquire(&self) -> Result<bool, W::Error> {
        if self.locked.get() || !(self.waiters.is_empty() || self.waiters.nobody_wants()?) {
            return Ok(false);
        }
        self.locked.set(true);
        Ok(true)
    }

    /// The waiter was told: it has the lock now.
    pub fn claim(&self, ticket: Ticket) {
        drop(self.waiters.remove(ticket));
        self.locked.set(true);
    }

    /// The waiter does not want it any more. If it was its turn, it is the next one's.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn give_up(&self, ticket: Ticket) -> Result<(), W::Error> {
        drop(self.waiters.remove(ticket));
        if self.locked.get() { Ok(()) } else { self.waiters.wake_first() }
    }

    /// Frees it. Says whether it was locked.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn release(&self) -> Result<bool, W::Error> {
        if !self.locked.replace(false) {
            return Ok(false);
        }
        self.waiters.wake_first().map(|()| true)
    }
}
