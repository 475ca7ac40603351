//! `Semaphore<W>`: so many holders at a time, first come first served.
//!
//! Who is told has its share already: the count went down for it, and goes up again if it gives up.

use std::cell::Cell;

use crate::sync::wait_queue::{Ticket, WaitQueue, Waiter};

/// See the module.
#[derive(Debug)]
pub struct Semaphore<W> {
    value: Cell<i64>,
    waiters: WaitQueue<W>,
}

impl<W> Semaphore<W> {
    /// With so many to give.
    #[must_use]
    pub fn new(value: i64) -> Self {
        Semaphore { value: Cell::new(value), waiters: WaitQueue::default() }
    }

    /// How many are left.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.value.get()
    }

    /// Changes how many are left; tells nobody.
    pub fn set_value(&self, value: i64) {
        self.value.set(value);
    }

    /// Takes one, for who judged by other means that there is one.
    pub fn take(&self) {
        self.value.set(self.value.get().saturating_sub(1));
    }

    /// Who waits for one.
    #[must_use]
    pub fn waiters(&self) -> &WaitQueue<W> {
        &self.waiters
    }
}

impl<W: Waiter> Semaphore<W> {
    /// Whether it cannot be had at once: nothing is left, or it is somebody else's turn.
    ///
    /// # Errors
    /// What asking a waiter raises.
    pub fn is_locked(&self) -> Result<bool, W::Error> {
        Ok(self.value.get() == 0 || !(self.waiters.is_empty() || self.waiters.nobody_wants()?))
    }

    /// Takes one, if it can be had at once.
    ///
    /// # Errors
    /// What asking a waiter raises.
    pub fn try_acquire(&self) -> Result<bool, W::Error> {
        if self.is_locked()? {
            return Ok(false);
        }
        self.take();
        Ok(true)
    }

    /// The waiter was told, and has its share.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn claim(&self, ticket: Ticket) -> Result<(), W::Error> {
        drop(self.waiters.remove(ticket));
        self.pass_on()
    }

    /// The waiter does not want it any more; if it was told, its share goes back.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn give_up(&self, ticket: Ticket, told: bool) -> Result<(), W::Error> {
        drop(self.waiters.remove(ticket));
        if told {
            self.value.set(self.value.get().saturating_add(1));
        }
        self.pass_on()
    }

    /// Gives one back.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn release(&self) -> Result<(), W::Error> {
        self.value.set(self.value.get().saturating_add(1));
        self.tell_next().map(drop)
    }

    /// Those who came meanwhile had to queue up behind others: tells as many as there is left for.
    fn pass_on(&self) -> Result<(), W::Error> {
        while self.value.get() > 0 && self.tell_next()? {}
        Ok(())
    }

    fn tell_next(&self) -> Result<bool, W::Error> {
        if self.waiters.is_empty() {
            return Ok(false);
        }
        let Some((_, waiter)) = self.waiters.next()? else { return Ok(false) };
        self.value.set(self.value.get() - 1);
        waiter.wake().map(|()| true)
    }
}
