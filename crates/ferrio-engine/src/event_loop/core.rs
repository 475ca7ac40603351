//! `Core`: the part of a loop that does not depend on what is queued, and that futures reach through `current()`.
//!
//! Owns clock, reactor, sleepers, live tasks and the pools. Compiled once for both doors. It reaches the loop around it
//! through one function, "queue this task", and other threads reach it through its `Address`.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::io;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::event_loop::clock::{Clock, Time};
use crate::event_loop::live::LiveTasks;
use crate::event_loop::pool::Pool;
use crate::event_loop::sleeper::Sleepers;
use crate::event_loop::task::cell::Runnable;
use crate::reactor::Reactor;

/// Threads for blocking calls, at most.
const BLOCKING_THREADS: usize = 32;
/// Threads for name look-ups, at most: a pool of their own, so that a slow resolver cannot starve other blocking calls.
const RESOLVER_THREADS: usize = 8;

// Which loop this thread has entered; null for none. `CURRENT` has the same one, and keeps it there.
thread_local!(static HERE: Cell<*const Address> = const { Cell::new(ptr::null()) });

// Nobody is current in destructors of other thread-local values, which may run after this one's, and wake and drop as any code.
thread_local!(static CURRENT: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) });

/// Takes tasks that were woken on another thread.
pub(crate) trait Sink: Send + Sync {
    /// Leaves `task` for the loop and wakes it.
    fn post(&self, task: Runnable);
}

/// Where a loop is reached from other threads. No other one that is there has the same place in memory, by which tasks know
/// whether they are on their loop's thread.
pub(crate) struct Address(Box<dyn Sink>);

impl Address {
    pub(crate) fn new(sink: impl Sink + 'static) -> Arc<Self> {
        Arc::new(Address(Box::new(sink)))
    }

    /// Leaves `task` for the loop and wakes it.
    pub(crate) fn post(&self, task: Runnable) {
        self.0.post(task);
    }

    /// Whether this thread has entered the loop of `address`.
    #[inline]
    pub(crate) fn is_here(address: *const Address) -> bool {
        ptr::eq(HERE.get(), address)
    }
}

/// See the module.
pub struct Core {
    /// Where the loop takes its time from.
    pub clock: Clock,
    /// Who waits for which descriptor.
    pub reactor: Reactor,
    /// Futures that wait for a time.
    pub(crate) sleepers: Rc<Sleepers>,
    /// The tasks that have not ended: closing the loop wakes them all so that their futures are dropped.
    pub tasks: LiveTasks,
    /// Queues a task on the ready ring.
    pub(crate) queue: Box<dyn Fn(Runnable)>,
    pub(crate) address: Arc<Address>,
    pub(crate) closed: Cell<bool>,
    blocking: OnceCell<Pool>,
    resolver: OnceCell<Pool>,
}

impl Core {
    pub(crate) fn new(
        clock: Clock,
        reactor: Reactor,
        queue: Box<dyn Fn(Runnable)>,
        address: Arc<Address>,
    ) -> Self {
        Core {
            clock,
            reactor,
            sleepers: Rc::default(),
            tasks: LiveTasks::new(),
            queue,
            address,
            closed: Cell::new(false),
            blocking: OnceCell::new(),
            resolver: OnceCell::new(),
        }
    }

    /// The core of the loop that runs on this thread.
    #[must_use]
    pub fn current() -> Option<Rc<Core>> {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// As `current`, for code that cannot work without a loop.
    ///
    /// # Errors
    /// When no loop runs on this thread.
    pub fn require() -> io::Result<Rc<Core>> {
        Self::current().ok_or_else(|| io::Error::other("no running event loop on this thread"))
    }

    /// Makes this core the current one of the thread until the guard is dropped.
    #[must_use]
    pub fn enter(self: &Rc<Self>) -> Entered {
        let there = HERE.replace(Arc::as_ptr(&self.address));
        let previous = CURRENT.try_with(|current| current.replace(Some(self.clone()))).ok().flatten();
        Entered { previous, there }
    }

    /// Whether this is the core of the loop that runs on this thread.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let is_mine = |core: &Rc<Core>| std::ptr::eq(&raw const **core, self);
        CURRENT.try_with(|current| current.borrow().as_ref().is_some_and(is_mine)).unwrap_or(false)
    }

    /// The pool for blocking calls; its threads start when there is work.
    pub fn blocking(&self) -> &Pool {
        self.blocking.get_or_init(|| Pool::new("ferrio-blocking", BLOCKING_THREADS))
    }

    /// Waits for calls that block to end, at most for `timeout`, and takes no more. Whether all have ended.
    pub fn join_blocking(&self, timeout: Duration) -> bool {
        self.blocking.get().is_none_or(|pool| pool.join(Some(timeout)))
    }

    /// The pool for name look-ups.
    pub fn resolver(&self) -> &Pool {
        self.resolver.get_or_init(|| Pool::new("ferrio-resolver", RESOLVER_THREADS))
    }

    /// Wakes the futures whose time has come.
    #[inline]
    pub(crate) fn wake_sleepers(&self, now: Time) {
        while let Some(sleeper) = self.sleepers.pop_due(now) {
            // Which wakes the future.
            drop(sleeper);
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("reactor", &self.reactor.name()).finish_non_exhaustive()
    }
}

/// Puts the thread's former core back when dropped.
#[derive(Debug)]
pub struct Entered {
    previous: Option<Rc<Core>>,
    there: *const Address,
}

impl Drop for Entered {
    fn drop(&mut self) {
        HERE.set(self.there);
        // What comes out is dropped outside.
        let _mine = CURRENT.try_with(|current| current.replace(self.previous.take()));
    }
}
