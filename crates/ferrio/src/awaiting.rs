//! `Awaiting`: the waker of the one who waits, if somebody does.
//!
//! Invariant: the place is not borrowed while a waker is cloned, woken or dropped: each may run the program's own code, which
//! may come back here.

use std::cell::Cell;
use std::fmt;
use std::task::Waker;

/// See the module.
#[derive(Default)]
pub(crate) struct Awaiting(Cell<Option<Waker>>);

impl Awaiting {
    /// Whether who waits is woken by `waker`.
    pub(crate) fn is(&self, waker: &Waker) -> bool {
        let known = self.0.take();
        let same = known.as_ref().is_some_and(|known| known.will_wake(waker));
        self.0.set(known);
        same
    }

    /// From now on `waker` wakes who waits.
    pub(crate) fn put(&self, waker: &Waker) {
        if !self.is(waker) {
            let waker = waker.clone();
            self.0.set(Some(waker));
        }
    }

    /// Nobody waits any more.
    #[cfg(feature = "http")]
    pub(crate) fn forget(&self) {
        drop(self.0.take());
    }

    /// Wakes who waits, and forgets it.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }

    /// Wakes who waits, and goes on waiting.
    pub(crate) fn tell(&self) {
        self.with(Waker::wake_by_ref);
    }

    /// Calls `use_it` with the waker, if there is one.
    pub(crate) fn with(&self, use_it: impl FnOnce(&Waker)) {
        let Some(waker) = self.0.take() else { return };
        use_it(&waker);
        match self.0.take() {
            None => self.0.set(Some(waker)),
            newer => self.0.set(newer),
        }
    }
}

impl fmt::Debug for Awaiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Awaiting").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    thread_local! {
        /// Where a waker puts another one, once.
        static PLACE: RefCell<Option<(Rc<Awaiting>, Waker)>> = const { RefCell::new(None) };
    }

    /// A waker that comes back to the place wherever code of its own runs.
    struct Returns(Arc<AtomicUsize>);

    impl Wake for Returns {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }

        fn wake_by_ref(self: &Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
            come_back();
        }
    }

    impl Drop for Returns {
        fn drop(&mut self) {
            come_back();
        }
    }

    fn come_back() {
        if let Some((place, other)) = PLACE.take() {
            place.put(&other);
        }
    }

    #[test]
    fn a_waker_may_come_back() {
        let place = Rc::new(Awaiting::default());
        let count = Arc::new(AtomicUsize::new(0));
        let returns = || Waker::from(Arc::new(Returns(count.clone())));
        for come in [Awaiting::wake, Awaiting::tell, |place: &Awaiting| place.put(Waker::noop())] {
            let other = returns();
            place.put(&returns());
            PLACE.set(Some((place.clone(), other.clone())));
            come(&place);
            assert!(place.is(&other));
        }
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn who_is_told_stays_and_who_is_woken_does_not() {
        let place = Awaiting::default();
        let count = Arc::new(AtomicUsize::new(0));
        let waker = Waker::from(Arc::new(Returns(count.clone())));
        place.put(&waker);
        place.tell();
        place.tell();
        assert!(place.is(&waker));
        place.wake();
        place.wake();
        assert!(!place.is(&waker));
        assert_eq!(count.load(Ordering::Relaxed), 3);
    }
}
