//! `Barrier<W>`: so many wait for each other, and go on together.
//!
//! ```text
//!            the last one comes             the last one leaves
//!  Filling ────────────────────▶ Draining ─────────────────────▶ Filling
//!     │ reset, with somebody inside          the last one leaves    ▲
//!     ├──────────────────────────▶ Resetting ───────────────────────┤
//!     └── abort, from any state ─▶ Broken ── reset ─────────────────┘ (by way of Resetting, with somebody inside)
//! ```
//!
//! Who comes while it drains or resets waits outside, and looks again when told. Who is inside is told by whatever ends the
//! filling, and learns from the state at its turn whether it got through.

use std::cell::Cell;

use crate::sync::wait_queue::{WaitQueue, Waiter};

/// What a barrier is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarrierState {
    /// It waits for the last one to come.
    Filling,
    /// They go on; who comes now has to wait until all have left.
    Draining,
    /// They go on with an error, and then it fills again.
    Resetting,
    /// Everybody gets an error, until it is reset.
    Broken,
}

/// The barrier was aborted or reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierBroken;

/// What became of somebody who came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It was the last one: all go on. It has left already, with this number.
    Passed(usize),
    /// It is inside, and waits for the others among the `insiders`.
    Inside,
    /// It has to wait among the `outsiders`, and comes again when it is told.
    Outside,
}

/// See the module.
#[derive(Debug)]
pub struct Barrier<W> {
    parties: usize,
    state: Cell<BarrierState>,
    /// How many are inside.
    count: Cell<usize>,
    /// The number of who leaves next.
    number: Cell<usize>,
    insiders: WaitQueue<W>,
    outsiders: WaitQueue<W>,
}

impl<W> Barrier<W> {
    /// For so many, at least one.
    #[must_use]
    pub fn new(parties: usize) -> Self {
        Barrier {
            parties: parties.max(1),
            state: Cell::new(BarrierState::Filling),
            count: Cell::new(0),
            number: Cell::new(0),
            insiders: WaitQueue::default(),
            outsiders: WaitQueue::default(),
        }
    }

    /// How many it is for.
    #[must_use]
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> BarrierState {
        self.state.get()
    }

    /// How many wait for the last one to come.
    #[must_use]
    pub fn waiting(&self) -> usize {
        if self.state.get() == BarrierState::Filling { self.count.get() } else { 0 }
    }

    /// Who is inside, and waits.
    #[must_use]
    pub fn insiders(&self) -> &WaitQueue<W> {
        &self.insiders
    }

    /// Who waits to come in.
    #[must_use]
    pub fn outsiders(&self) -> &WaitQueue<W> {
        &self.outsiders
    }
}

impl<W: Waiter> Barrier<W> {
    /// Somebody comes, for the first time or from outside.
    ///
    /// # Errors
    /// `Ok(Err(BarrierBroken))` when it is broken, and what a waiter raises.
    pub fn come(&self) -> Result<Result<Arrival, BarrierBroken>, W::Error> {
        match self.state.get() {
            BarrierState::Draining | BarrierState::Resetting => return Ok(Ok(Arrival::Outside)),
            BarrierState::Broken => return Ok(Err(BarrierBroken)),
            BarrierState::Filling => {}
        }
        self.count.set(self.count.get() + 1);
        if self.count.get() < self.parties {
            return Ok(Ok(Arrival::Inside));
        }
        self.state.set(BarrierState::Draining);
        self.number.set(0);
        self.insiders.release_all()?;
        self.leave()?;
        Ok(Ok(Arrival::Passed(self.parties - 1)))
    }

    /// Somebody who was inside goes on: its number, if it got through.
    ///
    /// # Errors
    /// `Ok(Err(BarrierBroken))` when it did not get through, and what a waiter raises.
    pub fn pass(&self) -> Result<Result<usize, BarrierBroken>, W::Error> {
        let has_passed = self.state.get() == BarrierState::Draining;
        let number = self.number.get();
        self.number.set(number + 1);
        self.leave()?;
        Ok(if has_passed { Ok(number) } else { Err(BarrierBroken) })
    }

    /// Somebody is not inside any more.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn leave(&self) -> Result<(), W::Error> {
        self.count.set(self.count.get() - 1);
        if self.count.get() > 0 {
            return Ok(());
        }
        if matches!(self.state.get(), BarrierState::Draining | BarrierState::Resetting) {
            self.state.set(BarrierState::Filling);
        }
        self.outsiders.release_all()
    }

    /// Who is inside gets an error, and then it fills anew; a broken one is as new.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn reset(&self) -> Result<(), W::Error> {
        let is_empty = self.count.get() == 0;
        self.state.set(if is_empty { BarrierState::Filling } else { BarrierState::Resetting });
        self.tell_all()
    }

    /// Who waits gets an error, and so does who comes, until it is reset.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn abort(&self) -> Result<(), W::Error> {
        self.state.set(BarrierState::Broken);
        self.tell_all()
    }

    fn tell_all(&self) -> Result<(), W::Error> {
        self.insiders.release_all()?;
        self.outsiders.release_all()
    }
}
