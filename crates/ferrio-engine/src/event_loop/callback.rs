//! `Callback`: what is known of the callback that runs, and what it and those before it left to be done after them.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// How long words may be left, and data be held: a batch may be long.
pub(crate) const LONGEST: Duration = Duration::from_micros(500);

/// A callback takes its time if what was left before waited so long for its end. The next ones are not trusted: so many writes
/// are not held. On a machine that others keep busy any callback looks slow now and then: with 1000 writes `fastapi_json` takes
/// 1.07 times the CPU time there.
const SLOW: Duration = Duration::from_millis(2);
const DISTRUSTED: u32 = 100;

/// See the module. Words that were left hold what they hold until the door has run them.
#[derive(Debug)]
pub struct Callback<H> {
    runs: Cell<bool>,
    /// When the first of the words was left. Asked after every callback.
    since: Cell<Option<Instant>>,
    words: RefCell<Vec<H>>,
    distrusted: Cell<u32>,
}

impl<H> Callback<H> {
    pub(crate) fn new() -> Self {
        Callback {
            runs: Cell::new(false),
            since: Cell::new(None),
            words: RefCell::default(),
            distrusted: Cell::new(0),
        }
    }

    /// Whether one runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.runs.get()
    }

    /// Callbacks run from here until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> Running<'_> {
        Running { runs: &self.runs, before: self.runs.replace(true) }
    }

    /// None runs from here until the guard is dropped, though one may be around this.
    #[must_use]
    pub fn outside(&self) -> Running<'_> {
        Running { runs: &self.runs, before: self.runs.replace(false) }
    }

    /// Leaves `word` for later. The door runs it at the end of the batch, or as soon as a callback has ended and it is
    /// overdue.
    pub fn leave(&self, word: H) {
        if self.since.get().is_none() {
            self.since.set(Some(Instant::now()));
        }
        self.words.borrow_mut().push(word);
    }

    /// Whether words were left.
    #[must_use]
    pub fn has_left_words(&self) -> bool {
        self.since.get().is_some()
    }

    /// Whether words were left too long ago.
    #[must_use]
    #[inline]
    pub fn is_overdue(&self) -> bool {
        self.since.get().is_some_and(|since| self.is_late(since.elapsed()))
    }

    #[inline(never)]
    fn is_late(&self, waited: Duration) -> bool {
        if waited > SLOW {
            self.distrusted.set(DISTRUSTED);
        }
        waited > LONGEST
    }

    /// Whether callbacks have not taken their time lately. Asked for each write that might be held.
    #[inline]
    pub(crate) fn is_quick(&self) -> bool {
        match self.distrusted.get() {
            0 => true,
            writes => {
                self.distrusted.set(writes - 1);
                false
            }
        }
    }

    /// Takes the words that were left.
    #[must_use]
    pub fn take_words(&self) -> Vec<H> {
        self.since.set(None);
        self.words.take()
    }

    pub(crate) fn for_each(&self, visit: impl FnMut(&H)) {
        self.words.borrow().iter().for_each(visit);
    }
}

/// See [`Callback::enter`] and [`Callback::outside`].
#[derive(Debug)]
pub struct Running<'a> {
    runs: &'a Cell<bool>,
    before: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.runs.set(self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_one_that_took_its_time_nothing_is_held_for_a_while() {
        let callback = Callback::new();
        assert!(callback.is_quick());
        callback.leave(1);
        std::thread::sleep(SLOW);
        assert!(callback.is_overdue() && callback.take_words() == [1]);
        assert!((0..DISTRUSTED).all(|_| !callback.is_quick()));
        assert!(callback.is_quick());
    }
}
