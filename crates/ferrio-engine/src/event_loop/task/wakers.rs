//! A task's wakers: which thread they are on decides how they count and where a wake-up goes.
//!
//! On the thread that has entered the task's loop: no atomics, and to the ring (HOME in cell.rs). Anywhere else, and after the task
//! has ended: the shared count, and to the inbox.

use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::event_loop::core::Address;
use crate::event_loop::live::TaskId;
use crate::event_loop::task::cell::{self, ENDED, Header, QUEUED, RUNNING, Runnable, SHARED, WOKEN};

static CALLS: RawWakerVTable = RawWakerVTable::new(
    // SAFETY: (of all four) the data are a header's, and the waker has a reference or is borrowed while the task is polled.
    |data| unsafe { clone(header(data)) },
    // SAFETY: as above.
    |data| unsafe { wake(header(data)) },
    // SAFETY: as above.
    |data| unsafe { wake_by_ref(header(data)) },
    // SAFETY: as above.
    |data| unsafe { release(header(data)) },
);

/// A waker whose reference is the caller's to count.
///
/// # Safety
/// As long as it is used the header is there.
pub(super) unsafe fn waker(cell: NonNull<Header>) -> Waker {
    // SAFETY: the functions keep the contract of wakers.
    unsafe { Waker::new(cell.as_ptr().cast(), &CALLS) }
}

/// A task as its loop's list has it, from its begin up to its end.
#[derive(Debug)]
pub(crate) struct Listed(pub(super) NonNull<Header>);

impl Listed {
    pub(crate) fn id(&self) -> TaskId {
        // SAFETY: LIVE in cell.rs: `end` takes the task off the list.
        unsafe { self.0.as_ref().id }
    }

    /// Has the task polled. Calls nobody's code but the door's own, to queue a word.
    pub(crate) fn wake(&self) {
        // SAFETY: LIVE in cell.rs: `end` takes the task off the list.
        unsafe { wake_by_ref(self.0) }
    }
}

/// Queues the task, or posts it.
///
/// # Safety
/// The header is there: by a reference, or LIVE on the loop's thread.
pub(super) unsafe fn wake_by_ref(cell: NonNull<Header>) {
    // SAFETY: the caller's; a post has a reference of its own.
    unsafe {
        if is_own(cell) {
            wake_own(cell);
        } else if cell.as_ref().references.post() {
            cell.as_ref().references.take();
            Runnable::post(cell);
        }
    }
}

/// A reference more.
///
/// # Safety
/// By a reference, or while the task is polled.
unsafe fn clone(cell: NonNull<Header>) -> RawWaker {
    // SAFETY: the caller's.
    unsafe {
        let references = &cell.as_ref().references;
        if is_own(cell) { references.take_own() } else { references.take() }
    }
    RawWaker::new(cell.as_ptr().cast(), &CALLS)
}

/// Queues the task or posts it, and a reference less.
///
/// # Safety
/// By that reference.
unsafe fn wake(cell: NonNull<Header>) {
    // SAFETY: the caller's; the waker's reference becomes the post's.
    unsafe {
        if is_own(cell) {
            wake_own(cell);
            cell.as_ref().references.release_own();
        } else if cell.as_ref().references.post() {
            Runnable::post(cell);
        } else {
            cell::release(cell);
        }
    }
}

/// A reference less.
///
/// # Safety
/// There was one.
unsafe fn release(cell: NonNull<Header>) {
    // SAFETY: the caller's.
    unsafe {
        if is_own(cell) {
            cell.as_ref().references.release_own();
        } else {
            cell::release(cell);
        }
    }
}

/// Queues the task, unless it is queued, or has it queued again after the poll that is under way.
///
/// # Safety
/// On the loop's thread (`is_own`).
unsafe fn wake_own(cell: NonNull<Header>) {
    // SAFETY: the caller's.
    unsafe {
        let state = &cell.as_ref().state;
        match state.get() & (QUEUED | RUNNING | ENDED) {
            0 => cell::queue(cell),
            RUNNING => state.set(state.get() | WOKEN),
            _ => {}
        }
    }
}

/// Whether this thread has the task's loop, and the task lives, or has ended with nobody left to wake it.
///
/// # Safety
/// The header is there.
unsafe fn is_own(cell: NonNull<Header>) -> bool {
    // SAFETY: the caller's; the state is looked at on the loop's thread only (HOME).
    unsafe { Address::is_here(cell.as_ref().address) && cell.as_ref().state.get() & SHARED == 0 }
}

/// Waker data are what `waker` made them.
fn header(data: *const ()) -> NonNull<Header> {
    // SAFETY: they were a `NonNull`.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}
