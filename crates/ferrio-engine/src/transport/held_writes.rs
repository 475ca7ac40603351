//! `HeldWrites`: which small writes wait a moment, to leave with what follows.
//!
//! A server that writes the head of an answer and then its body pays for two system calls, and its client for two
//! wake-ups. A transport whose last writing callback wrote more than once holds what the next one writes until the callbacks
//! of the turn have ended, or 500 us went by: then neighbours' answers leave together, too, and wake their client once. One
//! that writes once a callback is sent at once; so is all that is written outside of one, and what a callback
//! writes that takes its time. A transport that `gathers`, as those of HTTP's servers do, holds while others run in the turn
//! instead, and never else: a client that is woken for ten answers at once costs who wakes it less than one that has gone to
//! sleep before each. The benchmark `fastapi_json` takes 0.7 of the CPU time.
//!
//! Held data is never seen to wait: whatever looks at the buffer, drains or closes has it sent
//! first. Nor is anything held where somebody else can use the channel, past us: what they send, or end, comes after it.
//! Where nothing is ever held, the benchmark `http_uvicorn_asgi` takes 1.2 to 1.3 times the CPU time.

use std::cell::Cell;
use std::time::Instant;

use crate::event_loop::callback::LONGEST;

/// The most that is held, in bytes: beyond this a system call is cheap beside the copying in it.
pub(super) const MOST: usize = 16 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct HeldWrites {
    /// The callback that wrote last, by number.
    callback: Cell<u64>,
    /// It wrote more than once.
    often: Cell<bool>,
    /// The one before did, and this one is as quick.
    learned: Cell<bool>,
    /// It is not.
    slow: Cell<bool>,
    /// Somebody else has the channel, too: nothing is ever held again.
    shared: Cell<bool>,
    /// What is written is held while others run in the turn.
    gathers: Cell<bool>,
    /// Since when data is held.
    held: Cell<Option<Instant>>,
}

impl HeldWrites {
    /// Notes a write by `callback` while nothing waits; whether more is likely to follow.
    fn note(&self, callback: u64) -> bool {
        if self.callback.replace(callback) == callback {
            self.often.set(!self.slow.get());
        } else {
            self.slow.set(false);
            self.learned.set(self.often.take());
        }
        self.learned.get()
    }

    /// The callback takes its time: what it writes from now on is sent at once.
    pub(super) fn give_up(&self) {
        self.slow.set(true);
        self.often.set(false);
        self.learned.set(false);
    }

    /// Holds what is written while others run in the turn, from now on.
    pub(super) fn gather(&self) {
        self.gathers.set(true);
    }

    /// Notes a write by `callback` while nothing waits; whether it is to be held. `others` says whether others run after it.
    #[inline]
    pub(super) fn holds(&self, callback: u64, others: impl FnOnce() -> bool) -> bool {
        let more_is_likely = self.note(callback);
        let holds = if self.gathers.get() { !self.slow.get() && others() } else { more_is_likely };
        holds && !self.shared.get()
    }

    /// Somebody else has the channel, too, from now on.
    pub(super) fn share(&self) {
        self.shared.set(true);
    }

    /// Notes one more write by the callback whose data is held, if any is.
    pub(super) fn note_another(&self) {
        self.often.set(self.often.get() || self.is_held());
    }

    /// Data is held from now on.
    pub(super) fn hold(&self) {
        self.held.set(Some(Instant::now()));
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.get().is_some()
    }

    /// Whether data is held for longer than it should be.
    pub(super) fn is_overdue(&self) -> bool {
        self.held.get().is_some_and(|since| since.elapsed() > LONGEST)
    }

    /// Data is held no more; whether any was.
    pub(super) fn release(&self) -> bool {
        self.held.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_once_a_callback_is_never_held() {
        let gathering = HeldWrites::default();
        assert!((1..100).all(|callback| !gathering.note(callback)));
    }

    #[test]
    fn the_callback_after_one_that_wrote_twice_is_held() {
        let gathering = HeldWrites::default();
        assert!(!gathering.note(1));
        assert!(!gathering.note(1));
        assert!(gathering.note(2));
        // It wrote once: the next one is sent at once.
        assert!(!gathering.note(3));
    }

    #[test]
    fn a_slow_callback_is_not_held_nor_the_next() {
        let gathering = HeldWrites::default();
        gathering.note(1);
        gathering.note(1);
        assert!(gathering.note(2));
        gathering.give_up();
        assert!(!gathering.note(2) && !gathering.note(2));
        assert!(!gathering.note(3));
    }

    #[test]
    fn a_write_behind_held_data_counts() {
        let gathering = HeldWrites::default();
        gathering.note(1);
        gathering.note(1);
        for callback in 2..5 {
            assert!(gathering.note(callback));
            gathering.hold();
            gathering.note_another();
            assert!(gathering.release());
        }
        assert!(!gathering.release());
    }

    #[test]
    fn a_write_behind_data_that_waits_for_room_does_not_count() {
        let gathering = HeldWrites::default();
        gathering.note(1);
        gathering.note_another();
        assert!(!gathering.note(2));
    }
}
