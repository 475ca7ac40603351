//! `WithOwner<C>`: a channel, and the Python object that owns its descriptor, where there is one.
//!
//! A program may close or detach a socket while its transport is open, and the kernel may give the number to another
//! connection. asyncio calls the socket's methods, which notice that. We ask the socket for its number before each system
//! call. Pipes are used by their numbers, as in asyncio.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;

use ferrio_engine::transport::{Channel, Descriptor, Kind};

use crate::ffi::prelude::*;
use crate::ffi::socket::Lender;

/// See the module.
#[derive(Debug)]
pub(crate) struct WithOwner<C> {
    channel: C,
    /// Empty while the transport owns the descriptor: most accepted connections never need a Python object.
    owner: Lender,
}

impl<C: Channel> Held for WithOwner<C> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.owner.slot().show(visitor);
    }

    fn empty(&self) {
        drop(self.part());
    }
}

impl<C: Channel> WithOwner<C> {
    pub(crate) fn new(channel: C, owner: Option<&Bound<'_, PyAny>>) -> Self {
        WithOwner { channel, owner: Lender::new(owner) }
    }

    /// The Python object, if there is one.
    pub(crate) fn owner<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.owner.slot().bind(py)
    }

    pub(crate) fn has_owner(&self) -> bool {
        !self.owner.slot().is_empty()
    }

    /// `owner` closes the descriptor from now on.
    pub(crate) fn give(&self, owner: &Bound<'_, PyAny>) {
        self.channel.descriptor().release();
        self.owner.set(owner);
    }

    /// Drops the owner. The descriptor that it lent must not be used any more.
    pub(crate) fn part(&self) -> Option<Ref> {
        self.channel.descriptor().void();
        self.owner.take()
    }

    /// The connection is lost. A pipe is dropped as in `part`; a socket is closed, and stays for `get_extra_info()`.
    pub(crate) fn end_of_use(&self) -> Option<Ref> {
        if C::KIND == Kind::Duplex {
            self.channel.descriptor().void();
            return None;
        }
        self.part()
    }

    /// The descriptor, if the owner still has that number.
    #[inline]
    pub(crate) fn valid(&self) -> io::Result<&Descriptor> {
        let descriptor = self.channel.descriptor();
        if C::KIND != Kind::Duplex || self.owner.lends(descriptor.number()) {
            Ok(descriptor)
        } else {
            Err(rustix::io::Errno::BADF.into())
        }
    }
}

impl<C: Channel> Channel for WithOwner<C> {
    const KIND: Kind = C::KIND;

    fn descriptor(&self) -> &Descriptor {
        self.channel.descriptor()
    }

    #[inline]
    fn read(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        self.valid()?;
        self.channel.read(buffer)
    }

    #[inline]
    fn write(&self, data: &[u8]) -> io::Result<usize> {
        self.valid()?;
        self.channel.write(data)
    }

    fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.valid()?;
        self.channel.write_vectored(pieces)
    }

    fn end(&self) -> io::Result<()> {
        self.valid()?;
        self.channel.end()
    }

    fn shows_hang_up(&self) -> bool {
        self.channel.shows_hang_up()
    }
}
