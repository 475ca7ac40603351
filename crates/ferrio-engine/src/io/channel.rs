//! Channels: the bytes of a socket or a pipe. Whatever differs between them is here.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use rustix::fs::FileType;
use rustix::net::{RecvFlags, Shutdown};

use crate::io::sys;

/// Which ways the bytes of a channel flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Both ways, each of which can end alone.
    Duplex,
    /// Towards us only: the end of the stream is the end of the channel.
    ReadOnly,
    /// Away from us only: being readable means that the reader is gone.
    WriteOnly,
}

/// A non-blocking stream of bytes.
pub trait Channel {
    /// Which ways it goes.
    const KIND: Kind;

    /// Its descriptor.
    fn descriptor(&self) -> &Descriptor;

    /// Reads what is there; zero is the end.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there.
    fn read(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize>;

    /// Writes what there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is none.
    fn write(&self, data: &[u8]) -> io::Result<usize>;

    /// As `write`, of several pieces.
    ///
    /// # Errors
    /// As `write`.
    fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Tells the peer that no more comes.
    ///
    /// # Errors
    /// When the peer is gone already, or the channel knows no half-closing.
    fn end(&self) -> io::Result<()>;

    /// Whether a peer that goes away makes it readable.
    fn shows_hang_up(&self) -> bool {
        true
    }
}

/// Appends to `buffer` what is there, at most `most` bytes, and says how many; zero is the end.
///
/// # Errors
/// As `Channel::read`.
pub fn read_append(channel: &impl Channel, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    buffer.reserve(most);
    let count = channel.read(&mut buffer.spare_capacity_mut()[..most])?;
    // SAFETY: a channel's `read` says how many bytes it has written, from the first on; no more than there was room for.
    unsafe { buffer.set_len(buffer.len() + count.min(most)) };
    Ok(count)
}

/// A descriptor that is ours to close, or lent by an object of the door's that closes it.
#[derive(Debug)]
pub struct Descriptor {
    number: RawFd,
    hold: Cell<Hold>,
}

/// What the number is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// Ours to close.
    Owned,
    /// Somebody else's, who closes it.
    Lent,
    /// Nobody's that we know: whose it is by now must not be touched.
    Void,
}

impl Descriptor {
    /// Ours to close.
    #[must_use]
    pub fn owned(descriptor: OwnedFd) -> Self {
        Descriptor { number: descriptor.into_raw_fd(), hold: Cell::new(Hold::Owned) }
    }

    /// Somebody else's. Once they closed it the number may be another's: whoever lends it has to be asked.
    #[must_use]
    pub fn lent(number: RawFd) -> Self {
        Descriptor { number, hold: Cell::new(Hold::Lent) }
    }

    /// Its number, also after it was closed.
    #[inline]
    #[must_use]
    pub fn number(&self) -> RawFd {
        self.number
    }

    /// Leaves the closing to the caller from now on.
    pub fn release(&self) -> RawFd {
        self.hold.set(Hold::Lent);
        self.number
    }

    /// Whoever lent it is gone: every call fails from now on with the kernel's "bad descriptor".
    pub fn void(&self) {
        if self.hold.get() == Hold::Lent {
            self.hold.set(Hold::Void);
        }
    }

    /// Closes it, if it is ours and not closed yet.
    pub fn close(&self) {
        if self.hold.get() == Hold::Owned {
            self.hold.set(Hold::Void);
            // SAFETY: it is `Owned` while the number came from an `OwnedFd` and was neither closed nor released.
            drop(unsafe { OwnedFd::from_raw_fd(self.number) });
        }
    }

    /// Has a TCP socket send small writes at once; other descriptors know no such thing and ignore it.
    pub fn set_no_delay(&self) {
        let _not_tcp = rustix::net::sockopt::set_tcp_nodelay(self.borrow(), true);
    }

    /// For a system call.
    #[inline]
    #[must_use]
    pub fn borrow(&self) -> BorrowedFd<'_> {
        // A closed socket object says -1, which must not become a `BorrowedFd`; this number is as little open.
        let open = self.number >= 0 && self.hold.get() != Hold::Void;
        let number = if open { self.number } else { RawFd::MAX };
        // SAFETY: the number is passed to the kernel only, which refuses one that is not open.
        unsafe { BorrowedFd::borrow_raw(number) }
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.number
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        self.close();
    }
}

/// A connected stream socket. No call on it waits, even where whoever lent the descriptor left it blocking.
#[derive(Debug)]
pub struct Socket(pub Descriptor);

impl Channel for Socket {
    const KIND: Kind = Kind::Duplex;

    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn read(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        Ok(rustix::net::recv(self.0.borrow(), buffer, RecvFlags::DONTWAIT)?.1)
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self.0.borrow(), data, sys::SEND)?)
    }

    fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        // The kernel takes longer to read what describes a message than it takes for one piece of it.
        if let [piece] = pieces {
            return self.write(piece);
        }
        let mut control = rustix::net::SendAncillaryBuffer::default();
        Ok(rustix::net::sendmsg(self.0.borrow(), pieces, &mut control, sys::SEND)?)
    }

    fn end(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self.0.borrow(), Shutdown::Write)?)
    }
}

/// The reading end of a pipe, or whatever is read like one: a terminal, a FIFO, a socket.
#[derive(Debug)]
pub struct ReadPipe(pub Descriptor);

impl Channel for ReadPipe {
    const KIND: Kind = Kind::ReadOnly;

    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn read(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        Ok(rustix::io::read(self.0.borrow(), buffer)?.0.len())
    }

    fn write(&self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn end(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The writing end of a pipe, or whatever is written like one.
#[derive(Debug)]
pub struct WritePipe(pub Descriptor);

impl Channel for WritePipe {
    const KIND: Kind = Kind::WriteOnly;

    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn read(&self, _: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self.0.borrow(), data)?)
    }

    fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::writev(self.0.borrow(), pieces)?)
    }

    fn end(&self) -> io::Result<()> {
        Ok(())
    }

    /// A FIFO and a socket are readable at their writing end then; other things stay silent.
    fn shows_hang_up(&self) -> bool {
        rustix::fs::fstat(self.0.borrow()).is_ok_and(|stat| {
            matches!(FileType::from_raw_mode(stat.st_mode), FileType::Fifo | FileType::Socket)
        })
    }
}
