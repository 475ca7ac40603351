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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{TaskInfo, current_task};
    use crate::{JoinHandle, Runner, TaskGroup, all_tasks, create_task, finally, sleep, yield_now};
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::time::Duration;

    /// A program that names and cancels at random, whoever it is, also in destructors.
    #[derive(Default)]
    struct World {
        state: Cell<u64>,
        started: Cell<usize>,
        names: RefCell<HashMap<TaskInfo, String>>,
        known: RefCell<Vec<TaskInfo>>,
        handles: RefCell<Vec<JoinHandle<()>>>,
        /// Something was wrong in a task, whose panics are caught.
        is_wrong: Cell<bool>,
    }

    impl World {
        fn below(&self, limit: u64) -> u64 {
            let state = self.state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            self.state.set(state);
            (state >> 33) % limit
        }

        fn must_be(&self, is_right: bool) {
            self.is_wrong.set(self.is_wrong.get() || !is_right);
        }

        fn anybody(&self) -> Option<TaskInfo> {
            let known = self.known.borrow();
            (!known.is_empty()).then(|| known[usize::try_from(self.below(known.len() as u64)).unwrap()])
        }

        /// Does something at once.
        fn act(self: &Rc<Self>) {
            let Some(other) = self.anybody() else { return };
            match self.below(8) {
                0..=1 => drop((other.number() > 1).then(|| other.cancel())),
                2..=3 => {
                    let (name, lives) =
                        (format!("number {}", self.below(1000)), all_tasks().contains(&other));
                    other.set_name(&name);
                    if lives {
                        self.names.borrow_mut().insert(other, name);
                    }
                }
                4 => drop(self.handles.borrow_mut().pop()),
                5 if self.started.get() < 200 => {
                    let task = create_task(self.clone().life());
                    self.handles.borrow_mut().push(task);
                }
                _ => {}
            }
        }

        async fn life(self: Rc<Self>) {
            self.started.set(self.started.get() + 1);
            let info = current_task().unwrap();
            self.known.borrow_mut().push(info);
            let _stays = Body(self.clone(), info);
            for _ in 0..self.below(8) {
                self.must_be(current_task() == Some(info));
                self.act();
                match self.below(8) {
                    0 => std::panic::resume_unwind(Box::new("expected")),
                    1 => sleep(Duration::from_secs(self.below(3))).await,
                    2 => Box::pin(finally(yield_now(), async { yield_now().await })).await,
                    3 => {
                        let ends = self.clone();
                        let _failed = TaskGroup::run(async move |group| {
                            for _ in 0..2 {
                                let child = Box::pin(ends.clone().life());
                                let child = async move {
                                    child.await;
                                    Ok::<_, ()>(())
                                };
                                group.create_task(child).detach();
                            }
                            if ends.below(2) == 0 { Ok(()) } else { Err(()) }
                        })
                        .await;
                    }
                    4 => {
                        let task = self.handles.borrow_mut().pop();
                        if let Some(task) = task {
                            let _ended = task.await;
                        }
                    }
                    _ => yield_now().await,
                }
            }
        }
    }

    /// What is dropped with the task.
    struct Body(Rc<World>, TaskInfo);

    impl Drop for Body {
        fn drop(&mut self) {
            self.0.must_be(current_task() == Some(self.1));
            let given = self.0.names.borrow().get(&self.1).cloned();
            self.0.must_be(given.is_none_or(|name| name == self.1.name()));
            self.0.act();
        }
    }

    #[test]
    fn a_task_leaves_no_marks_however_it_ends() {
        for seed in 0..if cfg!(miri) { 2 } else { 300 } {
            let world = Rc::new(World { state: Cell::new(seed), ..World::default() });
            let runner = Runner::builder().virtual_clock(true).build().unwrap();
            let state = runner.run(async {
                (0..5).for_each(|_| create_task(world.clone().life()).detach());
                sleep(Duration::from_secs(5)).await;
                LoopState::require("the test")
            });
            drop(runner);
            world.handles.take();
            assert!(
                !world.is_wrong.get(),
                "seed {seed}: a task has another name, or another task is the current one"
            );
            assert!(state.names.borrow().is_empty(), "seed {seed}: {:?}", state.names.borrow());
            assert!(state.cancelled.borrow().is_empty(), "seed {seed}");
            assert!(state.spared.is_empty(), "seed {seed}");
            assert_eq!(Rc::strong_count(&world), 1, "seed {seed}");
        }
    }
}
