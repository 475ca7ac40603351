//! What every transport stands on: the bytes below it and the loop beside it.
//!
//! * `channel`: the bytes of a socket or a pipe, and which of the two ways they flow; `sys`, what of sockets differs between
//!   systems
//! * `host`: how a transport is told when the channel is ready, and has itself called again

mod channel;
mod host;
#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "sys/linux.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "sys/portable.rs")]
pub(crate) mod sys;

pub use channel::{Channel, Descriptor, Kind, ReadPipe, Socket, WritePipe};
pub use host::Host;
