//! `shield` and `finally`: what goes on when whoever awaited it is dropped.
//!
//! ```text
//! shield(future)            awaited ──▶ its value                 dropped ──▶ a task goes on with the future
//! finally(future, cleanup)  awaited ──▶ cleanup ──▶ its value     dropped ──▶ a protected task runs the cleanup, or its rest
//! ```
//!
//! Either lives on the heap from the start, since a future that was polled does not move any more. Closing the loop cancels a
//! shielded future's task as any other, and waits for protected ones (`closing.rs`).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::events::LoopState;
use crate::steps::mark;
use crate::tasks::create_task_on;

/// Runs `future` to its end, though the whole be dropped: then a task of its own goes on with it.
///
/// A panic of the future is whoever's polls it. Where no loop runs any more the future is dropped with the whole. What has to be
/// done before the loop closes belongs into [`finally`].
///
/// ```
/// # use std::time::Duration;
/// use std::{cell::Cell, rc::Rc};
/// use ferrio::{Elapsed, shield, sleep, timeout};
///
/// let runner = ferrio::Runner::builder().virtual_clock(true).build()?;
/// runner.run(async {
///     let saved = Rc::new(Cell::new(false));
///     let is_saved = saved.clone();
///     let save = async move {
///         sleep(Duration::from_secs(3)).await;
///         is_saved.set(true);
///     };
///     assert_eq!(timeout(Duration::from_secs(1), shield(save)).await, Err(Elapsed));
///     sleep(Duration::from_secs(10)).await;
///     assert!(saved.get());
/// });
/// # std::io::Result::Ok(())
/// ```
pub fn shield<F: Future<Output: 'static> + 'static>(future: F) -> Shield<F> {
    Shield { future: Some(Box::pin(future)) }
}

/// See [`shield`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Shield<F: Future<Output: 'static> + 'static> {
    /// `None` once it has ended or panicked.
    future: Option<Pin<Box<F>>>,
}

impl<F: Future<Output: 'static> + 'static> Future for Shield<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Out of reach while it is polled: nobody goes on with a future that panicked.
        let Some(mut future) = self.future.take() else { return Poll::Pending };
        let polled = future.as_mut().poll(context);
        if polled.is_pending() {
            self.future = Some(future);
        }
        polled
    }
}

impl<F: Future<Output: 'static> + 'static> Drop for Shield<F> {
    fn drop(&mut self) {
        if let (Some(future), Some(state)) = (self.future.take(), LoopState::current()) {
            create_task_on(&state, future).detach();
        }
    }
}

/// Runs `future`, then `cleanup`, and gives the future's output. The cleanup runs however the future ends: when it panics, and when
/// the whole is dropped too, be it never awaited.
///
/// A cleanup that is left when the whole is dropped runs on as a task, which nobody cancels, and which the loop runs to its end
/// before it closes. So do the tasks that it starts, until the last cleanup has ended. Tasks of others that it awaits may be
/// cancelled meanwhile. Where no loop runs the cleanup is dropped. A cleanup that may take for ever wants a
/// [`timeout`](crate::timeout).
///
/// ```
/// # use std::time::Duration;
/// use std::{cell::RefCell, rc::Rc};
/// use ferrio::{create_task, finally, run, sleep};
///
/// let log = Rc::new(RefCell::new(Vec::new()));
/// let (works, cleans_up) = (log.clone(), log.clone());
/// run(async {
///     let task = create_task(finally(
///         async move {
///             works.borrow_mut().push("works");
///             sleep(Duration::from_secs(3600)).await;
///         },
///         async move {
///             sleep(Duration::from_millis(1)).await;
///             cleans_up.borrow_mut().push("has cleaned up");
///         },
///     ));
///     sleep(Duration::from_millis(1)).await;
///     task.detach();
/// }); // the loop closes: it cancels the task, and runs its cleanup
/// assert_eq!(*log.borrow(), ["works", "has cleaned up"]);
/// ```
pub fn finally<F: Future>(future: F, cleanup: impl Future<Output = ()> + 'static) -> Finally<F> {
    Finally { stage: Stage::Works { future }, cleanup: Some(Box::pin(cleanup)) }
}

type Cleanup = Pin<Box<dyn Future<Output = ()>>>;

pin_project! {
    /// See [`finally`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Finally<F: Future> {
        #[pin]
        stage: Stage<F>,
        // `None` once it has ended or panicked.
        cleanup: Option<Cleanup>,
    }

    impl<F: Future> PinnedDrop for Finally<F> {
        fn drop(this: Pin<&mut Self>) {
            // Before the future is dropped, which may panic. The cleanup runs afterwards, at the loop's next turn.
            if let (Some(cleanup), Some(state)) = (this.project().cleanup.take(), LoopState::current()) {
                protect(&state, cleanup);
            }
        }
    }
}

pin_project! {
    #[project = StageParts]
    enum Stage<F: Future> {
        Works { #[pin] future: F },
        CleansUp { output: Option<F::Output> },
    }
}

impl<F: Future> Future for Finally<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if let StageParts::Works { future } = this.stage.as_mut().project() {
            let output = Some(ready!(future.poll(context)));
            this.stage.set(Stage::CleansUp { output });
        }
        // Out of reach while it is polled: a cleanup that panicked is not run again.
        let Some(mut cleanup) = this.cleanup.take() else { return Poll::Pending };
        if cleanup.as_mut().poll(context).is_pending() {
            *this.cleanup = Some(cleanup);
            return Poll::Pending;
        }
        match this.stage.project() {
            StageParts::CleansUp { output } => output.take().map_or(Poll::Pending, Poll::Ready),
            StageParts::Works { .. } => Poll::Pending,
        }
    }
}

/// Starts `cleanup` as a task that closing the loop waits for.
fn protect(state: &Rc<LoopState>, cleanup: Cleanup) {
    let task = create_task_on(state, cleanup);
    mark();
    state.spared.protect(task.info().number());
    task.detach();
}

impl<F: Future<Output: 'static> + 'static> fmt::Debug for Shield<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("ended", &self.future.is_none()).finish()
    }
}

impl<F: Future> fmt::Debug for Finally<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finally").field("ended", &self.cleanup.is_none()).finish_non_exhaustive()
    }
}
