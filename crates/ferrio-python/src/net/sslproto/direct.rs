//! `Direct`: a session that calls OpenSSL itself for every record, on the `SSL*` of the user's own `SSLObject`.
//!
//! For the handshake and for closing it calls the object's methods, so that callbacks, verification and exceptions are
//! Python's. After an error in between it calls Python's `read` or `write` again, which raises what OpenSSL has in its queue.

use std::mem::MaybeUninit;

use ferrio_engine::transport::{Plain, Progress};
use pyo3::exceptions::PyOSError;
use pyo3::types::{PyBytes, PyString};

use crate::ffi::openssl::{Answer, Connection, OpenSsl};
use crate::ffi::prelude::*;
use crate::net::chunk::Chunk;
use crate::net::sslproto::errors::is_again;

/// See the module.
pub(crate) struct Direct {
    connection: Connection,
    /// The `SSLObject`, if its class replaces `do_handshake` or `unwrap`.
    object: Slot,
    /// Everything that came was read.
    all_read: Cell<bool>,
}

held!(Direct: connection, object);

impl Direct {
    /// `object` is given if its class replaces the methods for the handshake or for closing.
    pub(crate) fn new(
        library: &'static OpenSsl,
        inner: &Bound<'_, PyAny>,
        object: Option<&Bound<'_, PyAny>>,
    ) -> Option<Self> {
        let connection = Connection::take(library, inner)?;
        let object = object.map_or_else(Slot::default, |object| Slot::new(object.clone().into()));
        Some(Direct { connection, object, all_read: Cell::new(false) })
    }

    #[expect(clippy::unnecessary_wraps, reason = "as `Buffered::lend`, which may fail")]
    pub(crate) fn lend<R>(&self, _: Python<'_>, ciphertext: &[u8], body: impl FnOnce() -> R) -> PyResult<R> {
        self.all_read.set(false);
        Ok(self.connection.lend(ciphertext, body))
    }

    #[expect(clippy::unnecessary_wraps, reason = "as `Buffered::feed`, which may fail")]
    pub(crate) fn feed(&self, _: Python<'_>, ciphertext: &[u8]) -> PyResult<()> {
        self.all_read.set(false);
        self.connection.feed(ciphertext);
        Ok(())
    }

    pub(crate) fn unread(&self) -> usize {
        self.connection.unread()
    }

    pub(crate) fn unsent(&self, _: Python<'_>) -> usize {
        self.connection.unsent()
    }

    #[expect(clippy::unnecessary_wraps, reason = "as `Buffered::take`, which may fail")]
    pub(crate) fn take(&self, _: Python<'_>) -> PyResult<Chunk> {
        Ok(Chunk::Copied(self.connection.take_output()))
    }

    /// Whether OpenSSL holds bytes that are not counted as unread.
    pub(crate) fn may_hold_some(&self, py: Python<'_>) -> bool {
        self.connection.holds_some(py)
    }

    pub(crate) fn handshake(&self, py: Python<'_>) -> PyResult<Progress> {
        self.drive(py, intern!(py, "do_handshake"), intern!(py, "do_handshake"))
    }

    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<Progress> {
        self.drive(py, intern!(py, "unwrap"), intern!(py, "shutdown"))
    }

    pub(crate) fn read(&self, py: Python<'_>, buffer: &mut [MaybeUninit<u8>]) -> PyResult<Plain> {
        if self.all_read.get() {
            return Ok(Plain::Nothing);
        }
        match self.connection.read(py, buffer) {
            Answer::Bytes(count) => {
                // A read that did not fill the buffer took the whole record.
                let whole = count < buffer.len() || !self.connection.holds_plaintext(py);
                self.all_read.set(whole && self.unread() == 0);
                Ok(Plain::Bytes(count))
            }
            Answer::Again => Ok(Plain::Nothing),
            Answer::End => Ok(Plain::End),
            Answer::Failed => {
                let one = 1_usize.into_pyobject(py)?;
                Err(self.failure(py, intern!(py, "read"), one.as_any()))
            }
        }
    }

    pub(crate) fn write(&self, py: Python<'_>, data: &[u8]) -> PyResult<Option<usize>> {
        match self.connection.write(py, data) {
            Answer::Bytes(count) => Ok(Some(count)),
            Answer::Again => Ok(None),
            Answer::End | Answer::Failed => {
                // An empty write: nothing is sent if the error does not come again.
                Err(self.failure(py, intern!(py, "write"), PyBytes::new(py, b"").as_any()))
            }
        }
    }

    fn drive(
        &self,
        py: Python<'_>,
        outside: &Bound<'_, PyString>,
        inside: &Bound<'_, PyString>,
    ) -> PyResult<Progress> {
        self.all_read.set(false);
        let called = match self.object.bind(py) {
            Some(object) => call_method0(&object, outside),
            None => match self.connection.alive(py) {
                Some(inner) => call_method0(&inner, inside),
                None => return Ok(Progress::Waiting),
            },
        };
        match called {
            Ok(_) => Ok(Progress::Done),
            Err(error) if is_again(py, &error)? => Ok(Progress::Waiting),
            Err(error) => Err(error),
        }
    }

    /// The exception that Python raises for the error.
    fn failure(&self, py: Python<'_>, name: &Bound<'_, PyString>, argument: &Bound<'_, PyAny>) -> PyErr {
        let unknown = || PyOSError::new_err("TLS failed, and OpenSSL does not say why");
        let Some(inner) = self.connection.alive(py) else { return unknown() };
        match call_method1(&inner, name, argument) {
            Err(error) if !is_again(py, &error).unwrap_or(true) => error,
            _ => unknown(),
        }
    }
}
