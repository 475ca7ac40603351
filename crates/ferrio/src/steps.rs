//! `Run`: a task's future as the loop polls it, and what few tasks have: a wish to be cancelled, a name, surroundings.
//!
//! Most threads never have a task that was marked so, and look at none of the loop's tables.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ferrio_engine::{TaskId, polled};
use pin_project_lite::pin_project;

use crate::JoinError;
use crate::events::LoopState;
use crate::surroundings::{Around, surround};
use crate::tasks::{name_of, name_of_current};
use crate::traced::TaskSpan;

thread_local! {
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
        end: End,
    }

    impl<F> PinnedDrop for Run<F> {
        fn drop(_this: Pin<&mut Self>) {
            if MARKED.get() {
                drop_begins();
            }
        }
    }
}

/// What of a task's goes last.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        if MARKED.get() {
            unmark();
        }
    }
}

impl<F> Run<F> {
    #[inline]
    pub(crate) fn new(span: TaskSpan, future: F) -> Self {
        Run { span, future, end: End }
    }
}

impl<F: Future> Future for Run<F> {
    type Output = Result<F::Output, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if MARKED.get()
            && let Some(id) = current()
        {
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
        let _span = this.span.enter(name_of_current);
        // What panicked is dropped with its task, and seen by nobody again.
        match catch_unwind(AssertUnwindSafe(|| this.future.poll(context))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(JoinError::panicked(name_of_current(), panic))),
        }
    }
}

/// The task that is polled, or dropped.
#[inline]
pub(crate) fn current() -> Option<TaskId> {
    polled().filter(|id| id.number > 0)
}

/// Whether tasks may have marks.
#[inline]
pub(crate) fn is_marked() -> bool {
    MARKED.get()
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

/// A task was created where tasks may have marks: it has something of whoever creates it.
#[cold]
pub(crate) fn begin(state: &LoopState, id: TaskId) {
    // Who is polled may be of another loop, which has tasks with the same numbers.
    if let Some(parent) = current().filter(|parent| parent.loop_number == id.loop_number) {
        state.spared.inherit(parent, id);
    }
    state.surroundings.begin(id);
}

/// The task's future is about to be dropped.
#[cold]
fn drop_begins() {
    if let (Some(id), Some(state)) = (current(), loop_of_dropped()) {
        state.surroundings.drop_begins(id);
    }
}

/// The task's future is gone: nobody asks for its marks any more. Destructors have asked, and may have set some.
#[cold]
fn unmark() {
    if let (Some(id), Some(state)) = (current(), loop_of_dropped()) {
        state.surroundings.drop_ends(id);
        state.cancelled.borrow_mut().remove(&id.number);
        state.spared.forget(id);
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
