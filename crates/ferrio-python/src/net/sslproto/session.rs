//! `Cipher`: the session of a connection, one of two kinds.

use std::mem::MaybeUninit;

use ferrio_engine::transport::{Plain, Progress, Session};
use pyo3::prelude::*;

use crate::ffi::heap_type::Visitor;
use crate::net::chunk::Chunk;
use crate::net::sslproto::bio::Buffered;
use crate::net::sslproto::direct::Direct;

/// The most that OpenSSL may hold of a record: it is not complete, or was not read to its end.
const RECORD: usize = 16 * 1024 + 512;

/// See the module.
pub(crate) enum Cipher {
    /// Over two `MemoryBIO`s.
    Buffered(Buffered),
    /// OpenSSL itself.
    Direct(Direct),
}

impl Cipher {
    pub(crate) fn traverse(&self, visitor: &mut Visitor<'_>) {
        match self {
            Cipher::Buffered(session) => session.traverse(visitor),
            Cipher::Direct(session) => session.traverse(visitor),
        }
    }

    /// Forgets everything: the connection is lost.
    pub(crate) fn clear(&self) {
        match self {
            Cipher::Buffered(session) => session.clear(),
            Cipher::Direct(session) => session.clear(),
        }
    }

    /// Whether reading calls no Python and lets no other thread run.
    pub(crate) fn reads_directly(&self) -> bool {
        matches!(self, Cipher::Direct(_))
    }
}

impl Session for Cipher {
    /// The transport object.
    type Cx<'a> = &'a Bound<'a, PyAny>;
    type Error = PyErr;
    type Ciphertext = Chunk;

    fn feed(&self, this: Self::Cx<'_>, ciphertext: &[u8]) -> PyResult<()> {
        match self {
            Cipher::Buffered(session) => session.feed(this.py(), ciphertext),
            Cipher::Direct(session) => {
                session.feed(ciphertext);
                Ok(())
            }
        }
    }

    fn lend<R>(&self, this: Self::Cx<'_>, ciphertext: &[u8], body: impl FnOnce() -> R) -> PyResult<R> {
        match self {
            Cipher::Buffered(session) => {
                session.feed(this.py(), ciphertext)?;
                Ok(body())
            }
            Cipher::Direct(session) => Ok(session.lend(ciphertext, body)),
        }
    }

    fn unread(&self, _: Self::Cx<'_>) -> usize {
        match self {
            Cipher::Buffered(session) => session.unread(),
            Cipher::Direct(session) => session.unread(),
        }
    }

    fn readable(&self, this: Self::Cx<'_>) -> usize {
        match self {
            Cipher::Buffered(session) => session.unread() + RECORD,
            Cipher::Direct(session) => {
                session.unread() + if session.holds_some(this.py()) { RECORD } else { 0 }
            }
        }
    }

    fn unsent(&self, this: Self::Cx<'_>) -> usize {
        match self {
            Cipher::Buffered(session) => session.unsent(this.py()),
            Cipher::Direct(session) => session.unsent(),
        }
    }

    fn take(&self, this: Self::Cx<'_>) -> PyResult<Chunk> {
        match self {
            Cipher::Buffered(session) => {
                Ok(session.take(this.py())?.map_or(Chunk::Copied(Vec::new()), Chunk::from))
            }
            Cipher::Direct(session) => Ok(Chunk::Copied(session.take())),
        }
    }

    fn handshake(&self, this: Self::Cx<'_>) -> PyResult<Progress> {
        match self {
            Cipher::Buffered(session) => session.handshake(this.py()),
            Cipher::Direct(session) => session.handshake(this.py()),
        }
    }

    fn read(&self, this: Self::Cx<'_>, buffer: &mut [MaybeUninit<u8>]) -> PyResult<Plain> {
        match self {
            Cipher::Buffered(session) => session.read(this.py(), buffer),
            Cipher::Direct(session) => session.read(this.py(), buffer),
        }
    }

    fn write(&self, this: Self::Cx<'_>, data: &[u8]) -> PyResult<Option<usize>> {
        match self {
            Cipher::Buffered(session) => session.write(this.py(), data),
            Cipher::Direct(session) => session.write(this.py(), data),
        }
    }

    fn close(&self, this: Self::Cx<'_>) -> PyResult<Progress> {
        match self {
            Cipher::Buffered(session) => session.close(this.py()),
            Cipher::Direct(session) => session.close(this.py()),
        }
    }
}
