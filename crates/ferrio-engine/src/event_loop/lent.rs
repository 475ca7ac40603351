//! `Loop::run_until_complete`: a future that may borrow from its caller, as a task of the loop like any other.
//!
//! A task's future must be `'static`, since the task may outlive whoever started it. Here the caller waits for the task, so the
//! future stays on the caller's stack, and the task has only the loan of it:
//!
//! ```text
//! caller: future ◀── Loan ◀── task      the loan ends when the caller returns or unwinds; a task without one is done
//! ```

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::event_loop::live::TaskId;
use crate::event_loop::turn::Door;
use crate::event_loop::{Handle, Loop};

type Step = dyn FnMut(&mut Context<'_>) -> Poll<()>;

/// What polls the lent future, while it is lent. Valid whenever it is `Some`: the guard takes it away before the future, which
/// is on the caller's stack, goes. `None` while it runs, too.
#[derive(Default)]
struct Loan(Cell<Option<NonNull<Step>>>);

impl Loan {
    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let Some(mut step) = self.0.take() else { return Poll::Ready(()) };
        // SAFETY: the pointer is valid while it is in the cell (see the field), and nobody else has it while it is out.
        let polled = unsafe { step.as_mut() }(context);
        if polled.is_pending() {
            self.0.set(Some(step));
        }
        polled
    }
}

struct Guard<'a>(&'a Loan);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.0.take();
    }
}

impl<H: Handle> Loop<H> {
    /// Runs turns of `door` until the future that `make` makes has ended. The future is a numbered task of this loop. `None`: the
    /// loop was closed meanwhile.
    ///
    /// # Errors
    /// What the door's methods fail with: then the future is dropped where it was.
    pub fn run_until_complete<D: Door<H>, F: Future>(
        &self,
        door: D,
        make: impl FnOnce(TaskId) -> F,
    ) -> Result<Option<F::Output>, D::Error> {
        let _entered = self.core().enter();
        let loan = Rc::new(Loan::default());
        let output = Cell::new(None);
        let mut begun = None;
        let task = self.core().spawn_numbered(|id| {
            begun = Some(make(id));
            let borrower = loan.clone();
            std::future::poll_fn(move |context| borrower.poll(context))
        });
        let mut future = pin!(async {
            if let Some(future) = begun {
                output.set(Some(future.await));
            }
        });
        let mut step = |context: &mut Context<'_>| future.as_mut().poll(context);
        let short: &mut (dyn FnMut(&mut Context<'_>) -> Poll<()> + '_) = &mut step;
        // SAFETY: only the lifetime changes: the guard, which is dropped before `step`, ends the loan.
        let long: NonNull<Step> = unsafe { std::mem::transmute(NonNull::from(short)) };
        loan.0.set(Some(long));
        let guard = Guard(&loan);
        while !task.is_finished() {
            self.turn(door)?;
        }
        drop(guard);
        Ok(output.take())
    }
}
