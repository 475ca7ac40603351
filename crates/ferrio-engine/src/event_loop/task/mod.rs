//! `Join` and `Task`: a future that a loop polls, as whoever started it has it. A task itself is in `cell`, where its memory comes
//! from in `memory`; how wakers count, and how wake-ups reach the loop, in `wakers` and `references`. All code of tasks that the
//! compiler cannot check is in this folder.

pub(crate) mod cell;
mod memory;
mod references;
pub(crate) mod wakers;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::event_loop::core::Core;
use crate::event_loop::live::TaskId;
use crate::event_loop::task::cell::{CANCELLED, ENDED, Header, OUTPUT, TAKEN};

/// A spawned future: await it for its output. Dropping this leaves the future alone. It yields `None` where there is no output: the
/// loop was closed, the future panicked or was cancelled, or the output was taken before.
pub struct Join<T> {
    /// There as long as this is, which stays on the loop's thread.
    cell: NonNull<Header>,
    _output: PhantomData<T>,
}

impl<T: 'static> Join<T> {
    /// Starts a task with that number.
    #[inline]
    pub(crate) fn start<F: Future<Output = T> + 'static>(core: &Rc<Core>, number: u64, future: F) -> Self {
        Join { cell: cell::start(core, number, future), _output: PhantomData }
    }
}

impl<T> Join<T> {
    /// Whether the future is gone, in whichever way.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.header().state.get() & ENDED != 0
    }

    /// Which task it is.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.header().id
    }

    /// Whether `poll` has given the output.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.header().state.get() & TAKEN != 0
    }

    /// The output, while there is one that nobody has taken.
    #[must_use]
    pub fn output(&self) -> Option<&T> {
        let has_output = self.header().state.get() & OUTPUT != 0;
        // SAFETY: it is there, and a `T` (see `poll`). It goes by way of this handle only, which is borrowed.
        has_output.then(|| unsafe { &*cell::output::<T>(self.cell) })
    }

    /// Waits until the future is gone, and leaves the output to `poll`.
    #[inline]
    pub fn poll_ended(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.is_finished() {
            return Poll::Ready(());
        }
        let header = self.header();
        let before = header.awaiter.take();
        let waker = match &before {
            Some(known) if known.will_wake(context.waker()) => before,
            _ => {
                let waker = Some(context.waker().clone());
                drop(before);
                // The task may have ended while the program's own code cloned the one and dropped the other.
                if self.is_finished() {
                    return Poll::Ready(());
                }
                waker
            }
        };
        // What was put there meanwhile, by a waker that does more than count, is dropped outside.
        drop(header.awaiter.replace(waker));
        Poll::Pending
    }

    fn header(&self) -> &Header {
        // SAFETY: see the field.
        unsafe { self.cell.as_ref() }
    }
}

impl<T> Future for Join<T> {
    type Output = Option<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(self.poll_ended(context));
        let state = &self.header().state;
        let has_output = state.get() & OUTPUT != 0;
        Poll::Ready(has_output.then(|| {
            state.set((state.get() & !OUTPUT) | TAKEN);
            // SAFETY: it is there, and a `T`: `start` made the task of a future that gives one.
            unsafe { cell::output::<T>(self.cell).read() }
        }))
    }
}

impl<T> Unpin for Join<T> {}

// A panic of a future's ends its task, and none goes on half-way: a handle is whole whoever unwinds.
impl<T> UnwindSafe for Join<T> {}
impl<T> RefUnwindSafe for Join<T> {}

impl<T> Drop for Join<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the handle is not looked at again.
        unsafe { cell::release_handle(self.cell) }
    }
}

impl<T> fmt::Debug for Join<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("finished", &self.is_finished()).finish()
    }
}

/// As [`Join`], but dropping it cancels the future, unless it is told to `detach()`.
#[must_use = "a task that is dropped is cancelled; say `detach()` to let it run"]
pub struct Task<T> {
    join: Join<T>,
    /// Whether dropping it cancels.
    cancels: bool,
}

impl<T> Task<T> {
    pub(crate) fn new(join: Join<T>) -> Self {
        Task { join, cancels: true }
    }

    /// Whether the future is gone, in whichever way.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.join.is_finished()
    }

    /// Leaves the task to itself: it runs on until it has ended, or the loop closes.
    pub fn detach(mut self) {
        self.cancels = false;
    }
}

impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.join).poll(context)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if self.cancels && !self.is_finished() {
            let state = &self.join.header().state;
            state.set(state.get() | CANCELLED);
            // SAFETY: LIVE, as it has not ended.
            unsafe { cell::wake(self.join.cell) }
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("finished", &self.is_finished()).finish()
    }
}
