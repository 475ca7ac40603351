//! `Event<W>`: a flag to wait for.

use std::cell::Cell;

use crate::sync::wait_queue::{WaitQueue, Waiter};

/// See the module.
#[derive(Debug)]
pub struct Event<W> {
    set: Cell<bool>,
    waiters: WaitQueue<W>,
}

impl<W> Default for Event<W> {
    fn default() -> Self {
        Event { set: Cell::new(false), waiters: WaitQueue::default() }
    }
}

impl<W> Event<W> {
    /// Whether the flag is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.set.get()
    }

    /// Puts the flag up or down; tells nobody.
    pub fn put(&self, set: bool) {
        self.set.set(set);
    }

    /// Takes the flag down.
    pub fn clear(&self) {
        self.set.set(false);
    }

    /// Who waits for it. A waiter that was told just leaves.
    #[must_use]
    pub fn waiters(&self) -> &WaitQueue<W> {
        &self.waiters
    }
}

impl<W: Waiter> Event<W> {
    /// Sets the flag, and tells all who wait.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn set(&self) -> Result<(), W::Error> {
        if self.set.replace(true) || self.waiters.is_empty() {
            return Ok(());
        }
        self.waiters.wake_all()
    }
}
