//! `TaskGroup`: tasks that end before the group does, and with the first of which that fails all end.
//!
//! ```text
//!            the body has ended well             the last child is gone
//!  Open ─────────────────────────────▶ Open ────────────────────────────▶ Ended: Ok(value)
//!    └── an error or a panic ──▶ Ending: all cancelled ── the same ─────▶ Ended: Err(all errors), or the panic goes on
//! ```
//!
//! A child that fails wakes the parent, which ends the group when it is its turn. So children that were queued before may fail
//! too, and their errors count, as in asyncio. The children are tasks of the loop; the group knows their numbers only. Children
//! that may borrow are in `scopes`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use slab::Slab;

use crate::awaiting::Awaiting;
use crate::events::LoopState;
use crate::failures::Failures;
use crate::steps::Run;
use crate::tasks::{JoinHandle, TaskInfo, name_of_current, start};
use crate::traced::TaskSpan;
use crate::{ErrorGroup, JoinError};

/// Tasks that belong together: all have ended when [`TaskGroup::run`] returns.
///
/// A clone is the same group; a child that is to start other children takes one along.
pub struct TaskGroup<E> {
    group: Rc<Group<E>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Whoever is still there was cancelled, and so is who comes.
    Ending,
    Ended,
}

struct Group<E> {
    children: RefCell<Slab<TaskInfo>>,
    failures: Failures<E>,
    stage: Cell<Stage>,
    parent: Awaiting,
}

impl<E: 'static> TaskGroup<E> {
    /// Runs `body`, which may start children in the group it is given, and waits until it and all children have ended. Gives
    /// the body's value.
    ///
    /// The first failure, be it of a child or of the body, cancels all others. A child that is cancelled by itself is no
    /// failure. Dropping the future cancels the children: they end at the loop's next turn.
    ///
    /// # Errors
    /// All errors of children, in the order in which they came, and the body's last.
    ///
    /// # Panics
    /// As the body or a child does, after all have ended. Errors that came meanwhile are dropped.
    ///
    /// ```
    /// use std::num::ParseIntError;
    /// use ferrio::TaskGroup;
    ///
    /// ferrio::run(async {
    ///     let sum = TaskGroup::run(async |group| {
    ///         let one = group.create_task(async { "1".parse::<i32>() });
    ///         let two = group.create_task(async { "2".parse::<i32>() });
    ///         Ok::<_, ParseIntError>(one.await.unwrap() + two.await.unwrap())
    ///     });
    ///     assert_eq!(sum.await, Ok(3));
    ///
    ///     let fails = TaskGroup::run(async |group| {
    ///         group.create_task(async { "three".parse::<i32>() }).detach();
    ///         std::future::pending::<Result<(), _>>().await // cut short
    ///     });
    ///     assert_eq!(fails.await.unwrap_err().len(), 1);
    /// });
    /// ```
    pub async fn run<T, B>(body: B) -> Result<T, ErrorGroup<E>>
    where
        B: AsyncFnOnce(TaskGroup<E>) -> Result<T, E>,
    {
        let group = Rc::new(Group {
            children: RefCell::default(),
            failures: Failures::default(),
            stage: Cell::new(Stage::Open),
            parent: Awaiting::default(),
        });
        let ends = Ends(&group);
        let ended = group.run_body(body(TaskGroup { group: group.clone() })).await;
        if !matches!(ended, Some(Ok(_))) {
            group.end();
        }
        poll_fn(|context| group.poll_children(context)).await;
        drop(ends);
        group.stage.set(Stage::Ended);
        group.failures.or(ended)
    }

    /// Starts `future` as a task of the group. Its error is the group's: who awaits the handle is told that there was one.
    ///
    /// In a group that is ending the task is cancelled at once.
    ///
    /// # Panics
    /// When the group has ended, and where no loop runs.
    ///
    /// ```
    /// use ferrio::TaskGroup;
    ///
    /// ferrio::run(async {
    ///     let done = TaskGroup::run(async |group| {
    ///         let inner = group.clone();
    ///         let first = group.create_task(async move {
    ///             let second = inner.create_task(async { Ok::<_, ()>(2) }); // a child's child
    ///             Ok(second.await.unwrap() + 1)
    ///         });
    ///         Ok(first.await.unwrap())
    ///     });
    ///     assert_eq!(done.await, Ok(3));
    /// });
    /// ```
    #[track_caller]
    pub fn create_task<T: 'static, F: Future<Output = Result<T, E>> + 'static>(
        &self,
        future: F,
    ) -> JoinHandle<T> {
        assert!(
            self.group.stage.get() != Stage::Ended,
            "TaskGroup::create_task: the group has ended; create its tasks while `TaskGroup::run` is awaited"
        );
        // Nothing of the program's runs until the task is on the list, so the key stays the next one.
        let key = self.group.children.borrow().vacant_key();
        let place = Place { group: self.group.clone(), key };
        let span = TaskSpan::task::<F>();
        let state = LoopState::require("TaskGroup::create_task");
        let task = start(&state, span, future, |run| Child { run, place });
        self.group.children.borrow_mut().insert(task.info());
        if self.group.stage.get() == Stage::Ending {
            task.cancel();
        }
        task
    }
}

impl<E> Group<E> {
    /// Runs the body, until it has ended or there is a failure. It is dropped when this has ended.
    async fn run_body<T>(&self, body: impl Future<Output = Result<T, E>>) -> Option<Result<T, E>> {
        let mut body = pin!(body);
        poll_fn(|context| {
            self.parent.put(context.waker());
            if self.failures.any() {
                return Poll::Ready(None);
            }
            match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context))) {
                Ok(polled) => polled.map(Some),
                Err(panic) => {
                    self.failures.add_panic(panic);
                    Poll::Ready(None)
                }
            }
        })
        .await
    }

    /// Waits for the children to be gone. Where one fails meanwhile, the others are cancelled.
    fn poll_children(&self, context: &mut Context<'_>) -> Poll<()> {
        self.parent.put(context.waker());
        if self.failures.any() {
            self.end();
        }
        if self.children.borrow().is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Cancels who is there and who comes.
    fn end(&self) {
        if self.stage.replace(Stage::Ending) == Stage::Open {
            let children: Vec<_> = self.children.borrow().iter().map(|(_, task)| *task).collect();
            for task in children {
                task.cancel();
            }
        }
    }
}

/// The group's future is gone, if it was dropped before the end.
struct Ends<'a, E>(&'a Group<E>);

impl<E> Drop for Ends<'_, E> {
    fn drop(&mut self) {
        self.0.end();
    }
}

pin_project! {
    /// A child's future: its failure is the group's.
    struct Child<F, E> {
        // Dropped first: who is told that the child is gone must find it gone.
        #[pin]
        run: Run<F>,
        place: Place<E>,
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for Child<F, E> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let group = &this.place.group;
        match ready!(this.run.poll(context)).map_err(JoinError::try_into_panic) {
            Ok(Ok(value)) => return Poll::Ready(Ok(value)),
            Ok(Err(error)) => group.failures.add(error),
            Err(Ok(panic)) => group.failures.add_panic(panic),
            Err(Err(cancelled)) => return Poll::Ready(Err(cancelled)),
        }
        group.parent.tell();
        Poll::Ready(Err(JoinError::failed(name_of_current())))
    }
}

/// A child's place on the group's list.
struct Place<E> {
    group: Rc<Group<E>>,
    key: usize,
}

impl<E> Drop for Place<E> {
    fn drop(&mut self) {
        let mut children = self.group.children.borrow_mut();
        children.try_remove(self.key);
        let was_last = children.is_empty();
        drop(children);
        if was_last {
            self.group.parent.tell();
        }
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        TaskGroup { group: self.group.clone() }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self.group.children.borrow().len();
        f.debug_struct("TaskGroup").field("tasks", &tasks).finish_non_exhaustive()
    }
}
