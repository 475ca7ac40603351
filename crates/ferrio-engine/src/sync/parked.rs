//! `Parked`: a Rust future as a waiter, and what such futures await of the types of this folder.
//!
//! ```text
//!            nothing to be had             told                    claimed
//!   (new) ─────────────────────▶ parked ─────────▶ polled again ─────────────▶ (done)
//!                                  └── dropped, told or not: `give_up` passes its turn on
//! ```
//!
//! A future that is dropped leaves the queue at once, so that nobody here is ever cancelled and still waits.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::sync::{
    Arrival, Barrier, BarrierBroken, Condition, Event, Ledger, Lock, Semaphore, Standing, Ticket, WaitQueue,
    Waiter,
};

/// See the module. A clone is the same future.
#[derive(Clone)]
pub struct Parked(Rc<Inside>);

struct Inside {
    told: Cell<bool>,
    /// Of whoever polled last; none once that was told. In a cell: cloned, woken or dropped a waker may run code that comes back.
    waker: Cell<Option<Waker>>,
}

impl Parked {
    fn new(waker: Waker) -> Self {
        Parked(Rc::new(Inside { told: Cell::new(false), waker: Cell::new(Some(waker)) }))
    }

    /// Remembers who polls it now.
    fn is_polled_by(&self, waker: &Waker) {
        let known = self.0.waker.take();
        let is_known = known.as_ref().is_some_and(|known| known.will_wake(waker));
        self.0.waker.set(known);
        if !is_known {
            let waker = waker.clone();
            self.0.waker.set(Some(waker));
        }
    }
}

impl fmt::Debug for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked").field("told", &self.0.told.get()).finish_non_exhaustive()
    }
}

impl Waiter for Parked {
    type Error = Infallible;

    fn standing(&self) -> Result<Standing, Infallible> {
        Ok(if self.0.told.get() { Standing::Told } else { Standing::Waiting })
    }

    fn wake(&self) -> Result<(), Infallible> {
        self.0.told.set(true);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
        Ok(())
    }
}

impl Lock<Parked> {
    /// Takes the lock, when it is this future's turn.
    pub async fn acquire(&self) {
        let Ok(free) = self.try_acquire();
        if !free {
            let ticket = Park::in_queue(self.waiters(), |ticket, _| self.give_up(ticket)).await;
            self.claim(ticket);
        }
    }
}

impl Semaphore<Parked> {
    /// Takes one, when there is one left for this future.
    pub async fn acquire(&self) {
        let Ok(free) = self.try_acquire();
        if !free {
            let give_up = |ticket, parked: &Parked| self.give_up(ticket, parked.0.told.get());
            let ticket = Park::in_queue(self.waiters(), give_up).await;
            let Ok(()) = self.claim(ticket);
        }
    }
}

impl Event<Parked> {
    /// Waits until the flag is set. Who was told goes on, though the flag be down again by then.
    pub async fn wait(&self) {
        if !self.is_set() {
            let leave = |ticket, _: &Parked| {
                drop(self.waiters().remove(ticket));
                Ok(())
            };
            let ticket = Park::in_queue(self.waiters(), leave).await;
            drop(self.waiters().remove(ticket));
        }
    }
}

impl Condition<Parked> {
    /// Frees `lock`, waits to be notified, and takes the lock again. A future that is dropped does not have the lock.
    pub async fn wait(&self, lock: &Lock<Parked>) {
        let Ok(_) = lock.release();
        let ticket = Park::in_queue(self.waiters(), |ticket, parked| self.give_up(ticket, parked)).await;
        drop(self.waiters().remove(ticket));
        let mut notified = Notified(Some(self));
        lock.acquire().await;
        notified.0 = None;
    }
}

/// Somebody was notified and does not have the lock yet: if it never comes to that, another one is notified.
struct Notified<'a>(Option<&'a Condition<Parked>>);

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        if let Some(condition) = self.0 {
            let Ok(()) = condition.notify(1);
        }
    }
}

impl Barrier<Parked> {
    /// Waits for the others. All get different numbers, the last to come the highest.
    ///
    /// # Errors
    /// When the barrier is broken, or was reset meanwhile.
    pub async fn wait(&self) -> Result<usize, BarrierBroken> {
        loop {
            let Ok(arrival) = self.come();
            match arrival? {
                Arrival::Passed(number) => return Ok(number),
                Arrival::Inside => break,
                Arrival::Outside => {
                    let outsiders = self.outsiders();
                    let leave = |ticket, _: &Parked| {
                        drop(outsiders.remove(ticket));
                        Ok(())
                    };
                    Park::in_queue(outsiders, leave).await;
                }
            }
        }
        let insiders = self.insiders();
        let give_up = |ticket, _: &Parked| {
            drop(insiders.remove(ticket));
            self.leave()
        };
        Park::in_queue(insiders, give_up).await;
        let Ok(passed) = self.pass();
        passed
    }
}

impl Ledger<Parked> {
    /// Waits until `has_item`, or the queue is shut down. The item is to be taken before anything else is awaited.
    pub async fn item(&self, has_item: impl Fn() -> bool) {
        self.until(self.getters(), has_item).await;
    }

    /// The same for room.
    pub async fn room(&self, has_room: impl Fn() -> bool) {
        self.until(self.putters(), has_room).await;
    }

    /// Who is told looks again: somebody else may have been faster.
    async fn until(&self, queue: &WaitQueue<Parked>, holds: impl Fn() -> bool) {
        while !holds() && !self.is_shut_down() {
            Park::in_queue(queue, |ticket, parked| queue.pass_on(ticket, parked, holds())).await;
        }
    }
}

/// A future's wait in a queue, up to being told.
struct Park<'a, G: Fn(Ticket, &Parked) -> Result<(), Infallible>> {
    queue: &'a WaitQueue<Parked>,
    /// Its place, while it has one.
    place: Option<(Ticket, Parked)>,
    give_up: G,
}

impl<'a, G: Fn(Ticket, &Parked) -> Result<(), Infallible>> Park<'a, G> {
    fn in_queue(queue: &'a WaitQueue<Parked>, give_up: G) -> Self {
        Park { queue, place: None, give_up }
    }
}

impl<G: Fn(Ticket, &Parked) -> Result<(), Infallible> + Unpin> Future for Park<'_, G> {
    type Output = Ticket;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ticket> {
        let Some((ticket, parked)) = &self.place else {
            let parked = Parked::new(context.waker().clone());
            self.place = Some((self.queue.push(parked.clone()), parked));
            return Poll::Pending;
        };
        if !parked.0.told.get() {
            parked.is_polled_by(context.waker());
        }
        // Code of a waker's may have told it just now.
        if !parked.0.told.get() {
            return Poll::Pending;
        }
        let ticket = *ticket;
        self.place = None;
        Poll::Ready(ticket)
    }
}

impl<G: Fn(Ticket, &Parked) -> Result<(), Infallible>> Drop for Park<'_, G> {
    fn drop(&mut self) {
        if let Some((ticket, parked)) = self.place.take() {
            let Ok(()) = (self.give_up)(ticket, &parked);
        }
    }
}
