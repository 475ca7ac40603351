//! Accepting: a bounded number of connections a turn, so that a flood of them starves nobody.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::SocketAddrAny;

use super::channel::Descriptor;
use super::sys;

/// What one accept gave.
#[derive(Debug)]
pub enum Accepted {
    /// A connection, non-blocking and not inherited by children, with its peer's address where the system told it.
    Connection(OwnedFd, Option<SocketAddrAny>),
    /// Nobody waits.
    Nobody,
    /// The process or the system has no room for it; trying again at once would spin.
    Exhausted(io::Error),
}

/// Takes one waiting connection off `listener`.
///
/// # Errors
/// When the descriptor is not a listening socket.
pub fn accept(listener: &Descriptor) -> io::Result<Accepted> {
    match sys::accept(listener.borrow()) {
        Ok((connection, peer)) => Ok(Accepted::Connection(connection, peer)),
        Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => Ok(Accepted::Nobody),
        Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
            Ok(Accepted::Exhausted(error.into()))
        }
        Err(error) => Err(error.into()),
    }
}
