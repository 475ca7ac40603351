//! Transports: what happens between a descriptor and a protocol.
//!
//! * `protocol`: what a transport tells its owner; what it asks of its loop is a `Host`'s, its bytes are a `Channel`'s (`io`)
//! * `stream`: `Transport<C, P>`, the only state machine of reading, writing and closing; `writing`, its writing half;
//!   `held_writes`: what is written in one callback leaves in one system call
//! * `session`: what encrypts and decrypts; `layer`: the state machine of TLS around one, between transport and protocol
//!   (`sides`)
//! * `datagram`: the sibling for packets
//! * `state`: how far a transport for bytes or packets has come; `ending`: why it was lost
//! * `listener`: accepting, one connection a call, as long as one is likely to wait
//!
//! None of them knows a loop: watching and deferring are the host's, so the same transport runs under any door.

mod datagram;
mod ending;
mod held_writes;
mod layer;
mod listener;
mod protocol;
mod session;
mod sides;
mod state;
mod stream;
mod writing;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::net::SocketAddrAny;

use crate::io::sys;

pub use crate::io::{
    Channel, ChunkQueue, Descriptor, Host, Kind, Limits, ReadPipe, Socket, Watermarks, WritePipe, read_append,
};
pub use datagram::{Datagrams, PacketProtocol};
pub use ending::Ending;
pub use layer::Layer;
pub use listener::{Accepted, accept, is_worth_accepting};
pub use protocol::{Fault, Protocol, Received};
pub use session::{Plain, Progress, Session, read_all};
pub use sides::{Activity, DeferredWork, Severity, Sides, TimeLimit};
pub use stream::{Refused, Transport};

/// The other end of a socket: an internet address, or the path of a Unix socket, if it has one.
///
/// # Errors
/// The system's: the socket is not connected any more.
pub fn peer_address(descriptor: &Descriptor) -> std::io::Result<Result<SocketAddr, Option<PathBuf>>> {
    Ok(named(rustix::net::getpeername(descriptor.borrow())?))
}

/// A socket's own end.
///
/// # Errors
/// The system's.
pub fn local_address(descriptor: &Descriptor) -> std::io::Result<Result<SocketAddr, Option<PathBuf>>> {
    Ok(named(Some(rustix::net::getsockname(descriptor.borrow())?)))
}

fn named(address: Option<SocketAddrAny>) -> Result<SocketAddr, Option<PathBuf>> {
    let address = address.ok_or(None)?;
    let unix = |address| rustix::net::SocketAddrUnix::try_from(address).ok();
    SocketAddr::try_from(address.clone())
        .map_err(|_| unix(address)?.path().map(|path| OsStr::from_bytes(path.to_bytes()).into()))
}

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
