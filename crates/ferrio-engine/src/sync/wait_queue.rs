//! `WaitQueue<W>`: who waits, in the order in which they came.
//!
//! ```text
//! push ──▶ waiting ── wake ──▶ told ── remove ──▶ (gone)
//!             └── cancelled by somebody else ─────▶
//! ```
//!
//! A waiter stays in the queue until it has noticed that it was told, so that nobody overtakes it; it is found again by its
//! ticket. Invariants: tickets rise from front to back; the front entry is never an empty one; whoever is in front of
//! `asked` does not wait any more, so a burst of wake-ups looks at each waiter once.

use std::cell::RefCell;
use std::collections::VecDeque;

/// How a waiter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has told it yet.
    Waiting,
    /// It was told, and will go on.
    Told,
    /// It does not want it any more, and will leave.
    Cancelled,
}

/// Somebody who waits. A clone is the same waiter.
pub trait Waiter: Clone {
    /// What asking or telling it may raise.
    type Error;

    /// How it stands. Once it is not `Waiting` any more it never will be again.
    ///
    /// # Errors
    /// What its door raises.
    fn standing(&self) -> Result<Standing, Self::Error>;

    /// Tells it to go on.
    ///
    /// # Errors
    /// What its door raises.
    fn wake(&self) -> Result<(), Self::Error>;
}

/// A waiter's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// See the module.
#[derive(Debug)]
pub struct WaitQueue<W> {
    inside: RefCell<Inside<W>>,
}

#[derive(Debug)]
struct Inside<W> {
    /// In the order of tickets; `None` for one that left from the middle.
    entries: VecDeque<(Ticket, Option<W>)>,
    empty: usize,
    next: Ticket,
    asked: Ticket,
}

/// With fewer empty entries than this they are not worth removing.
const FEW: usize = 32;

impl<W> Default for WaitQueue<W> {
    fn default() -> Self {
        let inside = Inside { entries: VecDeque::new(), empty: 0, next: Ticket(0), asked: Ticket(0) };
        WaitQueue { inside: RefCell::new(inside) }
    }
}

impl<W> WaitQueue<W> {
    /// Puts a waiter at the end.
    pub fn push(&self, waiter: W) -> Ticket {
        let mut inside = self.inside.borrow_mut();
        let ticket = inside.next;
        inside.next.0 += 1;
        inside.entries.push_back((ticket, Some(waiter)));
        ticket
    }

    /// Takes a waiter out. `None` if it is not there any more.
    pub fn remove(&self, ticket: Ticket) -> Option<W> {
        self.inside.borrow_mut().remove(ticket)
    }

    /// How many there are, told or not.
    #[must_use]
    pub fn len(&self) -> usize {
        let inside = self.inside.borrow();
        inside.entries.len() - inside.empty
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inside.borrow().entries.is_empty()
    }

    /// Shows every waiter, unless somebody is changing the queue right now. What is called must not come back in here.
    pub fn for_each(&self, show: impl FnMut(&W)) {
        if let Ok(inside) = self.inside.try_borrow() {
            inside.entries.iter().filter_map(|(_, waiter)| waiter.as_ref()).for_each(show);
        }
    }

    /// Forgets them all.
    pub fn clear(&self) {
        let mut inside = self.inside.borrow_mut();
        inside.empty = 0;
        let entries = std::mem::take(&mut inside.entries);
        drop(inside);
        drop(entries);
    }
}

impl<W: Waiter> WaitQueue<W> {
    /// Whether everybody here was cancelled, or nobody is here.
    ///
    /// # Errors
    /// What asking a waiter raises.
    pub fn nobody_wants(&self) -> Result<bool, W::Error> {
        let mut from = Ticket(0);
        while let Some((ticket, waiter)) = self.from(from) {
            if waiter.standing()? != Standing::Cancelled {
                return Ok(false);
            }
            from = Ticket(ticket.0 + 1);
        }
        Ok(true)
    }

    /// Tells the first, if it has not been told. One that was told or cancelled will see to those behind it.
    ///
    /// # Errors
    /// What the waiter raises.
    pub fn wake_first(&self) -> Result<(), W::Error> {
        match self.from(Ticket(0)) {
            Some((_, first)) if first.standing()? == Standing::Waiting => first.wake(),
            _ => Ok(()),
        }
    }

    /// Who is to be told next: the first that still waits.
    ///
    /// # Errors
    /// What asking a waiter raises.
    pub fn next(&self) -> Result<Option<(Ticket, W)>, W::Error> {
        loop {
            let asked = self.inside.borrow().asked;
            let Some((ticket, waiter)) = self.from(asked) else { return Ok(None) };
            if waiter.standing()? == Standing::Waiting {
                return Ok(Some((ticket, waiter)));
            }
            let mut inside = self.inside.borrow_mut();
            inside.asked = inside.asked.max(Ticket(ticket.0 + 1));
        }
    }

    /// Tells the first that still waits, and says whether there was one.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn wake_next(&self) -> Result<bool, W::Error> {
        let Some((_, waiter)) = self.next()? else { return Ok(false) };
        waiter.wake().map(|()| true)
    }

    /// As `wake_next`, and the waiter leaves the queue.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn release_next(&self) -> Result<bool, W::Error> {
        loop {
            let Some((ticket, waiter)) = self.from(Ticket(0)) else { return Ok(false) };
            drop(self.remove(ticket));
            if waiter.standing()? == Standing::Waiting {
                return waiter.wake().map(|()| true);
            }
        }
    }

    /// Tells everybody who waits at this moment.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn wake_all(&self) -> Result<(), W::Error> {
        let end = self.inside.borrow().next;
        while let Some((ticket, waiter)) = self.next()? {
            if ticket >= end {
                break;
            }
            waiter.wake()?;
        }
        Ok(())
    }

    /// Tells everybody, and all leave the queue.
    ///
    /// # Errors
    /// What a waiter raises.
    pub fn release_all(&self) -> Result<(), W::Error> {
        while self.release_next()? {}
        Ok(())
    }

    /// The first whose ticket is `ticket` or a later one.
    fn from(&self, ticket: Ticket) -> Option<(Ticket, W)> {
        let inside = self.inside.borrow();
        let mut rest = inside.entries.range(inside.place(ticket)..);
        rest.find_map(|(ticket, waiter)| waiter.as_ref().map(|waiter| (*ticket, waiter.clone())))
    }
}

impl<W> Inside<W> {
    fn remove(&mut self, ticket: Ticket) -> Option<W> {
        if self.entries.front()?.0 == ticket {
            let waiter = self.entries.pop_front()?.1;
            self.trim();
            return waiter;
        }
        let place = self.place(ticket);
        let (_, waiter) = self.entries.get_mut(place).filter(|(entry, _)| *entry == ticket)?;
        let waiter = waiter.take()?;
        self.empty += 1;
        if self.empty > FEW && self.empty > self.entries.len() / 2 {
            self.entries.retain(|(_, waiter)| waiter.is_some());
            self.empty = 0;
        }
        Some(waiter)
    }

    /// Where the first entry is whose ticket is `ticket` or a later one.
    fn place(&self, ticket: Ticket) -> usize {
        let Some((front, _)) = self.entries.front() else { return 0 };
        let Some(distance) = ticket.0.checked_sub(front.0) else { return 0 };
        // Right as long as no empty entries were removed from the middle.
        match usize::try_from(distance) {
            Ok(guess) if self.entries.get(guess).is_some_and(|(entry, _)| *entry == ticket) => guess,
            _ => self.entries.partition_point(|(entry, _)| *entry < ticket),
        }
    }

    /// Restores the invariant that the front entry is not an empty one.
    fn trim(&mut self) {
        while self.entries.front().is_some_and(|(_, waiter)| waiter.is_none()) {
            self.entries.pop_front();
            self.empty -= 1;
        }
    }
}
