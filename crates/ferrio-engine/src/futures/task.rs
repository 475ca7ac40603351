//! Rust futures on a loop: `spawn`, `sleep`, `yield_now`.
//!
//! A spawned future is polled on the loop's own thread, as one word of its ready ring, between whatever else is queued.
//! The task's memory, state bits and waker are the async-task crate's. Woken on the loop's thread it goes straight to
//! the ring; woken anywhere else it goes through the inbox.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::event_loop::clock::Time;
use crate::event_loop::contained::Contained;
use crate::event_loop::core::{Core, Destination, Sleeper};
use crate::event_loop::live::TaskId;

/// A spawned future: await it for its output, drop it to cancel, or `detach()` it.
pub type Task<T> = async_task::Task<T, Destination>;

/// Starts `future` on the loop of this thread.
///
/// # Errors
/// When no loop runs on this thread.
pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> io::Result<Task<T>> {
    Ok(Core::require()?.spawn(future))
}

/// Completes `delay` from now on the clock of this thread's loop.
///
/// # Errors
/// When no loop runs on this thread.
pub fn sleep(delay: Duration) -> io::Result<Sleep> {
    Ok(Core::require()?.sleep(delay))
}

/// Lets everything else that is ready run first.
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Core {
    /// Starts `future` on the loop of this core: it is polled for the first time at the loop's next turn.
    pub fn spawn<T: 'static>(self: &Rc<Self>, future: impl Future<Output = T> + 'static) -> Task<T> {
        self.start(0, |_| future)
    }

    /// As `spawn`, for a task of the door's: it has a number, can be woken by it, and is listed by `live_tasks`.
    pub fn spawn_numbered<T: 'static, F: Future<Output = T> + 'static>(
        self: &Rc<Self>,
        future: impl FnOnce(TaskId) -> F,
    ) -> Task<T> {
        self.start(self.tasks.next_number(), future)
    }

    /// Completes `delay` from now on the clock of this core.
    pub fn sleep(self: &Rc<Self>, delay: Duration) -> Sleep {
        Sleep { core: self.clone(), deadline: self.clock.now().after(delay), sleeper: None }
    }

    fn start<T: 'static, F: Future<Output = T> + 'static>(
        self: &Rc<Self>,
        number: u64,
        future: impl FnOnce(TaskId) -> F,
    ) -> Task<T> {
        let id = self.tasks.reserve(number);
        let future =
            Listed { future: Contained::new(future(id)), _place: ListedTask { core: self.clone(), id } };
        let destination = Destination::of(self);
        // SAFETY: neither future nor output need be `Send`: a Runnable runs and is dropped only by its loop, on the
        // thread that has the loop, and `Loop::close` drops the futures that are left before the loop goes away.
        let (runnable, task) = unsafe {
            async_task::Builder::new().metadata(destination).spawn_unchecked(|_| future, Destination::queue)
        };
        self.tasks.begin(id, runnable.waker());
        runnable.schedule();
        task
    }
}

/// A future that is on its core's list of the living. An async block around the future would hold it twice.
struct Listed<F> {
    /// Dropped first: what its destructor finds is a task that has not ended.
    future: Contained<F>,
    _place: ListedTask,
}

impl<F: Future> Future for Listed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future is pinned with the struct: nothing moves it out, and there is no `Drop` or `Unpin` of its own.
        unsafe { self.map_unchecked_mut(|listed| &mut listed.future) }.poll(context)
    }
}

/// Takes a task off its core's list of the living when its future has ended or was dropped.
struct ListedTask {
    core: Rc<Core>,
    id: TaskId,
}

impl Drop for ListedTask {
    fn drop(&mut self) {
        self.core.tasks.end(self.id);
    }
}

/// See [`sleep`].
#[derive(Debug)]
#[must_use = "a sleep that is not awaited does nothing"]
pub struct Sleep {
    core: Rc<Core>,
    deadline: Time,
    sleeper: Option<Rc<Sleeper>>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &self.sleeper {
            Some(sleeper) if sleeper.has_fired() => return Poll::Ready(()),
            Some(sleeper) => sleeper.rearm(context.waker()),
            None => {
                let sleeper = Rc::new(Sleeper::new(context.waker().clone()));
                self.core.sleepers.push(self.deadline, sleeper.clone());
                self.sleeper = Some(sleeper);
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if self.sleeper.take().is_some_and(|sleeper| sleeper.cancel()) {
            self.core.sleepers.note_cancelled();
        }
    }
}
