//! `Run`: a task's future as the loop polls it, and what few tasks have: a wish to be cancelled, a name, surroundings.
//!
//! Most threads never have a task that was marked so, and look at none of the loop's tables.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ferrio_engine::TaskId;
use pin_project_lite::pin_project;

use crate::JoinError;
use crate::events::LoopState;
use crate::surroundings::{Around, surround};
use crate::tasks::name_of;
use crate::traced::TaskSpan;

thread_local! {
    /// The task that is polled.
    static CURRENT: Cell<Option<TaskId>> = const { Cell::new(None) };
    /// Whether a task of this thread was ever cancelled or named, or is watched: else no table is looked at.
    static MARKED: Cell<bool> = const { Cell::new(false) };
}

pin_project! {
    /// A task's future as the loop polls it: what it gives stays apart from how it may fail.
    pub(crate) struct Run<F> {
        span: TaskSpan,
        #[pin]
        future: F,
        // After the future.
        id: Id,
    }

    impl<F> PinnedDrop for Run<F> {
        fn drop(this: Pin<&mut Self>) {
            if MARKED.get() {
                unmark(this.project().id.0);
            }
        }
    }
}

/// A task's number, which goes last.
struct Id(TaskId);

impl Drop for Id {
    fn drop(&mut self) {
        if MARKED.get()
            && let Some(state) = loop_of_dropped()
        {
            state.surroundings.drop_ends(self.0);
        }
    }
}

impl<F> Run<F> {
    pub(crate) fn new(id: TaskId, span: TaskSpan, future: F) -> Self {
        Run { span, future, id: Id(id) }
    }

    pub(crate) fn id(&self) -> TaskId {
        self.id.0
    }
}

impl<F: Future> Future for Run<F> {
    type Output = Result<F::Output, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Not by `id`, for which all of the future would be looked at, which may have a reference to itself.
        let id = self.as_mut().project().id.0;
        if MARKED.get() {
            match look_closer(id) {
                Closer::Nothing => {}
                Closer::Cancelled => return Poll::Ready(Err(JoinError::cancelled(name_of(id)))),
                // By this function again, so that the future's own code is in it once.
                Closer::Surrounded(around) => {
                    return surround(&*around, &mut || {
                        within(id);
                        self.as_mut().poll(context)
                    });
                }
            }
        }
        let this = self.project();
        let _span = this.span.enter(id, name_of);
        let before = CURRENT.replace(Some(id));
        // What panicked is dropped with its task, and seen by nobody again.
        let polled = catch_unwind(AssertUnwindSafe(|| this.future.poll(context)));
        CURRENT.set(before);
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(JoinError::panicked(name_of(id), panic))),
        }
    }
}

/// A task is created, which has something of whoever creates it.
#[inline]
pub(crate) fn begin(state: &LoopState, id: TaskId) {
    if MARKED.get() {
        begin_marked(state, id);
    }
}

/// The task that is polled.
pub(crate) fn current() -> Option<TaskId> {
    CURRENT.get()
}

/// Another loop's tasks are polled from here on, or that loop's own again.
pub(crate) fn replace_current(task: Option<TaskId>) -> Option<TaskId> {
    CURRENT.replace(task)
}

/// From now on every step of a task looks closer.
pub(crate) fn mark() {
    MARKED.set(true);
}

/// What is to be known of a task before it is polled.
enum Closer {
    Nothing,
    /// It is to be dropped instead.
    Cancelled,
    Surrounded(Rc<Around>),
}

/// Also tells the watchdog who runs.
#[cold]
fn look_closer(id: TaskId) -> Closer {
    let Some(state) = LoopState::current() else { return Closer::Nothing };
    if let Some(heartbeat) = &state.heartbeat {
        heartbeat.runs(id.number);
    }
    if state.cancelled.borrow_mut().remove(&id.number) {
        return Closer::Cancelled;
    }
    state.surroundings.of(id).map_or(Closer::Nothing, Closer::Surrounded)
}

/// What surrounds the task is current.
#[cold]
fn within(id: TaskId) {
    if let Some(state) = LoopState::current() {
        state.surroundings.enter(id);
    }
}

#[cold]
fn begin_marked(state: &LoopState, id: TaskId) {
    // Who is polled may be of another loop, which has tasks with the same numbers.
    if let Some(parent) = CURRENT.get()
        && LoopState::current().is_some_and(|running| running.number == state.number)
    {
        state.spared.inherit(parent, id);
    }
    state.surroundings.begin(id);
}

/// The task is about to go: nobody asks for its marks any more.
#[cold]
fn unmark(id: TaskId) {
    if let Some(state) = loop_of_dropped() {
        state.cancelled.borrow_mut().remove(&id.number);
        state.spared.forget(id);
        state.surroundings.drop_begins(id);
        let name = state.names.borrow_mut().remove(&id.number);
        drop(name);
        if let Some(heartbeat) = &state.heartbeat {
            heartbeat.forget(id.number);
        }
    }
}

/// Whose tables have the marks of a task that is dropped. A loop that is closed within another one drops its tasks while that one
/// runs, which has tasks with the same numbers.
fn loop_of_dropped() -> Option<Rc<LoopState>> {
    LoopState::current().filter(|state| state.core().is_current())
}
