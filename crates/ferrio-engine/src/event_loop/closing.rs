//! How a loop ends: what is queued is dropped, and the future of every task, here and now.

use std::time::{Duration, Instant};

use super::{Handle, Loop};

/// How long `close` goes on where the tasks that it drops start others.
const LAST_DROPS: Duration = Duration::from_millis(250);

impl<H: Handle> Loop<H> {
    /// Drops all that is queued, scheduled, watched or spawned. The pools finish what they have begun.
    pub fn close(&self) {
        self.core.closed.set(true);
        let _entered = self.core.enter();
        // The poller is not told: nobody waits any more, and after a fork the kernel's list is also the parent's.
        let watchers = self.watchers.take();
        drop(watchers);
        drop(self.callback.take_words());
        self.timers.clear();
        self.drop_tasks();
        self.core.sleepers.clear();
    }

    /// Drops what a closed loop was given: nothing would run it, and it may hold the loop.
    pub fn drop_late(&self) {
        // One that is given in the course of closing goes with the others.
        if self.core.closed.get() && !self.dropping.get() {
            let _entered = self.core.enter();
            self.drop_tasks();
        }
    }
}

impl<H> Loop<H> {
    /// Drops what is queued, and the future of every task, here and now. What is posted from now on is dropped by who posts it.
    fn drop_tasks(&self) {
        self.inbox.close();
        self.dropping.set(true);
        let start = Instant::now();
        loop {
            self.core.tasks.wake_all();
            drop(self.inbox.take());
            let is_still = self.ready.is_empty();
            self.ready.clear();
            if self.core.tasks.is_empty() || is_still || start.elapsed() > LAST_DROPS {
                break;
            }
        }
        self.dropping.set(false);
    }
}

impl<H> Drop for Loop<H> {
    /// Tasks hold the core and the core's `queue` holds the ring: cut the knot even when nobody called `close`.
    fn drop(&mut self) {
        self.core.closed.set(true);
        let _entered = self.core.enter();
        self.drop_tasks();
    }
}
