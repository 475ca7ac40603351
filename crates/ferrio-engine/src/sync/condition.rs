//! `Condition<W>`: who waits to be notified. The lock around it is the door's, which knows who holds it.
//!
//! A notification counts for those who wait at that moment. Who was told and does not want it any more passes it on.

use crate::sync::wait_queue::{Standing, Ticket, WaitQueue, Waiter};

/// See the module.
#[derive(Debug)]
pub struct Condition<W> {
    waiters: WaitQueue<W>,
}

impl<W> Default for Condition<W> {
    fn default() -> Self {
        Condition { waiters: WaitQueue::default() }
    }
}

impl<W> Condition<W> {
    /// Who waits to be notified. A waiter that was told leaves, and takes the lock.
    #[must_use]
    pub fn waiters(&self) -> &WaitQueue<W> {
        &self.waiters
    }
}

impl<W: Waiter> Condition<W> {
    /// Tells so many, but none who comes meanwhile.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn notify(&self, count: usize) -> Result<(), W::Error> {
        let mut left = count.min(self.waiters.len());
        while left > 0 && self.waiters.wake_next()? {
            left -= 1;
        }
        Ok(())
    }

    /// The waiter does not want it any more. If it was told, another one is.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn give_up(&self, ticket: Ticket, waiter: &W) -> Result<(), W::Error> {
        drop(self.waiters.remove(ticket));
        if waiter.standing()? == Standing::Told { self.notify(1) } else { Ok(()) }
    }
}
