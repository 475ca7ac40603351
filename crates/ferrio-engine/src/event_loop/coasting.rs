//! `Coasting`: turns of a busy loop that do not ask what time it is.
//!
//! ```text
//! clock read ── 1, 2, 4 … 16 turns without ──▶ clock read      as many more as the turns since the last reading were quick
//! ```
//!
//! Only turns that would not ask the poller either, and only while no timer can be due: reading the clock is half of the time of a
//! turn that runs one or two tasks, which `lock_contended` shows. A callback that is suddenly slow makes timers and descriptors wait
//! for so many turns once, and from then on the clock is read in each.

use std::cell::Cell;
use std::time::Duration;

use crate::event_loop::clock::Time;
use crate::event_loop::{Handle, Loop};

/// As many turns at most.
const MOST: u32 = 16;

/// They have to be done in this time, or there are fewer of them.
const QUICK: Duration = Duration::from_micros(20);

/// A timer that is due so much later is not due in one of them.
const FAR: Duration = Duration::from_micros(100);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Coasting {
    /// How many turns may go by until the clock is read again, and how many there were after it was read last.
    left: Cell<u32>,
    after_last: Cell<u32>,
    last: Cell<Time>,
}

impl Coasting {
    /// The clock was read. `is_busy`: the next turns need not ask the poller.
    #[inline]
    pub(super) fn clock_was_read(&self, now: Time, is_busy: bool) {
        let is_quick = is_busy && now < self.last.get().after(QUICK);
        let turns = if is_quick { (self.after_last.get() * 2).clamp(1, MOST) } else { 0 };
        self.last.set(now);
        self.after_last.set(turns);
        self.left.set(turns);
    }
}

impl<H: Handle> Loop<H> {
    /// Whether the turn that begins is one of those.
    #[inline]
    pub(super) fn coasts(&self) -> bool {
        let left = self.coasting.left.get();
        if left == 0 {
            return false;
        }
        let far = self.coasting.last.get().after(FAR);
        let has_timer = |deadline: Option<Time>| deadline.is_some_and(|deadline| deadline < far);
        let coasts = !self.ready.is_empty()
            && self.expectant.get() == 0
            && !has_timer(self.timers.next_deadline())
            && !has_timer(self.core.sleepers.next_deadline());
        self.coasting.left.set(if coasts { left - 1 } else { 0 });
        if coasts {
            self.turns.set(self.turns.get().wrapping_add(1));
            self.skipped.set(self.skipped.get() + 1);
        }
        coasts
    }
}
