//! `Watch`: how a transport of this door speaks to its loop.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

use ferrio_engine::Direction;
use ferrio_engine::transport::Descriptor;

use crate::events::LoopState;
use crate::words::{IoPlace, What};

/// See the module.
pub(crate) struct Watch {
    pub(super) state: Rc<LoopState>,
    pub(super) place: IoPlace,
    /// Open for as long as the transport watches it.
    fd: RawFd,
    /// The kernel would not watch it.
    refused: Cell<Option<io::Error>>,
}

impl Watch {
    pub(crate) fn new(state: Rc<LoopState>, place: IoPlace, descriptor: &Descriptor) -> Self {
        Watch { state, place, fd: descriptor.as_raw_fd(), refused: Cell::new(None) }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn state(&self) -> &LoopState {
        &self.state
    }

    /// Has the loop tell of `direction`, or no more.
    pub(crate) fn set(&self, direction: Direction, on: bool) {
        let engine = &self.state.engine;
        if !on {
            let _word = engine.unwatch(self.fd, direction);
            return;
        }
        let what = if direction == Direction::Read { What::Readable } else { What::Writable };
        if let Err(error) = engine.watch(self.fd, direction, self.place.word(what), false) {
            self.refused.set(Some(error));
            self.queue(What::Deferred);
        }
    }

    /// Has the loop tell of `what` after all that is queued.
    pub(crate) fn queue(&self, what: What) {
        self.state.engine.call_soon(self.place.word(what));
    }

    /// Why the kernel would not watch the descriptor, once.
    pub(crate) fn refused(&self) -> Option<io::Error> {
        self.refused.take()
    }

    /// The loop tells of nothing any more, and lets go.
    pub(crate) fn leave(&self) {
        drop(self.state.ios.remove(self.place));
    }
}
