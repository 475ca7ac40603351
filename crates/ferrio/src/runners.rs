//! `run` and `Runner`: where a program meets its loop.
//!
//! ```text
//! run(main) ──▶ turns until main has ended ──▶ close: cancel the tasks that are left, run cleanups, wait for threads
//! ```

use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::closing::end_tasks;
use crate::events::LoopState;
use crate::steps::{Run, mark};
use crate::traced::TaskSpan;
use crate::watchdog::{Heartbeat, Watchdog};

/// How long closing waits for calls that run on threads; asyncio's own figure.
const LAST_CALLS: Duration = Duration::from_secs(300);

/// Runs `main` on a new loop to its end, and gives its output. Tasks that are left are cancelled; whatever `finally` promised
/// them still runs.
///
/// # Panics
/// When a loop runs on this thread already, when the system refuses the loop its descriptors, and as `main` does.
///
/// ```
/// let answer = ferrio::run(async { 6 * 7 });
/// assert_eq!(answer, 42);
/// ```
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    // As documented: a program without descriptors to spare has nothing to go on with.
    // Cannot fail otherwise.
    Runner::new().unwrap_or_else(|error| panic!("no event loop: {error}")).run(main)
}

/// How a loop is to be made. See [`Runner::builder`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    virtual_clock: bool,
    watchdog: Option<Duration>,
}

impl Builder {
    /// Time jumps to the next timer where nothing else is left to do: tests of hours take no time, and come out the same.
    #[must_use]
    pub fn virtual_clock(mut self, on: bool) -> Self {
        self.virtual_clock = on;
        self
    }

    /// Has a thread look on, and tell on stderr of each task that has kept the loop from running others for so long: once, by its
    /// name and number. A loop that waits is not told of, nor one between its runs.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runner = ferrio::Runner::builder().watchdog(Duration::from_millis(10)).build()?;
    /// // On stderr: "ferrio: greedy (Task-2) has kept the loop busy for 10ms: …"
    /// runner.run(async {
    ///     let task = ferrio::create_task(async { std::thread::sleep(Duration::from_millis(30)) });
    ///     task.named("greedy").await.unwrap();
    /// });
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn watchdog(mut self, limit: Duration) -> Self {
        self.watchdog = Some(limit);
        self
    }

    /// Makes the loop.
    ///
    /// # Errors
    /// When the system refuses its descriptors, or the watchdog's thread.
    pub fn build(self) -> io::Result<Runner> {
        let heartbeat = self.watchdog.map(|_| Arc::new(Heartbeat::default()));
        let watchdog = match (self.watchdog, &heartbeat) {
            (Some(limit), Some(heartbeat)) => Some(Watchdog::start(limit, heartbeat.clone())?),
            _ => None,
        };
        Ok(Runner { state: LoopState::new(self.virtual_clock, heartbeat)?, _watchdog: watchdog })
    }
}

/// A loop that runs one future after another, as asyncio's `Runner` does. Its tasks live on in between; dropping it cancels
/// them.
///
/// ```
/// let runner = ferrio::Runner::new()?;
/// let task = runner.run(async { ferrio::create_task(async { "later" }) });
/// assert_eq!(runner.run(task).unwrap(), "later");
/// # std::io::Result::Ok(())
/// ```
pub struct Runner {
    state: Rc<LoopState>,
    _watchdog: Option<Watchdog>,
}

impl Runner {
    /// A loop with a real clock and no watchdog.
    ///
    /// # Errors
    /// When the system refuses the loop its descriptors.
    pub fn new() -> io::Result<Runner> {
        Builder::default().build()
    }

    /// A loop of another kind.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runner = ferrio::Runner::builder().virtual_clock(true).build()?;
    /// runner.run(ferrio::sleep(Duration::from_secs(3600)));
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs `main` to its end.
    ///
    /// # Panics
    /// When a loop runs on this thread already, when the poller fails, and as `main` does.
    #[track_caller]
    pub fn run<F: Future>(&self, main: F) -> F::Output {
        let _entered = self.state.enter();
        if self.state.heartbeat.is_some() {
            mark();
        }
        let span = TaskSpan::main::<F>();
        let ended = self.state.engine.run_until_complete(&self.state, Run::new(span, main));
        self.rests();
        // The poller of a loop that was made cannot fail, but by the kernel's fault.
        match ended.unwrap_or_else(|error| panic!("the poller failed: {error}")) {
            Some(Ok(output)) => output,
            // Cannot fail: the runner, which is borrowed, closes its loop when it is dropped.
            None => panic!("the loop was closed while it ran"),
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Bad use: the program cancelled its main task itself, and there is no value to give.
                Err(error) => panic!("{error}, which a loop runs for its output"),
            },
        }
    }

    /// No task runs from here on: what takes its time is nobody's fault.
    fn rests(&self) {
        if let Some(heartbeat) = &self.state.heartbeat {
            heartbeat.sleeps();
        }
    }

    /// Ends what is left: tasks, the cleanups of those, and calls on threads.
    fn close(&self) {
        let Some(_entered) = self.state.enter_to_close() else { return };
        let _core = self.state.core().enter();
        end_tasks(&self.state, || self.state.engine.turn(&self.state).is_ok());
        self.rests();
        let _some_go_on = self.state.core().join_blocking(LAST_CALLS);
    }
}

impl Drop for Runner {
    /// A task may panic while it is dropped: the loop closes all the same.
    fn drop(&mut self) {
        let closed = std::panic::catch_unwind(AssertUnwindSafe(|| self.close()));
        self.state.ios.clear();
        self.state.engine.close();
        if let Err(panic) = closed
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("loop", &self.state.number()).finish_non_exhaustive()
    }
}
