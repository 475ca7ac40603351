//! The inbox: how other threads reach a loop. The only lock on the loop's path is here.
//!
//! A post puts a word under the lock and rings the bell only when the loop sleeps in its poller: a busy loop is never
//! interrupted and finds the word at its next turn. A fence on each side, after the word and after the announcement of sleep,
//! sees to it that either the poster sees the sleeper or the sleeper sees the word, never neither. tests/loom.rs tries all orders.

use std::sync::PoisonError;

use crate::event_loop::atomics::{Arc, AtomicBool, Mutex, MutexGuard, Ordering, fence};
use crate::reactor::Notifier;

/// Wakes a loop that sleeps in its poller; cheap when it does not: the benchmark `threadsafe_own` runs 2.2 times as fast as
/// where each post notifies.
#[derive(Debug)]
pub struct Bell {
    asleep: AtomicBool,
    notifier: Notifier,
}

impl Bell {
    pub(crate) fn new(notifier: Notifier) -> Self {
        Bell { asleep: AtomicBool::new(false), notifier }
    }

    /// Ends the loop's present wait, if there is one, so that it sees what this thread has done before. From any thread.
    pub fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Acquire) && self.asleep.swap(false, Ordering::AcqRel) {
            self.notifier.notify();
        }
    }

    /// Announces that the loop is about to wait: what was posted before must be looked at after this, not before.
    pub(crate) fn sleep(&self) {
        self.asleep.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Whether the loop waits, or is about to.
    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Acquire)
    }

    /// The loop is up again.
    pub(crate) fn awake(&self) {
        self.asleep.store(false, Ordering::Release);
    }
}

/// Words posted from other threads, in the order in which they came.
#[derive(Debug)]
pub struct Inbox<H> {
    posts: Mutex<Vec<H>>,
    /// Set under the lock with every post: lets a loop look at an empty inbox without locking it, which would cost
    /// `call_soon_chain` 1.8 % of its CPU time.
    full: AtomicBool,
    /// Set under the lock: nobody takes posts any more.
    closed: AtomicBool,
    bell: Arc<Bell>,
}

impl<H> Inbox<H> {
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        Inbox {
            posts: Mutex::new(Vec::new()),
            full: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            bell,
        }
    }

    /// Leaves `word` for the loop and wakes it. From any thread.
    pub fn post(&self, word: H) {
        self.push(self.lock(), word);
    }

    /// As `post`, unless the loop is closed: then `word` is dropped here, which a task's must not be, whose future is the loop's.
    pub(crate) fn offer(&self, word: H) {
        let posts = self.lock();
        if self.closed.load(Ordering::Relaxed) {
            drop(posts);
            drop(word);
        } else {
            self.push(posts, word);
        }
    }

    /// The loop takes what was posted once more, and then no more.
    pub(crate) fn close(&self) {
        let _posts = self.lock();
        self.closed.store(true, Ordering::Relaxed);
    }

    fn push(&self, mut posts: MutexGuard<'_, Vec<H>>, word: H) {
        posts.push(word);
        self.full.store(true, Ordering::Release);
        drop(posts);
        self.bell.ring();
    }

    /// Whether nothing was posted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.full.load(Ordering::Acquire)
    }

    /// Takes all that was posted.
    pub(crate) fn take(&self) -> Vec<H> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut posts = self.lock();
        self.full.store(false, Ordering::Release);
        std::mem::take(&mut *posts)
    }

    /// Calls `visit` for each posted word. `visit` must not touch the inbox.
    pub fn for_each(&self, visit: impl FnMut(&H)) {
        self.lock().iter().for_each(visit);
    }

    /// A poisoned lock is taken all the same: no code of ours panics between two steps of an update.
    fn lock(&self) -> MutexGuard<'_, Vec<H>> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
