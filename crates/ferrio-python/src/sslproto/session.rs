//! `Cipher`: the session of a connection, one of two kinds.

use std::mem::MaybeUninit;

use ferrio_engine::transport::{Plain, Progress, Session};
use pyo3::prelude::*;

use crate::ffi::heap_type::Visitor;
use crate::protocols::Chunk;
use crate::sslproto::bio::Buffered;

/// The most that OpenSSL may hold of a record which is not complete.
const RECORD: usize = 16 * 1024 + 512;

/// See the module.
pub(crate) enum Cipher {
    /// Over two `MemoryBIO`s.
    Buffered(Buffered),
}

impl Cipher {
    pub(crate) fn traverse(&self, visitor: &mut Visitor<'_>) {
        match self {
            Cipher::Buffered(session) => session.traverse(visitor),
        }
    }

    /// Forgets everything: the connection is lost.
    pub(crate) fn clear(&self) {
        match self {
            Cipher::Buffered(session) => session.clear(),
        }
    }

    /// Whether reading calls no Python and lets no other thread run.
    pub(crate) fn reads_directly(&self) -> bool {
        match self {
            Cipher::Buffered(_) => false,
        }
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
        }
    }

    fn unread(&self, this: Self::Cx<'_>) -> usize {
        match self {
            Cipher::Buffered(session) => session.unread(this.py()),
        }
    }

    fn readable(&self, this: Self::Cx<'_>) -> usize {
        match self {
            Cipher::Buffered(session) => session.unread(this.py()) + RECORD,
        }
    }

    fn unsent(&self, this: Self::Cx<'_>) -> usize {
        match self {
            Cipher::Buffered(session) => session.unsent(this.py()),
        }
    }

    fn take(&self, this: Self::Cx<'_>) -> PyResult<Chunk> {
        match self {
            Cipher::Buffered(session) => {
                Ok(session.take(this.py())?.map_or(Chunk::Copied(Vec::new()), Chunk::Shared))
            }
        }
    }

    fn handshake(&self, this: Self::Cx<'_>) -> PyResult<Progress> {
        match self {
            Cipher::Buffered(session) => session.handshake(this.py()),
        }
    }

    fn read(&self, this: Self::Cx<'_>, buffer: &mut [MaybeUninit<u8>]) -> PyResult<Plain> {
        match self {
            Cipher::Buffered(session) => session.read(this.py(), buffer),
        }
    }

    fn write(&self, this: Self::Cx<'_>, data: &[u8]) -> PyResult<Option<usize>> {
        match self {
            Cipher::Buffered(session) => session.write(this.py(), data),
        }
    }

    fn close(&self, this: Self::Cx<'_>) -> PyResult<Progress> {
        match self {
            Cipher::Buffered(session) => session.close(this.py()),
        }
    }
}
