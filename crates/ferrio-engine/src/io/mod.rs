//! What every transport stands on: the bytes below it, the loop beside it, what waits to be written.
//!
//! * `channel`: the bytes of a socket or a pipe, and which of the two ways they flow; `sys`, what of sockets differs between
//!   systems
//! * `host`: how a transport is told when the channel is ready, and has itself called again
//! * `chunk_queue`: bytes that wait to be written; `watermarks`: when there are too many of them

mod channel;
mod chunk_queue;
mod host;
#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "sys/linux.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "sys/portable.rs")]
pub(crate) mod sys;
mod watermarks;

pub use channel::{Channel, Descriptor, Kind, ReadPipe, Socket, WritePipe, read_append};
pub use chunk_queue::ChunkQueue;
pub use host::Host;
pub use watermarks::{Limits, Watermarks};
