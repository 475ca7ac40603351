//! `Core`: the part of a loop that does not depend on what is queued, and that futures reach through `current()`.
//!
//! Owns clock, reactor, sleepers, live tasks and the pools. Compiled once for both doors. It reaches the loop around it
//! through one function, "queue this task", and other threads reach it through `Sink`.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::event_loop::clock::{Clock, Time};
use crate::event_loop::live::LiveTasks;
use crate::event_loop::pool::Pool;
use crate::event_loop::timers::{Timed, Timers};
use crate::reactor::Reactor;

/// Threads for blocking calls, at most.
const BLOCKING_THREADS: usize = 32;
/// Threads for name look-ups, at most: a pool of their own, so that a slow resolver cannot starve other blocking calls.
const RESOLVER_THREADS: usize = 8;

// Nobody is current in destructors of other thread-local values, which may run after this one's, and wake and drop as any code.
thread_local!(static CURRENT: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) });

/// A task that is to be polled.
pub type Runnable = async_task::Runnable<Destination>;

/// Takes tasks that were woken on another thread.
pub(crate) trait Sink: Send + Sync {
    /// Leaves `task` for the loop and wakes it.
    fn post(&self, task: Runnable);
}

/// See the module.
pub struct Core {
    /// Where the loop takes its time from.
    pub clock: Clock,
    /// Who waits for which descriptor.
    pub reactor: Reactor,
    /// Futures that wait for a time.
    pub(crate) sleepers: Timers<Rc<Sleeper>>,
    /// The tasks that have not ended: closing the loop wakes them all so that their futures are dropped.
    pub tasks: LiveTasks,
    /// Queues a task on the ready ring; set once by the loop around this core.
    pub(crate) queue: OnceCell<Box<dyn Fn(Runnable)>>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) closed: Cell<bool>,
    blocking: OnceCell<Pool>,
    resolver: OnceCell<Pool>,
}

impl Core {
    pub(crate) fn new(clock: Clock, reactor: Reactor, sink: Arc<dyn Sink>) -> Self {
        Core {
            clock,
            reactor,
            sleepers: Timers::new(),
            tasks: LiveTasks::default(),
            queue: OnceCell::new(),
            sink,
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
        Entered { previous: CURRENT.try_with(|current| current.replace(Some(self.clone()))).ok().flatten() }
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
            sleeper.fire();
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("reactor", &self.reactor.name()).finish_non_exhaustive()
    }
}

/// Where a woken task goes; part of the task, so that a wake-up takes hold of nothing.
pub struct Destination {
    /// Compared, never followed. Zero: the inbox, from whichever thread.
    core: usize,
    sink: Arc<dyn Sink>,
}

impl Destination {
    pub(crate) fn of(core: &Rc<Core>) -> Self {
        Destination { core: Rc::as_ptr(core) as usize, sink: core.sink.clone() }
    }

    pub(crate) fn inbox(sink: Arc<dyn Sink>) -> Self {
        Destination { core: 0, sink }
    }

    /// On the loop's own thread to the ring, on any other to the inbox.
    pub(crate) fn queue(task: Runnable) {
        let its_own = task.metadata().core;
        let mut left = Some(task);
        let _where_there_are_none = CURRENT.try_with(|current| {
            let current = current.borrow();
            let core = current.as_ref().filter(|core| Rc::as_ptr(core) as usize == its_own);
            if let Some(queue) = core.and_then(|core| core.queue.get())
                && let Some(task) = left.take()
            {
                queue(task);
            }
        });
        if let Some(task) = left {
            let sink = task.metadata().sink.clone();
            sink.post(task);
        }
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination").finish_non_exhaustive()
    }
}

/// Puts the thread's former core back when dropped.
#[derive(Debug)]
pub struct Entered {
    previous: Option<Rc<Core>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // What comes out is dropped outside.
        let _mine = CURRENT.try_with(|current| current.replace(self.previous.take()));
    }
}

/// A future's place in the heap of sleepers.
#[derive(Debug)]
pub(crate) struct Sleeper {
    state: RefCell<SleeperState>,
}

#[derive(Debug)]
enum SleeperState {
    Waiting(Waker),
    Fired,
    Cancelled,
}

impl Sleeper {
    pub(crate) fn new(waker: Waker) -> Self {
        Sleeper { state: RefCell::new(SleeperState::Waiting(waker)) }
    }

    pub(crate) fn has_fired(&self) -> bool {
        matches!(*self.state.borrow(), SleeperState::Fired)
    }

    /// The task may have been polled with another waker since.
    pub(crate) fn rearm(&self, waker: &Waker) {
        if let SleeperState::Waiting(mine) = &mut *self.state.borrow_mut() {
            mine.clone_from(waker);
        }
    }

    /// The future was dropped; says whether it was still waiting.
    pub(crate) fn cancel(&self) -> bool {
        matches!(self.state.replace(SleeperState::Cancelled), SleeperState::Waiting(_))
    }

    fn fire(&self) {
        if let SleeperState::Waiting(waker) = self.state.replace(SleeperState::Fired) {
            waker.wake();
        }
    }
}

impl Timed for Rc<Sleeper> {
    fn is_cancelled(&self) -> bool {
        matches!(*self.state.borrow(), SleeperState::Cancelled)
    }
}
