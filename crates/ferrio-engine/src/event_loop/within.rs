//! A loop within another one, which runs on the same thread and does the waiting.
//!
//! The outer loop watches the poller's descriptor (`Reactor::descriptor`), and after whatever it did for the inner one asks
//! it how it `rest`s. What it is told is a promise: nothing of the inner loop happens before the time that is named, unless
//! the descriptor becomes readable. Posts of other threads make it so, since the bell takes a resting loop for asleep.
//!
//! ```text
//! outer loop ── descriptor is readable ─▶ turn_within(polls) ─┐
//!            ── the time has come ──────▶ turn_within ────────┼─▶ rest ─▶ Busy: again soon │ Until │ Idle
//!            ── polls a future itself ────────────────────────┘
//! ```

use std::time::Duration;

use crate::event_loop::clock::Time;
use crate::event_loop::turn::Door;
use crate::event_loop::{Handle, Loop};

/// When the next turn of a loop within another one is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Something is queued: at the outer loop's next turn.
    Busy,
    /// At this point on the clock, which may have passed, or earlier if the descriptor is readable.
    Until(Time),
    /// When the descriptor is readable.
    Idle,
}

impl<H: Handle> Loop<H> {
    /// One turn that does not wait: the outer loop has. With `polls` it asks the poller, whose descriptor was readable.
    ///
    /// # Errors
    /// What the door's methods fail with.
    pub fn turn_within<D: Door<H>>(&self, door: D, polls: bool) -> Result<(), D::Error> {
        self.turns.set(self.turns.get().wrapping_add(1));
        let now = door.now(self)?;
        if polls {
            door.wait(self, Some(Duration::ZERO))?;
            self.collect(now);
        } else {
            self.collect_posts();
        }
        self.expire(now);
        self.batch(door)
    }

    /// How long nothing has to be done. Ends what a turn or an outer loop's own poll of a future began.
    #[must_use]
    #[inline]
    pub fn rest(&self) -> Rest {
        if !self.ready.is_empty() || !self.inbox.is_empty() {
            return Rest::Busy;
        }
        if !self.bell.is_asleep() {
            self.bell.sleep();
            if !self.inbox.is_empty() {
                self.bell.awake();
                return Rest::Busy;
            }
        }
        let deadlines = [self.timers.next_deadline(), self.core.sleepers.next_deadline()];
        deadlines.into_iter().flatten().min().map_or(Rest::Idle, Rest::Until)
    }
}
