//! `Watermarks`: when a producer is told to pause, and when to go on. The only flow control there is.
//!
//! ```text
//!         more waits than the high mark, or as much: tell it to pause
//!   goes ─────────────────────────────────────────────────────────────▶ paused
//!     ◀───────────────────────────────────────────────────────────────
//!         no more waits than the low mark: tell it to go on
//! ```
//!
//! How much waits is the caller's to know, who asks after each change and passes on what is to be told. What a method answers
//! counts as told: it says so once.

use std::cell::Cell;

/// The two marks of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pause here, or above.
    pub high: usize,
    /// Go on at this or below.
    pub low: usize,
}

impl Limits {
    /// A low mark at a quarter of the high one, as asyncio has it.
    #[must_use]
    pub const fn below(high: usize) -> Self {
        Limits { high, low: high / 4 }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Watermarks {
    limits: Cell<Limits>,
    paused: Cell<bool>,
}

impl Watermarks {
    /// Of a producer that has not been told anything.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Watermarks { limits: Cell::new(limits), paused: Cell::new(false) }
    }

    /// The marks.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits.get()
    }

    /// Moves the marks.
    pub fn set_limits(&self, limits: Limits) {
        self.limits.set(limits);
    }

    /// Whether the producer was told to pause.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused.get()
    }

    /// Whether the producer has to be told to pause, as more waits than the high mark: the rule of sockets and pipes.
    pub fn exceeded(&self, waiting: usize) -> bool {
        waiting > self.limits.get().high && !self.paused.replace(true)
    }

    /// The same for as much as the high mark: the rule of TLS.
    pub fn reached(&self, waiting: usize) -> bool {
        waiting >= self.limits.get().high && !self.paused.replace(true)
    }

    /// Whether the producer has to be told to go on.
    pub fn receded(&self, waiting: usize) -> bool {
        self.paused.get() && waiting <= self.limits.get().low && self.paused.replace(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once() {
        let marks = Watermarks::new(Limits { high: 3, low: 1 });
        assert!(!marks.receded(0), "it was never told to pause");
        assert!(!marks.exceeded(3));
        assert!(marks.exceeded(4) && !marks.exceeded(5) && marks.is_paused());
        assert!(!marks.receded(2));
        assert!(marks.receded(1) && !marks.receded(0) && !marks.is_paused());
    }

    #[test]
    fn the_rule_of_tls_is_one_byte_stricter() {
        let marks = Watermarks::new(Limits::below(4));
        assert_eq!(marks.limits(), Limits { high: 4, low: 1 });
        assert!(!marks.reached(3));
        assert!(marks.reached(4) && !marks.reached(4));
        assert!(marks.receded(1));
    }

    #[test]
    fn marks_that_move_are_looked_at_the_next_time() {
        let marks = Watermarks::new(Limits { high: 10, low: 10 });
        assert!(!marks.exceeded(10));
        marks.set_limits(Limits { high: 0, low: 0 });
        assert!(marks.exceeded(10) && !marks.receded(1));
        marks.set_limits(Limits { high: 10, low: 10 });
        assert!(marks.receded(10));
    }
}
