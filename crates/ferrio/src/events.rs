//! The running loop: what a loop of this door consists of, and how code that runs on it finds it.
//!
//! Owns `LoopState`, one a loop, and the thread's pointer to the one that runs. Everything that asks for "the running loop"
//! comes through `LoopState::require`, which panics with the remedy where there is none.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ferrio_engine::{Clock, Core, Door, Loop, Pace, TaskId, Time, replace_polled};

use crate::spared::Spared;
use crate::surroundings::Surroundings;
use crate::tasks::{JoinHandle, create_task_on};
use crate::threads::Remote;
use crate::watchdog::Heartbeat;
use crate::words::{IoTable, Word};

// No loop runs in destructors of other thread-local values, which may run after this one's.
thread_local!(static RUNNING: RefCell<Option<Rc<LoopState>>> = const { RefCell::new(None) });

/// See the module.
pub(crate) struct LoopState {
    pub(crate) engine: Loop<Word>,
    /// Connections and other things that the poller speaks to.
    pub(crate) ios: IoTable,
    /// Tasks that are to be cancelled, by number: each looks here before it runs, if anybody is listed at all.
    pub(crate) cancelled: RefCell<HashSet<u64>>,
    /// Names that were given; a task without one is called after its number.
    pub(crate) names: RefCell<HashMap<u64, Rc<str>>>,
    /// Tasks that clean up after others, and theirs: closing the loop waits for them instead of cancelling them.
    pub(crate) spared: Spared,
    pub(crate) surroundings: Surroundings,
    /// Where ciphertext is read into, one connection at a time.
    #[cfg(feature = "tls")]
    pub(crate) scratch: Cell<Vec<u8>>,
    /// Calls that run on other threads, which a virtual clock has to wait for.
    pub(crate) outside: Cell<usize>,
    pub(crate) is_virtual: bool,
    pub(crate) heartbeat: Option<Arc<Heartbeat>>,
}

impl LoopState {
    pub(crate) fn new(is_virtual: bool, heartbeat: Option<Arc<Heartbeat>>) -> io::Result<Rc<Self>> {
        let clock = if is_virtual { Clock::manual() } else { Clock::Monotonic };
        Self::on(clock, is_virtual, heartbeat)
    }

    pub(crate) fn on(
        clock: Clock,
        is_virtual: bool,
        heartbeat: Option<Arc<Heartbeat>>,
    ) -> io::Result<Rc<Self>> {
        Ok(Rc::new(LoopState {
            engine: Loop::new(clock)?,
            ios: IoTable::default(),
            cancelled: RefCell::default(),
            names: RefCell::default(),
            spared: Spared::default(),
            surroundings: Surroundings::default(),
            #[cfg(feature = "tls")]
            scratch: Cell::default(),
            outside: Cell::new(0),
            is_virtual,
            heartbeat,
        }))
    }

    /// The loop that runs on this thread.
    pub(crate) fn current() -> Option<Rc<Self>> {
        RUNNING.try_with(|running| running.borrow().clone()).ok().flatten()
    }

    /// As `current`, for `what`, which cannot do without one.
    ///
    /// # Panics
    /// Where no loop runs.
    #[track_caller]
    pub(crate) fn require(what: &str) -> Rc<Self> {
        Self::current().unwrap_or_else(|| no_loop(what))
    }

    /// Calls `with` on the running loop, without taking hold of it. `with` calls none of a program's code, which may enter another
    /// loop: not even a clock, which may be a host's.
    #[track_caller]
    pub(crate) fn with<R>(what: &str, with: impl FnOnce(&Rc<LoopState>) -> R) -> R {
        let called = RUNNING.try_with(|running| running.borrow().as_ref().map(with));
        called.ok().flatten().unwrap_or_else(|| no_loop(what))
    }

    /// Makes this loop the running one of the thread until the guard is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> Entered {
        assert!(
            Self::current().is_none(),
            "a loop is running on this thread already: await the future there, or run it on a thread of its own"
        );
        self.enter_within()
    }

    /// As `enter`, for a loop that never waits: whichever runs on this thread comes back.
    pub(crate) fn enter_within(self: &Rc<Self>) -> Entered {
        let before = RUNNING.try_with(|running| running.replace(Some(self.clone()))).ok().flatten();
        Entered { before, task: replace_polled(None) }
    }

    /// As `enter`, for a loop that is about to close; `None` where another one runs, which may be whoever closes this one, and where
    /// none can.
    pub(crate) fn enter_to_close(self: &Rc<Self>) -> Option<Entered> {
        let is_free = RUNNING.try_with(|running| running.borrow().is_none()).unwrap_or(false);
        is_free.then(|| self.enter())
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        self.engine.core()
    }

    /// What the ids of this loop's tasks have.
    pub(crate) fn number(&self) -> u32 {
        self.core().tasks.loop_number()
    }

    pub(crate) fn time(&self) -> Time {
        self.core().clock.now()
    }
}

impl Drop for LoopState {
    fn drop(&mut self) {
        self.engine.close();
    }
}

#[cold]
#[track_caller]
fn no_loop(what: &str) -> ! {
    // Bad use.
    panic!("{what}: no running event loop on this thread; call it from a future that `ferrio::run` runs")
}

/// Puts an end to the loop's being the running one.
pub(crate) struct Entered {
    before: Option<Rc<LoopState>>,
    /// Which task of that one is polled.
    task: Option<TaskId>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // What comes out is dropped outside.
        let _mine = RUNNING.try_with(|running| running.replace(self.before.take()));
        replace_polled(self.task);
    }
}

impl Door<Word> for &Rc<LoopState> {
    type Error = io::Error;

    fn now(self, _: &Loop<Word>) -> io::Result<Time> {
        Ok(self.time())
    }

    fn wait(self, engine: &Loop<Word>, timeout: Option<Duration>) -> io::Result<()> {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.sleeps();
        }
        match engine.wait(timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    #[inline]
    fn run(self, engine: &Loop<Word>, word: Word) -> io::Result<()> {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.beats();
        }
        match word {
            Word::Task(task) => task.run(),
            Word::Io(event) => {
                engine.note_quiet();
                self.ios.tell(event);
            }
        }
        Ok(())
    }

    fn run_left(self, words: Vec<Word>) -> io::Result<()> {
        for word in words {
            // Only connections leave words.
            if let Word::Io(event) = word {
                self.ios.tell(event);
            }
        }
        Ok(())
    }

    fn pace(self, _: &Loop<Word>) -> Pace {
        match (self.is_virtual, self.outside.get()) {
            (false, _) => Pace::Real,
            (true, 0) => Pace::Jumping,
            (true, _) => Pace::Held,
        }
    }
}

/// The event loop that runs on this thread: asyncio's loop object, as far as programs use it.
#[derive(Clone)]
pub struct EventLoop(Rc<LoopState>);

impl EventLoop {
    /// Seconds on the loop's clock, which only goes forward.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.0.time().since(Time::ZERO)
    }

    /// Calls `call` at the loop's next turn, after what is queued already.
    #[track_caller]
    pub fn call_soon(&self, call: impl FnOnce() + 'static) {
        self.create_task(async move { call() }).detach();
    }

    /// Calls `call` after `delay`, unless the handle is cancelled before.
    #[track_caller]
    pub fn call_later(&self, delay: Duration, call: impl FnOnce() + 'static) -> JoinHandle<()> {
        self.create_task(async move {
            crate::sleep(delay).await;
            call();
        })
    }

    /// Starts `future` as a task of this loop. Where that is closed, the future is dropped here and now.
    #[track_caller]
    pub fn create_task<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        let task = create_task_on(&self.0, future);
        self.0.engine.drop_late();
        task
    }

    /// What other threads may touch of this loop.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote::new(self.0.engine.remote())
    }
}

impl std::fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventLoop").field("number", &self.0.number()).finish_non_exhaustive()
    }
}

/// The loop that runs on this thread.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     let before = ferrio::get_running_loop().time();
///     ferrio::yield_now().await;
///     assert!(ferrio::get_running_loop().time() >= before);
/// });
/// ```
#[must_use]
#[track_caller]
pub fn get_running_loop() -> EventLoop {
    EventLoop(LoopState::require("get_running_loop"))
}
