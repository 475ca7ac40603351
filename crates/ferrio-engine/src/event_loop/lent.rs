//! `lend`: what borrows from its caller, for those who keep nothing that borrows. `Loop::run_until_complete` stands on it.
//!
//! A task's future must be `'static`, since the task may outlive whoever started it. Here the caller waits for the task, so the
//! future stays on the caller's stack, and the task has only the loan of it:
//!
//! ```text
//! caller: step ◀── Loan ◀── Lent      the loan ends when the caller returns or unwinds; without one there is nothing to do
//! ```

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::event_loop::live::{TaskId, polled, replace_polled};
use crate::event_loop::task::Task;
use crate::event_loop::turn::Door;
use crate::event_loop::{Handle, Loop};

type Step = dyn FnMut(&mut Context<'_>) -> Poll<()>;

/// Lends `step` to `borrow`. What is left of the loan afterwards, wherever that is, does nothing.
pub fn lend<R>(
    step: &mut (dyn FnMut(&mut Context<'_>) -> Poll<()> + '_),
    borrow: impl FnOnce(Lent) -> R,
) -> R {
    // SAFETY: only the lifetime changes: the guard, which is dropped before this function returns, ends the loan.
    let step: NonNull<Step> = unsafe { std::mem::transmute(NonNull::from(step)) };
    let loan = Rc::new(Loan(Cell::new(Some(step))));
    let _guard = Guard(&loan);
    borrow(Lent(loan.clone()))
}

/// A step that was lent. See [`lend`].
pub struct Lent(Rc<Loan>);

impl Lent {
    /// Takes the step, unless it was ready before, is under way, or is lent no more.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let place = &self.0.0;
        let Some(mut step) = place.take() else { return Poll::Ready(()) };
        // SAFETY: the pointer is valid while it is in the cell (see the field), and nobody else has it while it is out.
        let polled = unsafe { step.as_mut() }(context);
        if polled.is_pending() {
            place.set(Some(step));
        }
        polled
    }
}

impl std::fmt::Debug for Lent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

/// The step, while it is lent. Valid whenever it is `Some`: the guard takes it away before the step, which is on the caller's
/// stack, goes. `None` while it runs, too.
struct Loan(Cell<Option<NonNull<Step>>>);

struct Guard<'a>(&'a Loan);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.0.take();
    }
}

impl<H: Handle> Loop<H> {
    /// Runs turns of `door` until `future` has ended, which is a numbered task of this loop. `None`: the loop was closed meanwhile.
    ///
    /// # Errors
    /// What the door's methods fail with: then the future is dropped where it was.
    pub fn run_until_complete<D: Door<H>, F: Future>(
        &self,
        door: D,
        future: F,
    ) -> Result<Option<F::Output>, D::Error> {
        let _entered = self.core().enter();
        let output = Cell::new(None);
        // Wherever it is dropped it is the task.
        let _afterwards = Polls(Cell::new(polled()));
        let mut future = pin!(async { output.set(Some(future.await)) });
        let dropped = Polls(Cell::new(polled()));
        lend(&mut |context| future.as_mut().poll(context), |lent| {
            let join = self.core().spawn_numbered(std::future::poll_fn(move |context| lent.poll(context)));
            dropped.0.set(Some(join.id()));
            let task = Task::new(join);
            while !task.is_finished() {
                self.turn(door)?;
            }
            Ok(())
        })?;
        Ok(output.take())
    }
}

/// Which task is the polled one when this is dropped.
struct Polls(Cell<Option<TaskId>>);

impl Drop for Polls {
    fn drop(&mut self) {
        replace_polled(self.0.get());
    }
}
