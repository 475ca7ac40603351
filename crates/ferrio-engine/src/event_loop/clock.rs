//! Time as the engine sees it: whole nanoseconds on the system's monotonic clock.
//!
//! Owns: `Time`, and `Clock`, the only place that asks the kernel what time it is. A virtual clock stands still until
//! somebody moves it, which is what makes tests of timers exact. A loop within another one has the other's clock, or a timer
//! would be due on one of them and not on the other.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

/// A point on a loop's clock, in nanoseconds. Points before the clock's origin are negative and legal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
    /// The clock's origin.
    pub const ZERO: Time = Time(0);

    /// The first representable point not before `seconds`, so that a timer never fires early. Out of range saturates.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "float to integer casts saturate, which is what is wanted"
    )]
    pub fn from_secs_f64(seconds: f64) -> Time {
        Time((seconds * 1e9).ceil() as i64)
    }

    /// This point in seconds.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact to a nanosecond for the first 104 days, 1 ns off later"
    )]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// How long from `now` until this point; zero when it has passed.
    #[must_use]
    pub fn since(self, now: Time) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(now.0)).unwrap_or(0))
    }

    /// This point moved by `delay`, saturating.
    #[must_use]
    pub fn after(self, delay: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// Where a loop takes its time from.
pub enum Clock {
    /// The system's monotonic clock.
    Monotonic,
    /// A clock that moves only when told to.
    Virtual(Cell<Time>),
    /// The clock of a loop around this one.
    Host(Box<dyn Fn() -> Time>),
}

impl Clock {
    /// A virtual clock that stands at its origin.
    #[must_use]
    pub fn manual() -> Clock {
        Clock::Virtual(Cell::new(Time::ZERO))
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Time {
        match self {
            Clock::Monotonic => monotonic(),
            Clock::Virtual(now) => now.get(),
            Clock::Host(now) => now(),
        }
    }

    /// Moves a virtual clock forward to `time`; any other moves by itself.
    pub fn advance_to(&self, time: Time) {
        if let Clock::Virtual(now) = self {
            now.set(now.get().max(time));
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Clock::Monotonic => "Monotonic",
            Clock::Virtual(_) => "Virtual",
            Clock::Host(_) => "Host",
        };
        f.debug_tuple(name).field(&self.now()).finish()
    }
}

fn monotonic() -> Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Time(now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_up_and_saturate() {
        assert_eq!(Time::from_secs_f64(1.5), Time(1_500_000_000));
        assert_eq!(Time::from_secs_f64(0.1e-9), Time(1));
        assert_eq!(Time::from_secs_f64(f64::INFINITY), Time(i64::MAX));
        assert_eq!(Time::from_secs_f64(-2.0).since(Time::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_virtual_clock_moves_only_forward() {
        let clock = Clock::manual();
        clock.advance_to(Time(5));
        clock.advance_to(Time(3));
        assert_eq!(clock.now(), Time(5));
    }

    #[test]
    fn the_clock_of_a_host_is_asked_each_time() {
        let ticks = Cell::new(0);
        let clock = Clock::Host(Box::new(move || Time(ticks.replace(ticks.get() + 1))));
        clock.advance_to(Time(100));
        assert_eq!((clock.now(), clock.now()), (Time(0), Time(1)));
    }

    #[test]
    fn the_monotonic_clock_does_not_go_back() {
        let first = Clock::Monotonic.now();
        assert!(Clock::Monotonic.now() >= first);
    }
}
