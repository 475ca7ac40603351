//! Tasks: `create_task`, and the `JoinHandle` that yields what one gave.
//!
//! ```text
//!            polled                        ended: Ok(value), Err(a panic)
//! queued ──────────▶ waits or queued ───────────────────────────────────────▶ handle yields
//!    └──── cancel: queued, and dropped instead of being polled: Err(Cancelled) ──▶ ▲
//! ```
//!
//! Cancelling is Rust's: the future is dropped at the loop's next turn, and whoever awaits the handle is told. A task is known
//! by its `TaskId`; what few tasks have (a name, a wish to be cancelled) is in tables of the loop.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ferrio_engine::{Join, TaskId};

use crate::JoinError;
use crate::events::LoopState;
use crate::steps::{Run, begin, current, is_marked, mark};
use crate::traced::TaskSpan;

/// A task: await it for its output. Dropping the handle leaves the task alone.
///
/// ```
/// ferrio::run(async {
///     let task = ferrio::create_task(async { 6 * 7 });
///     assert_eq!(task.await.unwrap(), 42);
/// });
/// ```
#[must_use = "a task that nobody awaits may be cut off by the end of the program; say `detach()` if that is meant"]
pub struct JoinHandle<T> {
    /// One word, since a program may have a million of these. It belongs to its loop's thread.
    task: Join<Result<T, JoinError>>,
}

/// Starts `future` as a task of the running loop. It runs at the loop's next turn, whether or not anybody awaits it.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// # use std::time::Duration;
/// ferrio::run(async {
///     let tea = ferrio::create_task(async { ferrio::sleep(Duration::from_millis(2)).await; "tea" });
///     let toast = ferrio::create_task(async { ferrio::sleep(Duration::from_millis(1)).await; "toast" });
///     assert_eq!((tea.await.unwrap(), toast.await.unwrap()), ("tea", "toast"));
/// });
/// ```
#[track_caller]
#[inline]
pub fn create_task<T: 'static, F: Future<Output = T> + 'static>(future: F) -> JoinHandle<T> {
    create_task_on(&LoopState::require("create_task"), future)
}

/// As `create_task`, on a loop that need not be the running one.
#[inline]
#[track_caller]
pub(crate) fn create_task_on<T: 'static, F: Future<Output = T> + 'static>(
    state: &LoopState,
    future: F,
) -> JoinHandle<T> {
    start(state, TaskSpan::task::<F>(), future, |run| run)
}

/// Starts a task of what `wrap` makes of a future that is run as a task is.
#[inline]
pub(crate) fn start<T: 'static, F, W>(
    state: &LoopState,
    span: TaskSpan,
    future: F,
    wrap: impl FnOnce(Run<F>) -> W,
) -> JoinHandle<T>
where
    W: Future<Output = Result<T, JoinError>> + 'static,
{
    let task = state.core().spawn_numbered(wrap(Run::new(span, future)));
    if is_marked() {
        begin(state, task.id());
    }
    JoinHandle { task }
}

impl<T> JoinHandle<T> {
    /// Has the task's future dropped at the loop's next turn. Whether the task had not ended.
    #[allow(clippy::must_use_candidate, reason = "most programs do not care")]
    pub fn cancel(&self) -> bool {
        self.info().cancel()
    }

    /// Whether the task has ended, in whichever way.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Leaves the task to itself: it runs on until it has ended, or the loop closes.
    pub fn detach(self) {
        drop(self);
    }

    /// The task's name: the one it was given, or `Task-` and its number.
    #[must_use]
    pub fn name(&self) -> String {
        self.info().name()
    }

    /// Gives the task a name, for errors, the watchdog and `all_tasks`.
    pub fn named(self, name: &str) -> Self {
        self.info().set_name(name);
        self
    }

    /// Waits until the task has ended, and leaves its output to whoever awaits the handle.
    pub(crate) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let polled = self.task.poll_ended(context);
        if polled.is_pending() {
            self.must_be_of_this_loop();
        }
        polled
    }

    /// Shows the output of a task that has ended, unless it was taken. Whether `show` says so.
    pub(crate) fn shows_output(&self, show: impl FnOnce(&Result<T, JoinError>) -> bool) -> bool {
        match self.task.output() {
            Some(output) => show(output),
            None => !self.task.is_taken() && show(&Err(self.cancelled())),
        }
    }

    fn cancelled(&self) -> JoinError {
        JoinError::cancelled(self.name())
    }

    fn must_be_of_this_loop(&self) {
        LoopState::with("a JoinHandle", |running| {
            assert!(
                running.number() == self.task.id().loop_number,
                "{} belongs to another event loop: await its JoinHandle where the task was created",
                self.name()
            );
        });
    }

    /// What is known of the task by its number.
    #[must_use]
    pub fn info(&self) -> TaskInfo {
        TaskInfo { id: self.task.id() }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(output) = Pin::new(&mut self.task).poll(context) else {
            self.must_be_of_this_loop();
            return Poll::Pending;
        };
        Poll::Ready(output.unwrap_or_else(|| {
            // Bad use.
            assert!(!self.task.is_taken(), "{} was awaited again after it had given its output", self.name());
            Err(self.cancelled())
        }))
    }
}

// A panic of a task's ends it, and is its error: a handle is whole whoever unwinds.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("name", &self.name())
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// A task as others see it: whose it is, without its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskInfo {
    id: TaskId,
}

impl TaskInfo {
    pub(crate) fn new(id: TaskId) -> Self {
        TaskInfo { id }
    }

    /// The task's number: the first of a loop has 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.id.number
    }

    /// The task's name: the one it was given, or `Task-` and its number, which is all that is known where its loop does not run.
    #[must_use]
    pub fn name(&self) -> String {
        self.on_its_loop(|_| name_of(self.id)).unwrap_or_else(|| number_of(self.id))
    }

    /// Gives the task a name, unless it has ended.
    pub fn set_name(&self, name: &str) {
        self.on_its_loop(|state| {
            if !state.core().tasks.has(self.id) {
                return;
            }
            mark();
            if let Some(heartbeat) = &state.heartbeat {
                heartbeat.name(self.id.number, name);
            }
            state.names.borrow_mut().insert(self.id.number, name.into());
        });
    }

    /// Has the task's future dropped at the loop's next turn. Whether the task had not ended.
    #[allow(clippy::must_use_candidate, reason = "most programs do not care")]
    pub fn cancel(&self) -> bool {
        self.on_its_loop(|state| {
            let lives = state.core().tasks.wake(self.id);
            if lives {
                mark();
                state.cancelled.borrow_mut().insert(self.id.number);
            }
            lives
        })
        .unwrap_or(false)
    }

    fn on_its_loop<R>(&self, call: impl FnOnce(&Rc<LoopState>) -> R) -> Option<R> {
        LoopState::current().filter(|state| state.number() == self.id.loop_number).map(|state| call(&state))
    }
}

/// The task that runs, or whose future is dropped. `None` outside of one.
///
/// ```
/// ferrio::run(async {
///     assert_eq!(ferrio::current_task().unwrap().name(), "Task-1");
/// });
/// assert!(ferrio::current_task().is_none());
/// ```
#[must_use]
pub fn current_task() -> Option<TaskInfo> {
    current().map(TaskInfo::new)
}

/// The tasks of the running loop that have not ended, in the order in which they were started.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     let _other = ferrio::create_task(std::future::pending::<()>()).named("waits for ever");
///     let names: Vec<_> = ferrio::all_tasks().iter().map(|task| task.name()).collect();
///     assert_eq!(names, ["Task-1", "waits for ever"]);
/// });
/// ```
#[must_use]
#[track_caller]
pub fn all_tasks() -> Vec<TaskInfo> {
    let state = LoopState::require("all_tasks");
    state.core().tasks.ids().into_iter().map(TaskInfo::new).collect()
}

/// The name of a task of the running loop.
pub(crate) fn name_of(id: TaskId) -> String {
    let given = LoopState::current().and_then(|state| state.names.borrow().get(&id.number).cloned());
    given.map_or_else(|| number_of(id), |name| name.to_string())
}

/// The name of the task that is polled.
pub(crate) fn name_of_current() -> String {
    current().map_or_else(String::new, name_of)
}

fn number_of(id: TaskId) -> String {
    format!("Task-{}", id.number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_handle_is_a_word_and_a_task_adds_nothing_to_its_future() {
        assert_eq!(size_of::<JoinHandle<[u8; 100]>>(), size_of::<usize>());
        assert_eq!(size_of::<Run<[u64; 12]>>(), 96 + size_of::<TaskSpan>());
    }

    #[test]
    fn handles_may_be_held_while_somebody_unwinds() {
        fn assert<T: UnwindSafe + RefUnwindSafe>() {}
        assert::<JoinHandle<Rc<Cell<u8>>>>();
    }
}
