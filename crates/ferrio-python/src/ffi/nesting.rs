//! How many loops run on this thread, one in a callback of the other.
//!
//! Known to `call::in_context` only: an inner run calls back in contexts that the outer one has entered and cannot leave.

use std::cell::Cell;

thread_local!(static DEPTH: Cell<u32> = const { Cell::new(0) });

/// Counts a run in, until the guard is dropped.
pub(crate) fn enter() -> Inside {
    DEPTH.set(DEPTH.get() + 1);
    Inside
}

/// Whether a loop runs in a callback of a loop.
pub(crate) fn is_nested() -> bool {
    DEPTH.get() > 1
}

/// See `enter`.
pub(crate) struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}
