//! `Guest`: a loop of this door within a loop that is another's, which runs on the same thread and does the waiting.
//!
//! The host watches the guest's descriptor, and whenever it has done something for the guest, a turn or a call within it, it
//! asks how the guest rests (engine `event_loop/within.rs` draws it). A guest never waits, and has its host's clock.

use std::cell::Cell;
use std::io;
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use ferrio_engine::{Clock, Time};

use crate::closing::end_tasks;
use crate::events::LoopState;
use crate::steps::mark;
use crate::threads::Remote;

/// How many turns the tasks of a guest that closes have for what they do when they are cancelled.
const LAST_TURNS: usize = 10_000;

/// When a guest has to be given its next turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rest {
    /// At the host's next turn.
    Busy,
    /// When the host's clock shows so many seconds, or earlier if the descriptor is readable.
    Until(f64),
    /// When the descriptor is readable.
    Idle,
}

/// A loop within another one, for those who bring ferrio into a program that has its loop already: a graphical interface's, or
/// Python's, for which the crate `ferrio-bridge` has all that is said here.
///
/// ```
/// # if std::env::var("FERRIO_POLLER").is_ok_and(|poller| poller == "poll") { return Ok(()) } // has no descriptor
/// use ferrio::{Guest, Rest};
///
/// let start = std::time::Instant::now();
/// let guest = Guest::new(move || start.elapsed().as_secs_f64())?;
/// let task = guest.enter(|| ferrio::create_task(async { 6 * 7 }));
/// while guest.rest() == Rest::Busy {
///     guest.turn(false)?;
/// }
/// assert!(task.is_finished());
/// # std::io::Result::Ok(())
/// ```
pub struct Guest {
    state: Rc<LoopState>,
    closed: Cell<bool>,
}

impl Guest {
    /// A guest on the clock of its host, which `now` tells in seconds.
    ///
    /// # Errors
    /// When the system refuses the loop its descriptors, and where the poller has none that a host could watch, which is so
    /// with `FERRIO_POLLER=poll`.
    pub fn new(now: impl Fn() -> f64 + 'static) -> io::Result<Guest> {
        let clock = Clock::Host(Box::new(move || Time::from_secs_f64(now())));
        let state = LoopState::on(clock, false, None)?;
        let reactor = &state.core().reactor;
        if reactor.descriptor().is_none() {
            let message = format!(
                "the poller {:?} has no descriptor, and a loop within another needs one: \
                 leave the variable FERRIO_POLLER unset",
                reactor.name()
            );
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        Ok(Guest { state, closed: Cell::new(false) })
    }

    /// Has each task of this loop polled within what was current when the task was created, if the host's tasks have such a thing,
    /// as Python's have their context variables. `copy` copies what is current; what it gives is called with each poll, and calls
    /// what it is given.
    ///
    /// ```
    /// # if std::env::var("FERRIO_POLLER").is_ok_and(|poller| poller == "poll") { return Ok(()) } // has no descriptor
    /// thread_local!(static USER: std::cell::Cell<&'static str> = const { std::cell::Cell::new("nobody") });
    ///
    /// let guest = ferrio::Guest::new(|| 0.0)?.with_surroundings(|| {
    ///     let user = USER.get();
    ///     move |poll| {
    ///         let before = USER.replace(user);
    ///         poll();
    ///         USER.set(before);
    ///     }
    /// });
    /// USER.set("Ada");
    /// let (promise, promised) = ferrio::create_future();
    /// guest.enter(|| ferrio::create_task(async { promise.set_result(USER.get()) })).detach();
    /// USER.set("Grace");
    /// guest.turn(false)?;
    /// assert_eq!((ferrio::run(promised), USER.get()), (Ok("Ada"), "Grace"));
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn with_surroundings<A>(self, copy: impl Fn() -> A + 'static) -> Guest
    where
        A: Fn(Box<dyn FnOnce()>) + 'static,
    {
        mark();
        let _first_ones_stay = self.state.surroundings.copy.set(Box::new(move || Rc::new(copy())));
        self
    }

    /// What the host has to watch: when it can be read, the guest wants a turn that polls. `None` once the guest is closed.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.state.core().reactor.descriptor().filter(|_| !self.closed.get())
    }

    /// Calls `call` with this as the running loop. Ask how the guest rests afterwards.
    ///
    /// ```
    /// # if std::env::var("FERRIO_POLLER").is_ok_and(|poller| poller == "poll") { return Ok(()) } // has no descriptor
    /// let guest = ferrio::Guest::new(|| 12.5)?;
    /// assert_eq!(guest.enter(|| ferrio::get_running_loop().time().as_secs_f64()), 12.5);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn enter<R>(&self, call: impl FnOnce() -> R) -> R {
        let _entered = self.state.enter_within();
        let _core = self.state.core().enter();
        call()
    }

    /// One turn: runs what is queued or due, and with `polls` asks the poller first. Ask how the guest rests afterwards.
    ///
    /// # Errors
    /// What the poller meets.
    pub fn turn(&self, polls: bool) -> io::Result<()> {
        self.enter(|| self.state.engine.turn_within(&self.state, polls))
    }

    /// When the next turn is due. From now on, other threads make the descriptor readable.
    #[must_use]
    pub fn rest(&self) -> Rest {
        match self.state.engine.rest() {
            ferrio_engine::Rest::Busy => Rest::Busy,
            ferrio_engine::Rest::Until(time) => Rest::Until(time.as_secs_f64()),
            ferrio_engine::Rest::Idle => Rest::Idle,
        }
    }

    /// What other threads may touch of this loop.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote::new(self.state.engine.remote())
    }

    /// Cancels all tasks and drops what is left. A cleanup of `finally` has the turns that need no waiting.
    ///
    /// # Panics
    /// As what is dropped does.
    pub fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        let ended = catch_unwind(AssertUnwindSafe(|| {
            self.enter(|| {
                let mut turns = 0..LAST_TURNS;
                end_tasks(&self.state, || {
                    turns.next().is_some() && self.rest() == Rest::Busy && self.turn(false).is_ok()
                });
            });
        }));
        self.state.ios.clear();
        self.state.engine.close();
        if let Err(panic) = ended
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("loop", &self.state.number()).finish_non_exhaustive()
    }
}
