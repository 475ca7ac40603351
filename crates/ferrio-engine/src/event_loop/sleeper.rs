//! `Sleeper`: a future that waits for a time, as the future and the heap have it.
//!
//! Both have the same memory, and neither counts: the waker says whether the other one is still there.
//!
//! ```text
//!                  fired, or the heap is cleared
//! a waker: both ──────────────────────────────────▶ none: the future has it alone, and frees it
//!       └───────── the future is dropped ─────────▶ none: the heap has it alone, and frees it
//! ```
//!
//! * ALONE: whoever takes the waker away does not look at the memory again; whoever finds none there has it alone. No code of a
//!   program's runs while the waker is out and the other one is still to find it.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use crate::event_loop::clock::Time;
use crate::event_loop::timers::{Timed, Timers};

/// Those of a loop.
pub(crate) type Sleepers = Timers<Due>;

/// With its waker and its heap it fills the smallest block of an allocator.
struct Sleeper {
    waker: Cell<Option<Waker>>,
    /// Which has this.
    heap: Weak<Sleepers>,
}

/// The future's end: it completes when it is time.
pub struct Asleep(NonNull<Sleeper>);

/// The heap's end.
pub(crate) struct Due(NonNull<Sleeper>);

impl Future for Asleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.has_fired(context.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Asleep {
    /// Has the task of `context` woken at `deadline`, unless what is given is dropped before.
    pub(crate) fn new(heap: &Rc<Sleepers>, deadline: Time, context: &Context<'_>) -> Self {
        let waker = Cell::new(Some(context.waker().clone()));
        let sleeper = NonNull::from(Box::leak(Box::new(Sleeper { waker, heap: Rc::downgrade(heap) })));
        heap.push(deadline, Due(sleeper));
        Asleep(sleeper)
    }

    /// Whether it is time. If not, `waker` is woken when it is: the task may have been polled with another one before.
    fn has_fired(&self, waker: &Waker) -> bool {
        // SAFETY: this end is there, so the memory is.
        let place = unsafe { &self.0.as_ref().waker };
        let Some(known) = place.take() else { return true };
        let is_known = known.will_wake(waker);
        place.set(Some(known));
        if !is_known {
            // It may fire while the program's own code clones the waker, and drops the old one.
            let waker = waker.clone();
            let Some(known) = place.take() else { return true };
            place.set(Some(waker));
            drop(known);
        }
        false
    }
}

impl Drop for Asleep {
    fn drop(&mut self) {
        // SAFETY: as above. `heap` is taken before the heap is left with the memory.
        let (heap, waker) = unsafe { (self.0.as_ref().heap.upgrade(), self.0.as_ref().waker.take()) };
        if waker.is_none() {
            // SAFETY: ALONE.
            return unsafe { free(self.0) };
        }
        // A heap that is being dropped is about to drop its end.
        if let Some(heap) = heap {
            heap.note_cancelled();
        }
        drop(waker);
    }
}

impl Timed for Due {
    fn is_cancelled(&self) -> bool {
        // SAFETY: this end is there, so the memory is.
        let place = unsafe { &self.0.as_ref().waker };
        let waker = place.take();
        let is_cancelled = waker.is_none();
        place.set(waker);
        is_cancelled
    }
}

impl Drop for Due {
    /// It is time, or the heap is cleared, with which the wait is over, too: wakes the future. Or the heap is tidied.
    fn drop(&mut self) {
        // SAFETY: as above, up to the take.
        match unsafe { self.0.as_ref() }.waker.take() {
            Some(waker) => waker.wake(),
            // SAFETY: ALONE.
            None => unsafe { free(self.0) },
        }
    }
}

/// # Safety
/// ALONE, once.
unsafe fn free(sleeper: NonNull<Sleeper>) {
    // SAFETY: the caller's; a box was leaked for it.
    drop(unsafe { Box::from_raw(sleeper.as_ptr()) });
}

impl fmt::Debug for Asleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asleep").finish_non_exhaustive()
    }
}
