//! Sockets that listen, with asyncio's options: the address can be used again at once, and by several processes or loops
//! where they all ask for that.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::net::{self, AddressFamily, SocketAddrUnix, sockopt};

use crate::futures::net::socket::open;

/// A socket that listens on `address` for at most `backlog` connections that nobody has accepted yet. With `reuse_port` others
/// may listen there, too, if they say the same: the kernel shares connections out.
///
/// # Errors
/// What the system reports: `AddrInUse`, for one.
pub fn listen(address: SocketAddr, backlog: i32, reuse_port: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = open(family)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if reuse_port {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    if address.is_ipv6() {
        // The IPv4 side of "all interfaces" is a socket of its own.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    net::bind(&socket, &address)?;
    net::listen(&socket, backlog)?;
    Ok(socket)
}

/// The same for a path, where nothing may be yet.
///
/// # Errors
/// What the system reports: `AddrInUse`, for one.
pub fn listen_unix(path: impl AsRef<Path>, backlog: i32) -> io::Result<OwnedFd> {
    let socket = open(AddressFamily::UNIX)?;
    net::bind(&socket, &SocketAddrUnix::new(path.as_ref())?)?;
    net::listen(&socket, backlog)?;
    Ok(socket)
}
