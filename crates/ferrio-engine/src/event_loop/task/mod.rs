//! `Task`: a future that a loop polls, as whoever started it has it. A task itself is in `cell`, where its memory comes from in
//! `memory`; how wakers count, and how wake-ups reach the loop, in `wakers` and `references`. All code of tasks that the
//! compiler cannot check is in this folder.

pub(crate) mod cell;
mod memory;
mod references;
mod wakers;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::event_loop::core::Core;
use crate::event_loop::live::TaskId;
use crate::event_loop::task::cell::{CANCELLED, ENDED, Header, OUTPUT};

/// A spawned future: await it for its output, drop it to cancel, or `detach()` it. It yields `None` where there is no output: the
/// loop was closed, the future panicked, or the output was taken before.
#[must_use = "a task that is dropped is cancelled; say `detach()` to let it run"]
pub struct Task<T> {
    /// There as long as this is, which stays on the loop's thread.
    cell: NonNull<Header>,
    _output: PhantomData<T>,
}

impl<T: 'static> Task<T> {
    /// Starts a task that has its place on the list.
    #[inline]
    pub(crate) fn start<F: Future<Output = T> + 'static>(core: &Rc<Core>, id: TaskId, future: F) -> Self {
        Task { cell: cell::start(core, id, future), _output: PhantomData }
    }
}

impl<T> Task<T> {
    /// Whether the future is gone, in whichever way.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.header().state.get() & ENDED != 0
    }

    /// Leaves the task to itself: it runs on until it has ended, or the loop closes.
    pub fn detach(self) {
        let task = ManuallyDrop::new(self);
        // SAFETY: the handle is not looked at again.
        unsafe { cell::release_handle(task.cell) }
    }

    fn header(&self) -> &Header {
        // SAFETY: see the field.
        unsafe { self.cell.as_ref() }
    }
}

impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let header = self.header();
        let state = header.state.get();
        if state & OUTPUT != 0 {
            header.state.set(state & !OUTPUT);
            // SAFETY: it is there, and a `T`: `start` made the task of a future that gives one.
            return Poll::Ready(Some(unsafe { cell::output::<T>(self.cell).read() }));
        }
        if state & ENDED != 0 {
            return Poll::Ready(None);
        }
        let before = header.awaiter.take();
        let waker = match &before {
            Some(known) if known.will_wake(context.waker()) => before,
            _ => {
                let waker = Some(context.waker().clone());
                drop(before);
                waker
            }
        };
        // What was put there meanwhile, by a waker that does more than count, is dropped outside.
        drop(header.awaiter.replace(waker));
        Poll::Pending
    }
}

impl<T> Unpin for Task<T> {}

// A panic of a future's ends its task, and none goes on half-way: a handle is whole whoever unwinds.
impl<T> UnwindSafe for Task<T> {}
impl<T> RefUnwindSafe for Task<T> {}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        let state = &self.header().state;
        // SAFETY: LIVE where it has not ended; the handle is not looked at again.
        unsafe {
            if state.get() & ENDED == 0 {
                state.set(state.get() | CANCELLED);
                cell::wake(self.cell);
            }
            cell::release_handle(self.cell);
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("finished", &self.is_finished()).finish()
    }
}
