//! `References`: who else holds a task's memory, counted without atomics on the loop's own thread, and with them elsewhere.
//!
//! ```text
//! live    own + (shared − LOOP) is how many wakers and posts there are. Either part may be below zero, since what was cloned
//!         here may be dropped there. Nobody asks whether the sum is zero: the loop holds a task that lives.
//! ended   `is_alone` has found the sum to be zero: there is no waker, and so nobody who could make one; or else `share` has
//!         added the own part to the shared one, which is the sum from then on: whoever takes that to zero frees the memory.
//! ```
//!
//! Knows nothing of tasks: tests/loom.rs tries all orders in which threads can meet here.

use crate::event_loop::atomics::{AtomicUsize, Cell, Ordering};

/// Somebody on another thread has posted the task, and the loop has not taken the post yet.
const POSTED: usize = 1;
/// The task has ended: a wake-up is for nobody.
const ENDED: usize = 2;
const FLAGS: usize = POSTED | ENDED;
/// One reference.
const ONE: usize = 4;
/// The loop's hold of a task that lives: more than anybody can take away.
const LOOP: usize = 1 << (usize::BITS - 2);

/// See the module.
#[derive(Debug)]
pub(crate) struct References {
    /// Touched by the loop's own thread only, while the task lives.
    own: Cell<usize>,
    shared: AtomicUsize,
}

impl References {
    pub(crate) fn new() -> Self {
        References { own: Cell::new(0), shared: AtomicUsize::new(LOOP) }
    }

    /// One more, on the loop's own thread, while the task lives.
    pub(crate) fn take_own(&self) {
        self.own.set(self.own.get().wrapping_add(ONE));
    }

    /// One less, on the same conditions.
    pub(crate) fn release_own(&self) {
        self.own.set(self.own.get().wrapping_sub(ONE));
    }

    /// One more, anywhere and at any time.
    pub(crate) fn take(&self) {
        self.shared.fetch_add(ONE, Ordering::Relaxed);
    }

    /// One less, anywhere and at any time. Whether it was the last one, whose holder frees the memory.
    #[must_use]
    pub(crate) fn release(&self) -> bool {
        self.shared.fetch_sub(ONE, Ordering::AcqRel) & !FLAGS == ONE
    }

    /// The task is woken from another thread. Whether it has to be posted: it lives, and no post is on its way. What the waker
    /// did before is seen by whoever takes the post, though it be another's.
    #[must_use]
    pub(crate) fn post(&self) -> bool {
        self.shared.fetch_or(POSTED, Ordering::AcqRel) & FLAGS == 0
    }

    /// The post is taken: who wakes the task from here on posts it anew.
    pub(crate) fn unpost(&self) {
        self.shared.fetch_and(!POSTED, Ordering::AcqRel);
    }

    /// Whether nobody else has the memory, or ever will. Of the loop's own thread.
    pub(crate) fn is_alone(&self) -> bool {
        self.own.get().wrapping_add(self.shared.load(Ordering::Acquire)) & !FLAGS == LOOP
    }

    /// The task has ended, and all threads count alike from here on, who has its handle as well. Whether nobody is left by now, so
    /// that the caller frees the memory. Of the loop's own thread, once.
    #[must_use]
    pub(crate) fn share(&self, has_handle: bool) -> bool {
        let handle = if has_handle { ONE } else { 0 };
        let added = self.own.take().wrapping_add(handle).wrapping_sub(LOOP).wrapping_add(ENDED);
        self.shared.fetch_add(added, Ordering::AcqRel).wrapping_add(added) & !FLAGS == 0
    }
}
