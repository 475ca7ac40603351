//! `contain`: what a loop calls and drops, which may panic where nobody could take it.
//!
//! So the panic ends here. By then the panic hook has told of it, on stderr unless the program has changed that.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `call`, and lets no panic out.
#[inline]
pub(crate) fn contain(call: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
        discard(panic);
    }
}

/// What a panic was made with may panic as well when it is dropped. One that goes on like that is left where it is.
#[cold]
fn discard(panic: Box<dyn Any + Send>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(panic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
