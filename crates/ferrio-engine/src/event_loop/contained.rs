//! `Contained`: what a loop drops, whose destructor may panic.
//!
//! A task is dropped where nobody could take a panic: in the task's own memory, whose crate ends the process then. So the panic
//! ends here. By then the panic hook has told of it, on stderr unless the program has changed that.

use std::future::Future;
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// See the module.
#[derive(Debug)]
pub struct Contained<T>(ManuallyDrop<T>);

impl<T> Contained<T> {
    /// Drops of `value` are contained from now on.
    #[must_use]
    pub fn new(value: T) -> Self {
        Contained(ManuallyDrop::new(value))
    }

    /// The value, whose drop is the caller's.
    #[must_use]
    pub fn into_inner(self) -> T {
        // SAFETY: the value is taken once, and `self` is not dropped any more.
        unsafe { ManuallyDrop::take(&mut ManuallyDrop::new(self).0) }
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        // SAFETY: it is there until here; `into_inner` leaves nothing to drop.
        contain(|| unsafe { ManuallyDrop::drop(&mut self.0) });
    }
}

impl<F: Future> Future for Contained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future is pinned with the struct: what was pinned is not given to `into_inner`, and is dropped in place.
        unsafe { self.map_unchecked_mut(|contained| &mut *contained.0) }.poll(context)
    }
}

/// Calls `call`, and lets no panic out.
pub(crate) fn contain(call: impl FnOnce()) {
    let ended = catch_unwind(AssertUnwindSafe(call));
    // What it was made with may panic as well when it is dropped. One that goes on like that is left where it is.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(ended))) {
        mem::forget(panic);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Counts<'a>(&'a Cell<u32>);

    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            std::panic::resume_unwind(Box::new("expected"));
        }
    }

    #[test]
    fn a_panic_of_a_destructor_ends_here() {
        let dropped = Cell::new(0);
        drop(Contained::new([Counts(&dropped)]));
        assert_eq!(dropped.get(), 1);
    }

    #[test]
    fn what_a_panic_was_made_with_may_panic_too() {
        struct Payload;
        impl Drop for Payload {
            fn drop(&mut self) {
                std::panic::resume_unwind(Box::new(()));
            }
        }
        contain(|| std::panic::resume_unwind(Box::new(Payload)));
    }

    #[test]
    fn what_is_taken_out_is_the_callers() {
        let dropped = Cell::new(0);
        let taken = Contained::new(Counts(&dropped)).into_inner();
        assert_eq!(dropped.get(), 0);
        assert!(catch_unwind(AssertUnwindSafe(|| drop(taken))).is_err());
        assert_eq!(dropped.get(), 1);
    }
}
