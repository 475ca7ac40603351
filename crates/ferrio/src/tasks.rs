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
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use ferrio_engine::{Task, TaskId};

use crate::JoinError;
use crate::events::LoopState;
use crate::steps::{Run, begin, current, mark};
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
    held: Held<T>,
    id: TaskId,
    loop_number: u64,
    /// It belongs to its loop's thread.
    _confined: PhantomData<Rc<()>>,
}

/// What a handle has.
enum Held<T> {
    Task(Task<Result<T, JoinError>>),
    /// The task has ended, and nobody has taken its output yet.
    Output(Result<T, JoinError>),
    Nothing,
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
pub fn create_task<T: 'static, F: Future<Output = T> + 'static>(future: F) -> JoinHandle<T> {
    create_task_on(&LoopState::require("create_task"), future)
}

#[inline]
#[track_caller]
pub(crate) fn create_task_on<T: 'static, F: Future<Output = T> + 'static>(
    state: &Rc<LoopState>,
    future: F,
) -> JoinHandle<T> {
    start(state, TaskSpan::task::<F>(), future, |run| run)
}

/// Starts a task of what `wrap` makes of a future that is run as a task is.
#[inline]
pub(crate) fn start<T: 'static, F, W>(
    state: &Rc<LoopState>,
    span: TaskSpan,
    future: F,
    wrap: impl FnOnce(Run<F>) -> W,
) -> JoinHandle<T>
where
    W: Future<Output = Result<T, JoinError>> + 'static,
{
    let place = state.core().reserve_task();
    let id = place.id();
    begin(state, id);
    let held = Held::Task(place.spawn(wrap(Run::new(id, span, future))));
    JoinHandle { held, id, loop_number: state.number, _confined: PhantomData }
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
        match &self.held {
            Held::Task(task) => task.is_finished(),
            Held::Output(_) | Held::Nothing => true,
        }
    }

    /// Leaves the task to itself: it runs on until it has ended, or the loop closes.
    pub fn detach(self) {}

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

    /// Waits until the task has ended, and leaves its output here for whoever awaits the handle.
    pub(crate) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Held::Task(_) = &self.held {
            self.held = Held::Output(ready!(self.poll_output(context)));
        }
        Poll::Ready(())
    }

    /// Waits for the output, which is the caller's then.
    #[inline]
    fn poll_output(&mut self, context: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        if let Held::Task(task) = &mut self.held {
            if let Poll::Ready(output) = Pin::new(task).poll(context) {
                self.held = Held::Nothing;
                return Poll::Ready(output.unwrap_or_else(|| Err(JoinError::cancelled(self.name()))));
            }
            self.must_be_of_this_loop();
            return Poll::Pending;
        }
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Output(output) => Poll::Ready(output),
            // Bad use.
            _ => panic!("{} was awaited again after it had given its output", self.name()),
        }
    }

    /// What was left here.
    pub(crate) fn output(&self) -> Option<&Result<T, JoinError>> {
        if let Held::Output(output) = &self.held { Some(output) } else { None }
    }

    fn must_be_of_this_loop(&self) {
        LoopState::with("a JoinHandle", |running| {
            assert!(
                running.number == self.loop_number,
                "{} belongs to another event loop: await its JoinHandle where the task was created",
                self.name()
            );
        });
    }

    /// What is known of the task by its number.
    #[must_use]
    pub fn info(&self) -> TaskInfo {
        TaskInfo { id: self.id, loop_number: self.loop_number }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_output(context)
    }
}

/// The output is never pinned.
impl<T> Unpin for JoinHandle<T> {}

// A panic of a task's ends it, and is its error: a handle is whole whoever unwinds.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if let Held::Task(task) = std::mem::replace(&mut self.held, Held::Nothing) {
            task.detach();
        }
    }
}

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
    loop_number: u64,
}

impl TaskInfo {
    pub(crate) fn new(id: TaskId, state: &LoopState) -> Self {
        TaskInfo { id, loop_number: state.number }
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

    /// Gives the task a name.
    pub fn set_name(&self, name: &str) {
        self.on_its_loop(|state| {
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
        LoopState::current().filter(|state| state.number == self.loop_number).map(|state| call(&state))
    }
}

/// The task that runs. `None` outside of one.
///
/// ```
/// ferrio::run(async {
///     assert_eq!(ferrio::current_task().unwrap().name(), "Task-1");
/// });
/// assert!(ferrio::current_task().is_none());
/// ```
#[must_use]
pub fn current_task() -> Option<TaskInfo> {
    let id = current()?;
    LoopState::current().map(|state| TaskInfo::new(id, &state))
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
    state.core().tasks.ids().into_iter().map(|id| TaskInfo::new(id, &state)).collect()
}

/// The name of a task of the running loop.
pub(crate) fn name_of(id: TaskId) -> String {
    let given = LoopState::current().and_then(|state| state.names.borrow().get(&id.number).cloned());
    given.map_or_else(|| number_of(id), |name| name.to_string())
}

fn number_of(id: TaskId) -> String {
    format!("Task-{}", id.number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn handles_may_be_held_while_somebody_unwinds() {
        fn assert<T: UnwindSafe + RefUnwindSafe>() {}
        assert::<JoinHandle<Rc<Cell<u8>>>>();
    }
}
