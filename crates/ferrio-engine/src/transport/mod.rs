//! Transports: what happens between a descriptor and a protocol.
//!
//! * `channel`: the bytes of a socket or a pipe, and which of the two ways they flow
//! * `protocol`: what a door gives a transport to call, and how it is told to watch and to defer
//! * `stream`: `Transport<C, P>`, the only state machine of reading, writing and closing; `writing`, its writing half;
//!   `gathering`: what is written in one callback leaves in one system call
//! * `outgoing`: what could not be written yet; the only flow control there is
//! * `session`: what encrypts and decrypts; `layer`: the state machine of TLS around one, between transport and protocol
//!   (`sides`), with what waits to be encrypted (`backlog`)
//! * `datagram`: the sibling for packets
//! * `ending`: why either was lost
//! * `listener`: accepting, one connection a call, as long as one is likely to wait
//! * `sys`: what of sockets differs between systems
//!
//! None of them knows a loop: watching and deferring are the protocol's, so the same transport runs under any door.

mod backlog;
mod channel;
mod datagram;
mod ending;
mod gathering;
mod layer;
mod listener;
mod outgoing;
mod protocol;
mod session;
mod sides;
mod stream;
#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "sys/linux.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "sys/portable.rs")]
mod sys;
mod writing;

pub use channel::{Channel, Descriptor, Kind, ReadPipe, Socket, WritePipe};
pub use datagram::{Datagrams, PacketProtocol};
pub use ending::Ending;
pub use layer::Layer;
pub use listener::{Accepted, accept, is_worth_accepting};
pub use outgoing::{Limits, Outgoing};
pub use protocol::{Fault, Protocol, Received};
pub use session::{Plain, Progress, Session, read_all};
pub use sides::{Doing, Later, Patience, Severity, Sides};
pub use stream::{Refused, Transport};

/// Sends one packet to the address a socket is connected to.
///
/// # Errors
/// The system's; `WouldBlock` when there is no room.
pub fn send(descriptor: &Descriptor, data: &[u8]) -> std::io::Result<usize> {
    Ok(rustix::net::send(descriptor.borrow(), data, sys::SEND)?)
}

/// Sends one packet to `address`.
///
/// # Errors
/// As `send`.
pub fn send_to(
    descriptor: &Descriptor,
    data: &[u8],
    address: std::net::SocketAddr,
) -> std::io::Result<usize> {
    Ok(rustix::net::sendto(descriptor.borrow(), data, sys::SEND, &address)?)
}
