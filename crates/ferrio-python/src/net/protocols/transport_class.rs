//! `TransportClass`: what differs between the classes of stream transports: a socket's, and those of each end of a pipe.

use std::ffi::CStr;

use ferrio_engine::transport::Channel;
use pyo3::prelude::*;

use crate::compat;
use crate::ffi::heap_type::Place;
use crate::ffi::members::Members;
use crate::ffi::word::Io;
use crate::net::channels::WithOwner;

/// See the module. Implemented by the channel.
pub(crate) trait TransportClass: Channel + Sized + 'static {
    const NAME: &'static CStr;
    const READ_FAILED: &'static str;
    const WRITE_FAILED: &'static str;
    /// What a write after the end is logged with.
    const WRITE_AFTER_LOSS: &'static str;

    /// What errors call `writelines`.
    const WRITELINES: &'static str = if compat::KEEPS_PIECES { "writelines" } else { "write" };

    /// The state of its objects.
    type State: Io;

    fn place() -> &'static Place;

    fn members() -> Members;

    /// The channel of the transport `this`.
    fn channel<'a>(this: &'a Bound<'_, PyAny>) -> Option<&'a WithOwner<Self>>;
}
