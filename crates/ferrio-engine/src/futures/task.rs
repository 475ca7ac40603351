//! Rust futures on a loop: `spawn`, `sleep`, `yield_now`.
//!
//! A spawned future is polled on the loop's own thread, as one word of its ready ring, between whatever else is queued.
//! The task's memory, state bits and waker are the async-task crate's. Woken on the loop's thread it goes straight to
//! the ring; woken anywhere else it goes through the inbox.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_task::Runnable;

use crate::event_loop::clock::Time;
use crate::event_loop::core::{Core, Sink, Sleeper};

/// A spawned future: await it for its output, drop it to cancel, or `detach()` it.
pub type Task<T> = async_task::Task<T>;

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
    let core = Core::require()?;
    let deadline = core.clock.now().after(delay);
    Ok(Sleep { core, deadline, sleeper: None })
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
        let mut tasks = self.tasks.borrow_mut();
        let entry = tasks.vacant_entry();
        let live = ListedTask { core: self.clone(), key: entry.key() };
        let home = Destination { core: Rc::as_ptr(self) as usize, sink: self.sink.clone() };
        let future = async move {
            let _live = live;
            future.await
        };
        // SAFETY: neither future nor output need be `Send`: a Runnable runs and is dropped only by its loop, on the
        // thread that has the loop, and `Loop::close` drops the futures that are left before the loop goes away.
        let (runnable, task) =
            unsafe { async_task::spawn_unchecked(future, move |runnable| home.queue(runnable)) };
        entry.insert(runnable.waker());
        drop(tasks);
        runnable.schedule();
        task
    }
}

/// Where a woken task goes. `core` is compared, never followed.
struct Destination {
    core: usize,
    sink: Arc<dyn Sink>,
}

impl Destination {
    fn queue(&self, task: Runnable) {
        if let Some(core) = Core::current()
            && Rc::as_ptr(&core) as usize == self.core
            && let Some(queue) = core.queue.get()
        {
            return queue(task);
        }
        self.sink.post(task);
    }
}

/// Takes a task off its core's list of the living when its future ends or is dropped.
struct ListedTask {
    core: Rc<Core>,
    key: usize,
}

impl Drop for ListedTask {
    fn drop(&mut self) {
        let waker = self.core.tasks.borrow_mut().try_remove(self.key);
        drop(waker);
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
