//! `Loop::turn`: one round of a loop, the same for every door. The only code of the engine that calls one.
//!
//! ```text
//! [coasts ──────▶ collect_posts ────────────────────────────────────────▶ batch]
//! plan ── Skip ─▶ collect_posts ──────────────────────────┐
//!   └──── Wait ─▶ the door waits ─▶ collect [─▶ jump] ────┴─▶ expire ─▶ batch: the door runs each word
//! ```
//!
//! A door that fails leaves the words after the failed one queued, so that the loop can run again; what callbacks left runs
//! all the same. No borrow is alive while the door runs a word, which may run turns of the same loop itself.

use std::time::{Duration, Instant};

use crate::event_loop::clock::{Clock, Time};
use crate::event_loop::ready::CROWD;
use crate::event_loop::{Handle, Loop, Plan};

/// How long the kernel is given to deliver what was sent before time jumps, where somebody waits for a descriptor. Loopback
/// delivers while it sends, unless the machine is busy.
const DELIVERY: Duration = Duration::from_millis(1);

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// By itself: the door's clock moves while the poller waits.
    Real,
    /// Where nothing is ready, time jumps to the next timer. Where no timer is scheduled the loop waits as any other does,
    /// and time stands still, so that a test's times do not depend on the kernel's.
    Jumping,
    /// As it would jump, but something is under way that only the real world can end: time moves by what a wait took.
    Held,
}

/// What a front end gives a turn of its loop. A few references, which are passed by value: behind another reference they would
/// be loaded again for each word, which `call_soon_chain` shows.
pub trait Door<H>: Copy {
    /// What ends a turn.
    type Error;

    /// The time that timers go by.
    ///
    /// # Errors
    /// Those of a clock that is the program's own.
    fn now(self, engine: &Loop<H>) -> Result<Time, Self::Error>;

    /// Calls `Loop::wait` for as long, with whatever has to be around it. An interrupted wait is no failure.
    ///
    /// # Errors
    /// The poller's, and what a signal's handler raised.
    fn wait(self, engine: &Loop<H>, timeout: Option<Duration>) -> Result<(), Self::Error>;

    /// Runs `word`.
    ///
    /// # Errors
    /// What must not be kept back: the batch ends with it.
    fn run(self, engine: &Loop<H>, word: H) -> Result<(), Self::Error>;

    /// Runs what callbacks left, every word, whether or not others failed.
    ///
    /// # Errors
    /// As `run`.
    fn run_left(self, words: Vec<H>) -> Result<(), Self::Error>;

    /// How time passes now.
    fn pace(self, _engine: &Loop<H>) -> Pace {
        Pace::Real
    }

    /// Whether the time is the system's, which a busy loop does not ask for in each turn.
    fn has_system_clock(self, engine: &Loop<H>) -> bool {
        matches!(engine.core.clock, Clock::Monotonic)
    }

    /// Whether this is to be the last turn: then it does not wait.
    fn is_stopping(self) -> bool {
        false
    }

    /// The first failure of two. The second one is the door's to report.
    ///
    /// # Errors
    /// The first.
    fn both(
        self,
        first: Result<(), Self::Error>,
        second: Result<(), Self::Error>,
    ) -> Result<(), Self::Error> {
        first.and(second)
    }
}

impl<H: Handle> Loop<H> {
    /// Runs one turn: waits until there is something to do, and does it.
    ///
    /// # Errors
    /// What the door's methods fail with.
    #[inline]
    pub fn turn<D: Door<H>>(&self, door: D) -> Result<(), D::Error> {
        if door.has_system_clock(self) && self.coasts() {
            self.collect_posts();
            return self.batch(door);
        }
        let mut now = door.now(self)?;
        match self.plan(now) {
            Plan::Skip => self.collect_posts(),
            Plan::Wait(timeout) => {
                let timeout = if door.is_stopping() { Some(Duration::ZERO) } else { timeout };
                now = match door.pace(self) {
                    Pace::Real => self.wait_really(door, now, timeout)?,
                    pace => self.wait_virtually(door, now, timeout, pace)?,
                };
            }
        }
        self.expire(now);
        self.batch(door)
    }

    fn wait_really<D: Door<H>>(
        &self,
        door: D,
        now: Time,
        timeout: Option<Duration>,
    ) -> Result<Time, D::Error> {
        let timeout = timeout.map(|timeout| if timeout.is_zero() { timeout } else { timeout + self.slack() });
        door.wait(self, timeout)?;
        // The clock may be the program's own code.
        let now = if timeout == Some(Duration::ZERO) { now } else { door.now(self)? };
        self.collect(now);
        Ok(now)
    }

    /// How much later than when the first timer is due a wait may end.
    fn slack(&self) -> Duration {
        let [own, sleeper] = [self.timers.next_deadline(), self.core.sleepers.next_deadline()];
        let is_own = own.is_some_and(|own| sleeper.is_none_or(|sleeper| own < sleeper));
        if is_own { self.timers.slack() } else { self.core.sleepers.slack() }
    }

    #[cold]
    fn wait_virtually<D: Door<H>>(
        &self,
        door: D,
        now: Time,
        timeout: Option<Duration>,
        pace: Pace,
    ) -> Result<Time, D::Error> {
        let Some(jump) = timeout.filter(|_| pace == Pace::Jumping) else {
            let begin = Instant::now();
            door.wait(self, timeout)?;
            let now = if pace == Pace::Held { now.after(begin.elapsed()) } else { now };
            self.collect(now);
            return Ok(now);
        };
        let has_to_wait = !jump.is_zero() && self.core().reactor.is_watching();
        door.wait(self, Some(if has_to_wait { DELIVERY } else { Duration::ZERO }))?;
        self.collect(now);
        Ok(if self.ready().is_empty() { now.after(jump) } else { now })
    }

    /// Runs what was queued when the batch began, and what that left.
    pub(super) fn batch<D: Door<H>>(&self, door: D) -> Result<(), D::Error> {
        let running = self.callback().enter();
        let result = self.run_words(door);
        drop(running);
        if self.callback().has_left_words() {
            // What leaves a word now has nobody to run it before the loop sleeps.
            let _outside = self.callback().outside();
            return door.both(result, door.run_left(self.callback().take_words()));
        }
        result
    }

    fn run_words<D: Door<H>>(&self, door: D) -> Result<(), D::Error> {
        let count = self.ready().len();
        for _ in 0..count {
            let Some(word) = self.ready().pop() else { break };
            door.run(self, word)?;
            if self.callback().is_overdue() {
                door.run_left(self.callback().take_words())?;
            }
        }
        if count > CROWD {
            self.ready().shrink();
        }
        Ok(())
    }
}
