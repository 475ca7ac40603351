//! `Cipher`: the engine's `Session` of a connection. There are two kinds.

use std::mem::MaybeUninit;

use ferrio_engine::transport::{Plain, Progress, Session};

use crate::ffi::prelude::*;
use crate::net::chunk::Chunk;
use crate::net::sslproto::bio::Buffered;
use crate::net::sslproto::direct::Direct;

/// The most that OpenSSL may hold: a record that is not complete, or was not read to its end.
const RECORD: usize = 16 * 1024 + 512;

/// See the module.
pub(crate) enum Cipher {
    /// An `SSLObject` over two `MemoryBIO`s.
    Buffered(Buffered),
    /// OpenSSL, called directly.
    Direct(Direct),
}

macro_rules! each {
    ($cipher:ident, $session:ident => $answer:expr) => {
        match $cipher {
            Cipher::Buffered($session) => $answer,
            Cipher::Direct($session) => $answer,
        }
    };
}

impl Cipher {
    /// Whether reading calls no Python and lets no other thread run.
    pub(crate) fn reads_directly(&self) -> bool {
        matches!(self, Cipher::Direct(_))
    }
}

impl Held for Cipher {
    fn show(&self, visitor: &mut Visitor<'_>) {
        each!(self, session => session.show(visitor));
    }

    /// The connection is lost.
    fn empty(&self) {
        each!(self, session => session.empty());
    }
}

impl Session for Cipher {
    /// The transport object.
    type Cx<'a> = &'a Bound<'a, PyAny>;
    type Error = PyErr;
    type Ciphertext = Chunk;

    fn feed(&self, this: Self::Cx<'_>, ciphertext: &[u8]) -> PyResult<()> {
        each!(self, session => session.feed(this.py(), ciphertext))
    }

    fn lend<R>(&self, this: Self::Cx<'_>, ciphertext: &[u8], body: impl FnOnce() -> R) -> PyResult<R> {
        each!(self, session => session.lend(this.py(), ciphertext, body))
    }

    fn unread(&self, _: Self::Cx<'_>) -> usize {
        each!(self, session => session.unread())
    }

    fn readable(&self, this: Self::Cx<'_>) -> usize {
        let held = each!(self, session => session.may_hold_some(this.py()));
        each!(self, session => session.unread()) + if held { RECORD } else { 0 }
    }

    fn unsent(&self, this: Self::Cx<'_>) -> usize {
        each!(self, session => session.unsent(this.py()))
    }

    fn take(&self, this: Self::Cx<'_>) -> PyResult<Chunk> {
        each!(self, session => session.take(this.py()))
    }

    fn handshake(&self, this: Self::Cx<'_>) -> PyResult<Progress> {
        each!(self, session => session.handshake(this.py()))
    }

    fn read(&self, this: Self::Cx<'_>, buffer: &mut [MaybeUninit<u8>]) -> PyResult<Plain> {
        each!(self, session => session.read(this.py(), buffer))
    }

    fn write(&self, this: Self::Cx<'_>, data: &[u8]) -> PyResult<Option<usize>> {
        each!(self, session => session.write(this.py(), data))
    }

    fn close(&self, this: Self::Cx<'_>) -> PyResult<Progress> {
        each!(self, session => session.close(this.py()))
    }
}
