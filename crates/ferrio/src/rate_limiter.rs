//! `RateLimiter`: so many in any window of a given length, in the order in which they were asked for.
//!
//! It remembers when the last `rate` were let through: the next one goes a whole window after the first of those. Who has waited
//! longest has the turn and, with it, the only timer. Dropping a future that waits gives the turn to the next.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use ferrio_engine::Time;
use ferrio_engine::sync::{Lock, Parked};

use crate::events::LoopState;
use crate::sleep;

/// Lets through at most `rate` in any window of `per`, on the clock of the running loop.
///
/// ```
/// # use std::time::Duration;
/// use ferrio::{RateLimiter, get_running_loop};
///
/// let runner = ferrio::Runner::builder().virtual_clock(true).build()?;
/// runner.run(async {
///     let limiter = RateLimiter::new(2, Duration::from_secs(1));
///     let begin = get_running_loop().time();
///     for _ in 0..5 {
///         limiter.acquire().await;
///     }
///     assert_eq!(get_running_loop().time() - begin, Duration::from_secs(2));
/// });
/// # std::io::Result::Ok(())
/// ```
pub struct RateLimiter {
    rate: usize,
    per: Duration,
    turn: Lock<Parked>,
    /// When the last ones were let through, at most `rate` of them.
    granted: RefCell<VecDeque<Time>>,
    /// Whose clock that was: a virtual loop's number, or zero for the system's.
    clock: Cell<u32>,
}

impl RateLimiter {
    /// At most `rate` in any window of `per`.
    ///
    /// # Panics
    /// When `rate` is zero: nothing would ever be let through.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ten_a_second = ferrio::RateLimiter::new(10, Duration::from_secs(1));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn new(rate: usize, per: Duration) -> Self {
        assert!(rate > 0, "RateLimiter::new: a rate of zero lets nothing through; it must be at least 1");
        let (granted, clock) = (RefCell::default(), Cell::new(0));
        RateLimiter { rate, per, turn: Lock::default(), granted, clock }
    }

    /// Waits until one more may go.
    ///
    /// # Panics
    /// When it is awaited where no loop runs.
    ///
    /// ```
    /// # use std::time::Duration;
    /// ferrio::run(async {
    ///     ferrio::RateLimiter::new(1, Duration::from_secs(60)).acquire().await; // the first at once
    /// });
    /// ```
    pub async fn acquire(&self) {
        self.turn.acquire().await;
        let turn = Turn(&self.turn);
        while let Err(delay) = self.grant() {
            sleep(delay).await;
        }
        drop(turn);
    }

    /// Lets one more go, if it need not wait and nobody else does. Whether it may go.
    ///
    /// # Panics
    /// Where no loop runs.
    ///
    /// ```
    /// # use std::time::Duration;
    /// ferrio::run(async {
    ///     let limiter = ferrio::RateLimiter::new(1, Duration::from_secs(60));
    ///     assert!(limiter.try_acquire());
    ///     assert!(!limiter.try_acquire());
    /// });
    /// ```
    #[must_use]
    #[track_caller]
    pub fn try_acquire(&self) -> bool {
        let Ok(is_its_turn) = self.turn.try_acquire();
        let _turn = is_its_turn.then(|| Turn(&self.turn));
        is_its_turn && self.grant().is_ok()
    }

    /// Lets one go, or says how long it has to wait.
    #[track_caller]
    fn grant(&self) -> Result<(), Duration> {
        let state = LoopState::require("RateLimiter");
        let (now, clock) = (state.time(), if state.is_virtual { state.number() } else { 0 });
        let mut granted = self.granted.borrow_mut();
        if self.clock.replace(clock) != clock {
            // Times on another clock say nothing.
            granted.clear();
        }
        if granted.len() == self.rate
            && let Some(first) = granted.front()
        {
            let delay = first.after(self.per).since(now);
            if !delay.is_zero() {
                return Err(delay);
            }
            granted.pop_front();
        }
        granted.push_back(now);
        Ok(())
    }
}

/// Whose turn it is. Dropped, it is the next one's.
struct Turn<'a>(&'a Lock<Parked>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Ok(_) = self.0.release();
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("rate", &self.rate)
            .field("per", &self.per)
            .field("waiters", &self.turn.waiters().len())
            .finish_non_exhaustive()
    }
}
