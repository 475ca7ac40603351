//! Sockets on Linux: one call accepts a connection ready for use, and a send can be told to raise no SIGPIPE.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{SendFlags, SocketAddrAny, SocketFlags, acceptfrom_with};

/// How data is sent.
pub(crate) const SEND: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);

/// Accepts a connection that is non-blocking and not inherited by children.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> rustix::io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)
}
