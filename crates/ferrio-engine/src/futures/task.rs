//! Rust futures on a loop: `spawn`, `sleep`, `yield_now`.
//!
//! A spawned future is polled on the loop's own thread, as one word of its ready ring, between whatever else is queued.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::event_loop::clock::Time;
use crate::event_loop::core::Core;
pub use crate::event_loop::sleeper::Asleep;
use crate::event_loop::task::{Join, Task};

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
        Task::new(Join::start(self, 0, future))
    }

    /// As `spawn`, of a task of the door's: it has a number, and is listed.
    #[inline]
    pub fn spawn_numbered<T: 'static>(self: &Rc<Self>, future: impl Future<Output = T> + 'static) -> Join<T> {
        Join::start(self, self.tasks.next_number(), future)
    }

    /// Has the task of `context` woken at `deadline` on the clock of this core, unless what is given is dropped before. That
    /// completes by then.
    pub fn fall_asleep(&self, deadline: Time, context: &Context<'_>) -> Asleep {
        Asleep::new(&self.sleepers, deadline, context)
    }

    /// Completes `delay` from now on the clock of this core.
    pub fn sleep(self: &Rc<Self>, delay: Duration) -> Sleep {
        Sleep(Stage::New { core: self.clone(), deadline: self.clock.now().after(delay) })
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
