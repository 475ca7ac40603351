//! Sockets as futures: TCP and Unix streams and listeners, UDP. Each is a `Source` around the standard library's type,
//! which `inner()` gives for options and addresses; here is only what has to wait.
//!
//! Reading and writing streams is `Source`'s own. Every future may be dropped at any time: a connection that was being
//! made is closed, one that was being accepted stays in the backlog, a datagram stays in the buffer.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net as unix;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketType};

use crate::futures::source::Source;
use crate::reactor::Direction;

/// A TCP connection. Small writes are sent at once (`TCP_NODELAY`), as asyncio's transports do.
pub type TcpStream = Source<std::net::TcpStream>;
/// A TCP socket that listens.
pub type TcpListener = Source<std::net::TcpListener>;
/// A UDP socket.
pub type UdpSocket = Source<std::net::UdpSocket>;
/// A connection of Unix sockets.
pub type UnixStream = Source<unix::UnixStream>;
/// A Unix socket that listens. Its path outlives it: whoever bound it removes it.
pub type UnixListener = Source<unix::UnixListener>;

impl TcpStream {
    /// Connects to `address`.
    ///
    /// # Errors
    /// What the system reports, `ConnectionRefused` for one; when no loop runs on this thread.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let (socket, is_connected) = begin_connect(address)?;
        let socket = Source::of_non_blocking(socket)?;
        if !is_connected {
            socket.attempt(Direction::Write, connected).await?;
        }
        Self::of_connected(socket.into_inner().into())
    }

    fn of_connected(stream: std::net::TcpStream) -> io::Result<Self> {
        // macOS refuses it on a connection that was reset meanwhile, which the first read reports better.
        let _already_reset = stream.set_nodelay(true);
        Self::of_non_blocking(stream)
    }
}

/// Begins to connect to `address`: a socket that does not block, and whether it is connected. It can be written once that is
/// decided.
///
/// # Errors
/// What the system reports at once.
pub fn begin_connect(address: SocketAddr) -> io::Result<(OwnedFd, bool)> {
    let socket = open(if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 })?;
    match net::connect(&socket, &address) {
        Ok(()) => Ok((socket, true)),
        // Interrupted: the connection is made all the same, in the background.
        Err(Errno::INPROGRESS | Errno::INTR) => Ok((socket, false)),
        Err(error) => Err(error.into()),
    }
}

impl TcpListener {
    /// Listens on `address`; port 0 lets the system choose, see `inner().local_addr()`.
    ///
    /// # Errors
    /// What the system reports, `AddrInUse` for one; when no loop runs on this thread.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::new(std::net::TcpListener::bind(address)?)
    }

    /// The next connection, and whose it is. One that was aborted in the backlog is skipped.
    ///
    /// # Errors
    /// What the system reports: out of descriptors, for one, which lasts until some are closed.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) =
            self.attempt(Direction::Read, |listener| skip_aborted(|| listener.accept())).await?;
        rustix::io::ioctl_fionbio(&stream, true)?;
        Ok((TcpStream::of_connected(stream)?, peer))
    }
}

impl UdpSocket {
    /// A socket on `address`; port 0 lets the system choose, see `inner().local_addr()`.
    ///
    /// # Errors
    /// What the system reports, `AddrInUse` for one; when no loop runs on this thread.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::new(std::net::UdpSocket::bind(address)?)
    }

    /// Sends `data` as one datagram to `address`.
    ///
    /// # Errors
    /// What the system reports: too large a datagram, for one.
    pub async fn send_to(&self, data: &[u8], address: SocketAddr) -> io::Result<usize> {
        self.attempt(Direction::Write, |socket| socket.send_to(data, address)).await
    }

    /// Receives one datagram; what does not fit into `buffer` is lost.
    ///
    /// # Errors
    /// What the system reports.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.attempt(Direction::Read, |socket| socket.recv_from(buffer)).await
    }

    /// As `send_to`, for a socket that was connected with `inner().connect()`.
    ///
    /// # Errors
    /// What the system reports: `ConnectionRefused` when an earlier datagram found nobody.
    pub async fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.attempt(Direction::Write, |socket| socket.send(data)).await
    }

    /// As `recv_from`, for a socket that was connected.
    ///
    /// # Errors
    /// As `send`.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.attempt(Direction::Read, |socket| socket.recv(buffer)).await
    }
}

impl UnixStream {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// What the system reports: `NotFound`, `ConnectionRefused`, or `WouldBlock` when the listener's backlog is full;
    /// when no loop runs on this thread.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        let address = SocketAddrUnix::new(path.as_ref())?;
        let socket = Source::of_non_blocking(open(AddressFamily::UNIX)?)?;
        match net::connect(&socket, &address) {
            Ok(()) => {}
            Err(Errno::INPROGRESS | Errno::INTR) => socket.attempt(Direction::Write, connected).await?,
            Err(error) => return Err(error.into()),
        }
        Self::of_non_blocking(socket.into_inner().into())
    }

    /// Two sockets connected to each other.
    ///
    /// # Errors
    /// When the system has no more descriptors; when no loop runs on this thread.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = unix::UnixStream::pair()?;
        Ok((Self::new(one)?, Self::new(other)?))
    }
}

impl UnixListener {
    /// Listens at `path`, where nothing may be yet.
    ///
    /// # Errors
    /// What the system reports, `AddrInUse` for one; when no loop runs on this thread.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(unix::UnixListener::bind(path)?)
    }

    /// The next connection.
    ///
    /// # Errors
    /// As for TCP.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        let accepted = self.attempt(Direction::Read, |listener| skip_aborted(|| listener.accept())).await;
        UnixStream::new(accepted?.0)
    }
}

/// Whether the connection is made. Asked at every poll, so being writable alone is not proof: a task is also polled
/// for reasons of its own, and only `getpeername` tells a connection from one that is still being made.
fn connected(socket: &OwnedFd) -> io::Result<()> {
    net::sockopt::socket_error(socket)??;
    match net::getpeername(socket) {
        Ok(_) => Ok(()),
        Err(Errno::NOTCONN) => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error.into()),
    }
}

/// A connection that its peer gave up before it was accepted is nobody's error.
fn skip_aborted<T>(mut accept: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match accept() {
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            result => return result,
        }
    }
}

/// A stream socket, non-blocking and not inherited by children.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    let flags = net::SocketFlags::NONBLOCK | net::SocketFlags::CLOEXEC;
    Ok(net::socket_with(family, SocketType::STREAM, flags, None)?)
}

/// As above, where the flags take calls of their own, and a broken pipe would be a signal.
#[cfg(target_vendor = "apple")]
pub(super) fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    let socket = net::socket(family, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    net::sockopt::set_socket_nosigpipe(&socket, true)?;
    Ok(socket)
}
