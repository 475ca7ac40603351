//! `Ending`: why a transport was lost, from then until `connection_lost` is told.
//!
//! Dropping a reason may run code of the door's, so it is dropped when the borrow has ended. A collector of garbage may
//! look at any time, in the midst of a change too: then there is nothing to show.

use std::cell::RefCell;

/// See the module.
#[derive(Debug)]
pub struct Ending<R>(RefCell<Option<R>>);

impl<R> Ending<R> {
    pub(super) const fn new() -> Self {
        Ending(RefCell::new(None))
    }

    pub(super) fn set(&self, reason: Option<R>) {
        let old = self.0.replace(reason);
        drop(old);
    }

    pub(super) fn take(&self) -> Option<R> {
        self.0.take()
    }

    /// Shows the reason to a collector of garbage.
    pub fn visit(&self, visit: impl FnOnce(&R)) {
        if let Ok(reason) = self.0.try_borrow()
            && let Some(reason) = &*reason
        {
            visit(reason);
        }
    }

    /// Forgets it.
    pub fn clear(&self) {
        self.set(None);
    }
}
