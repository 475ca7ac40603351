//! `Host`: what a transport asks of the loop it is on. It knows no loop itself, so that it runs under any door.

use crate::reactor::Direction;

/// See the module. All methods take `&self`, and none of them calls the transport: what it asks for comes later, as a turn of
/// its own.
pub trait Host {
    /// The door's token, passed through every call: `()` in Rust, the interpreter's in Python.
    type Cx<'a>: Copy;

    /// Has `on_readable` or `on_writable` called whenever the channel is ready, or no more.
    fn watch(&self, cx: Self::Cx<'_>, direction: Direction, on: bool);

    /// Has `on_deferred` called once, after whatever is queued.
    fn defer(&self, cx: Self::Cx<'_>);

    /// Something is written: the number of the loop's callback that does, if one runs. Without one nothing is ever held.
    fn callback(&self, _cx: Self::Cx<'_>) -> Option<u64> {
        None
    }

    /// Whether others run after that callback.
    fn others_wait(&self, _cx: Self::Cx<'_>) -> bool {
        false
    }

    /// Has `on_writable` called when the callbacks of this turn have ended, or soon after this one. Asked of a host only that
    /// numbers its callbacks.
    fn settle_later(&self, _cx: Self::Cx<'_>) {}
}
