//! Transports: what happens between a descriptor and a protocol.
//!
//! * `channel`: the bytes of a socket or a pipe, and which of the two ways they flow
//! * `protocol`: what a door gives a transport to call, and how it is told to watch and to defer
//! * `stream`: `Transport<C, P>`, the only state machine of reading, writing and closing
//! * `outgoing`: what could not be written yet; the only flow control there is
//! * `datagram`: the sibling for packets
//! * `listener`: the bounded accept loop
//!
//! None of them knows a loop: watching and deferring are the protocol's, so the same transport runs under any door.

mod channel;
mod datagram;
mod listener;
mod outgoing;
mod protocol;
mod stream;

pub use channel::{Channel, Descriptor, Kind, ReadPipe, Socket, WritePipe};
pub use datagram::{Datagrams, PacketProtocol};
pub use listener::{Accepted, accept};
pub use outgoing::{Limits, Outgoing};
pub use protocol::{Fault, Protocol, Received};
pub use stream::{Refused, Transport};
