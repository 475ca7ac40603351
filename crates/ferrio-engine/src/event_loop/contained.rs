//! `contain`: what a loop calls and drops, which may panic where nobody could take it.
//!
//! So the panic ends here. By then the panic hook has told of it, on stderr unless the program has changed that.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
