//! `Link`: what the halves of a connection share; it closes when the last of them goes. `Stream`: both halves in one, for
//! libraries that want one object to read and write.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::task::{Context, Poll};

use ferrio_engine::transport::{Channel, local_address, peer_address};

use crate::events::LoopState;
use crate::streams::connection::Connection;
use crate::streams::flow::{Flow, Wire};
use crate::streams::reader::StreamReader;
use crate::streams::writer::StreamWriter;

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// An internet address.
    Inet(SocketAddr),
    /// A Unix socket's path; `None` for one without a name.
    Unix(Option<PathBuf>),
}

impl PeerAddress {
    /// The internet address, if it is one.
    #[must_use]
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            PeerAddress::Inet(address) => Some(*address),
            PeerAddress::Unix(_) => None,
        }
    }
}

/// What both halves refer to.
pub(crate) struct Link {
    pub(crate) flow: Rc<Flow>,
    pub(crate) wire: Rc<dyn Wire>,
}

impl Link {
    pub(crate) fn new(flow: Rc<Flow>, wire: Rc<dyn Wire>) -> Rc<Self> {
        Rc::new(Link { flow, wire })
    }

    pub(crate) fn over<C: Channel + 'static>(state: &Rc<LoopState>, channel: C) -> Rc<Self> {
        let (flow, wire) = Connection::start(state, channel);
        Link::new(flow, wire)
    }

    pub(crate) fn halves(self: Rc<Self>) -> (StreamReader, StreamWriter) {
        (StreamReader(self.clone()), StreamWriter(self))
    }

    pub(super) fn take(&self, count: usize) -> Vec<u8> {
        self.flow.take(&*self.wire, count)
    }

    pub(crate) fn poll_read(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_with(context, buffer.len(), |data| buffer[..data.len()].copy_from_slice(data))
    }

    /// Shows `copy` what is there, at most `most` bytes, and says how much it was. Nothing: the stream has ended.
    pub(crate) fn poll_read_with(
        &self,
        context: &mut Context<'_>,
        most: usize,
        copy: impl FnOnce(&[u8]),
    ) -> Poll<io::Result<usize>> {
        if most == 0 {
            return Poll::Ready(Ok(0));
        }
        std::task::ready!(self.flow.poll_more(&*self.wire, 0, context))?;
        let count = self.flow.unread().min(most);
        if count == 0 {
            return Poll::Ready(self.flow.failure().map_or(Ok(0), Err));
        }
        self.flow.peek(|data| copy(&data[..count]));
        self.flow.consume(&*self.wire, count);
        Poll::Ready(Ok(count))
    }

    /// Takes all of `data`, once there is room.
    #[cfg(any(feature = "futures-io", feature = "tokio", feature = "hyper"))]
    pub(crate) fn poll_write(&self, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.flow.check_writing()?;
        if self.flow.poll_writing(|| !self.flow.is_full(), context).is_pending() {
            return Poll::Pending;
        }
        if self.wire.is_closing() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.wire.write(data);
        self.flow.check_writing()?;
        Poll::Ready(Ok(data.len()))
    }

    /// Completes when all is sent.
    pub(crate) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = || self.wire.unsent() == 0 || self.flow.is_lost();
        if self.flow.poll_writing(sent, context).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(self.flow.failure().map_or(Ok(()), Err))
    }

    /// Tells the peer that no more comes, and completes when all is sent.
    #[cfg(any(feature = "futures-io", feature = "tokio", feature = "hyper"))]
    pub(crate) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.wire.write_eof() {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.wire.close();
                Poll::Ready(Ok(()))
            }
            // The peer is gone already, which is what was wanted.
            _ => self.poll_flush(context),
        }
    }

    /// Gives away the socket, and what was read of it and used by nobody.
    #[cfg(feature = "tls")]
    pub(crate) fn detach(&self) -> io::Result<(std::os::fd::OwnedFd, Vec<u8>)> {
        let socket = self.wire.detach()?;
        Ok((socket, self.flow.peek(<[u8]>::to_vec)))
    }

    pub(crate) fn peer_address(&self) -> io::Result<PeerAddress> {
        peer_address(self.wire.descriptor()).map(PeerAddress::from)
    }

    pub(crate) fn local_address(&self) -> io::Result<PeerAddress> {
        local_address(self.wire.descriptor()).map(PeerAddress::from)
    }
}

impl From<Result<SocketAddr, Option<PathBuf>>> for PeerAddress {
    fn from(address: Result<SocketAddr, Option<PathBuf>>) -> Self {
        address.map_or_else(PeerAddress::Unix, PeerAddress::Inet)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.wire.close();
    }
}

/// Both halves of a connection in one. It reads and writes by the traits of `futures-io`, `tokio` and hyper, where their
/// features are on; `split` gives the halves.
pub struct Stream(pub(crate) Rc<Link>);

impl Stream {
    /// The two halves.
    #[must_use]
    pub fn split(self) -> (StreamReader, StreamWriter) {
        self.0.halves()
    }

    /// Whose the other end is.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn peer_address(&self) -> io::Result<PeerAddress> {
        self.0.peer_address()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("unread", &self.0.flow.unread()).finish_non_exhaustive()
    }
}
