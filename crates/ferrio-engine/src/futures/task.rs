//! Rust futures on a loop: `spawn`, `sleep`, `yield_now`.
//!
//! A spawned future is polled on the loop's own thread, as one word of its ready ring, between whatever else is queued.

use std::fmt;
use std::future::Future;
use std::io;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::event_loop::clock::Time;
use crate::event_loop::core::{Core, Sleeper};
use crate::event_loop::live::TaskId;
use crate::event_loop::task::Task;

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
    #[inline]
    pub fn spawn<T: 'static>(self: &Rc<Self>, future: impl Future<Output = T> + 'static) -> Task<T> {
        Task::start(self, self.tasks.reserve(0), future)
    }

    /// A number and a place on the list for a task of the door's, before its future is made.
    #[must_use]
    #[inline]
    pub fn reserve_task(self: &Rc<Self>) -> Reserved<'_> {
        Reserved { core: self, id: self.tasks.reserve(self.tasks.next_number()) }
    }

    /// Completes `delay` from now on the clock of this core.
    pub fn sleep(self: &Rc<Self>, delay: Duration) -> Sleep {
        Sleep(Stage::New { core: self.clone(), deadline: self.clock.now().after(delay) })
    }

    /// Has the task of `context` woken at `deadline` on the clock of this core, unless what is given is dropped before. That
    /// completes by then.
    pub fn fall_asleep(self: &Rc<Self>, deadline: Time, context: &Context<'_>) -> Asleep {
        Asleep(Sleeper::start(self, deadline, context.waker().clone()))
    }
}

/// A place for a task that can be woken by its number and is listed. Given back when it is dropped.
pub struct Reserved<'a> {
    core: &'a Rc<Core>,
    id: TaskId,
}

impl Reserved<'_> {
    /// Which task it is for.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// As `Core::spawn`. The future is moved as few times as can be: of `spawn_many`, whose futures have 256 bytes, that was a
    /// quarter.
    #[inline]
    pub fn spawn<T: 'static>(self, future: impl Future<Output = T> + 'static) -> Task<T> {
        let place = ManuallyDrop::new(self);
        Task::start(place.core, place.id, future)
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.core.tasks.end(self.id.key());
    }
}

impl fmt::Debug for Reserved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reserved").field(&self.id).finish()
    }
}

/// See [`sleep`].
#[derive(Debug)]
#[must_use = "a sleep that is not awaited does nothing"]
pub struct Sleep(Stage);

#[derive(Debug)]
enum Stage {
    New { core: Rc<Core>, deadline: Time },
    Asleep(Asleep),
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Stage::New { core, deadline } => {
                self.0 = Stage::Asleep(core.fall_asleep(*deadline, context));
                Poll::Pending
            }
            Stage::Asleep(asleep) => Pin::new(asleep).poll(context),
        }
    }
}

/// A sleep that was begun: a word. See [`Core::fall_asleep`].
#[derive(Debug)]
pub struct Asleep(Rc<Sleeper>);

impl Future for Asleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.has_fired(context.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Asleep {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
