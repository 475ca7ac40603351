//! Sockets elsewhere: what Linux does in one call takes three. SIGPIPE is ignored, by Python's start-up and by Rust's.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};
use rustix::net::{SendFlags, SocketAddrAny, acceptfrom};

/// How data is sent.
pub(crate) const SEND: SendFlags = SendFlags::DONTWAIT;

/// Accepts a connection that is non-blocking and not inherited by children.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> rustix::io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    let (connection, peer) = acceptfrom(listener)?;
    fcntl_setfd(&connection, FdFlags::CLOEXEC)?;
    ioctl_fionbio(&connection, true)?;
    Ok((connection, peer))
}
