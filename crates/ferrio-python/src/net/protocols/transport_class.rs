//! `TransportClass`: what differs between the classes of stream transports: sockets, and the two ends of pipes.

use ferrio_engine::transport::Channel;

use crate::compat;
use crate::ffi::heap_type::Place;
use crate::ffi::prelude::*;
use crate::net::channels::WithOwner;

/// See the module. Channels implement it.
pub(crate) trait TransportClass: Channel + Sized + 'static {
    const NAME: &'static CStr;
    const READ_FAILED: &'static str;
    const WRITE_FAILED: &'static str;
    /// The log message of a write after the connection was lost.
    const WRITE_AFTER_LOSS: &'static str;

    /// The name of `writelines` in error messages.
    const WRITELINES: &'static str = if compat::KEEPS_PIECES { "writelines" } else { "write" };

    /// The state of its objects.
    type State: Io;

    fn place() -> &'static Place;

    fn members() -> Members;

    /// The channel of the transport `this`.
    fn channel<'a>(this: &'a Bound<'_, PyAny>) -> Option<&'a WithOwner<Self>>;
}
