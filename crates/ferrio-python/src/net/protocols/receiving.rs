//! How data reaches a protocol: as `bytes`, in a buffer of its own, in a reader's buffer, or as ciphertext in TLS.
//!
//! The ways differ in where the read goes; the end of the stream, a read that has to wait and errors are the same in all.

use std::io;

use ferrio_engine::Loop;
use ferrio_engine::transport::{Channel, Fault, Received};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyType};

use super::{PyProtocol, fatal};
use crate::event_loop::exceptions::os_error;
use crate::ffi::buffers::{Exported, bytes_filled_by, filled};
use crate::ffi::call::call_method1;
use crate::net::doors::Door;
use crate::net::scratch::{SCRATCH, with_ciphertext, with_scratch};
use crate::net::sslproto::SslTransport;
use crate::net::streams;
use crate::net::streams::protocol::Destination;

/// How a protocol takes data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// As `bytes`.
    Bytes,
    /// In a buffer of its own: a `BufferedProtocol`.
    Buffer,
    /// In the buffer of its stream's reader, without being called.
    Stream,
    /// As ciphertext, without a copy: TLS.
    Tls,
}

impl Takes {
    /// How `protocol` does.
    pub(crate) fn of(protocol: &Bound<'_, PyAny>) -> PyResult<Self> {
        static BUFFERED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let py = protocol.py();
        Ok(if streams::protocol::is_plain(protocol) {
            Takes::Stream
        } else if SslTransport::of(protocol).is_some() {
            Takes::Tls
        } else if protocol.is_instance(BUFFERED.import(py, "asyncio", "BufferedProtocol")?)? {
            Takes::Buffer
        } else {
            Takes::Bytes
        })
    }
}

impl<C: Door> PyProtocol<C> {
    /// Reads from the channel once, and hands on what came.
    pub(super) fn receive_once(
        &self,
        this: &Bound<'_, PyAny>,
        channel: &impl Channel,
    ) -> Result<Received, Fault<PyErr, Py<PyAny>>> {
        match self.takes.get() {
            Takes::Bytes => self.receive_data(this, channel),
            Takes::Buffer => self.receive_into(this, channel),
            Takes::Stream => self.receive_stream(this, channel),
            Takes::Tls => self.receive_tls(this, channel),
        }
    }

    #[inline]
    fn receive_data(
        &self,
        this: &Bound<'_, PyAny>,
        channel: &impl Channel,
    ) -> Result<Received, Fault<PyErr, Py<PyAny>>> {
        let py = this.py();
        let failed = |error| fatal(this, error, C::READ_FAILED);
        let data = match self.read(py, channel).map_err(failed)? {
            Ok(data) => data,
            Err(error) => return refused(error).map_err(|error| failed(os_error(&error))),
        };
        if data.as_bytes().is_empty() {
            return Ok(Received::End);
        }
        let name = intern!(py, "data_received");
        match self.call(py, |protocol| call_method1(protocol, name, &data)) {
            Ok(_) => Ok(Received::Data),
            Err(error) => C::callback_failed(this, error, "data_received").map(|()| Received::Data),
        }
    }

    fn read<'py>(
        &self,
        py: Python<'py>,
        channel: &impl Channel,
    ) -> PyResult<io::Result<Bound<'py, PyBytes>>> {
        let last = self.last_read.get() as usize;
        if last > LARGE {
            let read = bytes_filled_by(py, room_after(last), |buffer| channel.read(buffer))?;
            self.remember(read.as_ref().map_or(0, |data| data.as_bytes().len()));
            return Ok(read);
        }
        with_scratch(|space| {
            let count = match channel.read(space) {
                Ok(count) => count,
                Err(error) => return Ok(Err(error)),
            };
            self.remember(count);
            bytes_filled_by(py, count, |buffer| {
                buffer.copy_from_slice(&space[..count]);
                Ok(count)
            })
        })
    }

    fn remember(&self, count: usize) {
        self.last_read.set(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// Ciphertext, which TLS decrypts while it is there.
    fn receive_tls(
        &self,
        this: &Bound<'_, PyAny>,
        channel: &impl Channel,
    ) -> Result<Received, Fault<PyErr, Py<PyAny>>> {
        let protocol = self.protocol(this.py());
        let Some((protocol, tls)) = self.tls(protocol.as_ref()) else { return Ok(Received::Nothing) };
        with_ciphertext(|space| {
            let failed = |error: io::Error| fatal(this, os_error(&error), C::READ_FAILED);
            let ciphertext = match filled(space, |space| channel.read(space)) {
                Ok([]) => return Ok(Received::End),
                Ok(ciphertext) => ciphertext,
                Err(error) => return refused(error).map_err(failed),
            };
            match tls.received(protocol, ciphertext) {
                Ok(()) => Ok(Received::Data),
                Err(error) => C::callback_failed(this, error, "buffer_updated").map(|()| Received::Data),
            }
        })
    }

    /// Straight into a reader's buffer.
    fn receive_stream(
        &self,
        this: &Bound<'_, PyAny>,
        channel: &impl Channel,
    ) -> Result<Received, Fault<PyErr, Py<PyAny>>> {
        let py = this.py();
        let destination = self.protocol(py).as_ref().and_then(Destination::of);
        let Some((object, reader)) = destination.as_ref().and_then(Destination::parts) else {
            return self.receive_data(this, channel);
        };
        let last = self.last_read.get() as usize;
        let room = (last > LARGE).then(|| room_after(last));
        let failed = |error| fatal(this, error, C::READ_FAILED);
        let count = match reader.receive(object, room, |buffer| channel.read(buffer)).map_err(failed)? {
            Ok(0) => return Ok(Received::End),
            Ok(count) => count,
            Err(error) => return refused(error).map_err(|error| failed(os_error(&error))),
        };
        self.remember(count);
        match reader.received(object) {
            Ok(()) => {
                self.on_engine(py, Loop::note_quiet);
                Ok(Received::Data)
            }
            Err(error) => C::callback_failed(this, error, "data_received").map(|()| Received::Data),
        }
    }

    fn receive_into(
        &self,
        this: &Bound<'_, PyAny>,
        channel: &impl Channel,
    ) -> Result<Received, Fault<PyErr, Py<PyAny>>> {
        let py = this.py();
        let offered = self
            .call(py, |protocol| protocol.call_method1(intern!(py, "get_buffer"), (-1,)))
            .and_then(|buffer| {
                let Some(buffer) = buffer else { return Ok(None) };
                if buffer.len()? == 0 {
                    return Err(PyRuntimeError::new_err("get_buffer() returned an empty buffer"));
                }
                Ok(Some(buffer))
            });
        let buffer = match offered {
            Ok(Some(buffer)) => buffer,
            Ok(None) => return Ok(Received::Nothing),
            Err(error) => return Err(fatal(this, error, "Fatal error: protocol.get_buffer() call failed.")),
        };
        let failed = |error| fatal(this, error, C::READ_FAILED);
        let mut exported = Exported::new(&buffer, true).map_err(|_| failed(no_room(&buffer)))?;
        let count = match channel.read(exported.for_filling()) {
            Ok(0) => return Ok(Received::End),
            Ok(count) => count,
            Err(error) => return refused(error).map_err(|error| failed(os_error(&error))),
        };
        drop(exported);
        match self.call(py, |protocol| protocol.call_method1(intern!(py, "buffer_updated"), (count,))) {
            Ok(_) => Ok(Received::Data),
            Err(error) => C::callback_failed(this, error, "buffer_updated").map(|()| Received::Data),
        }
    }
}

/// What `socket.recv_into()` says of what cannot be filled.
fn no_room(buffer: &Bound<'_, PyAny>) -> PyErr {
    match buffer.get_type().name() {
        Ok(kind) => PyTypeError::new_err(format!(
            "recv_into() argument 1 must be read-write bytes-like object, not {kind}"
        )),
        Err(error) => error,
    }
}

/// An error of a non-blocking read that only means "later" is none.
fn refused(error: io::Error) -> Result<Received, io::Error> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(Received::Nothing),
        _ => Err(error),
    }
}

/// A read of more than this is followed by one straight into a `bytes` of about its size. Smaller ones are copied out of
/// the thread's scratch buffer, which costs less than allocating for the worst case and shrinking.
const LARGE: usize = 32 * 1024;

/// How much to ask for after a large read: a quarter more, in whole steps. For 100 KiB messages that is a tenth faster
/// than always asking for the most, whose memory is then given back.
fn room_after(read: usize) -> usize {
    const STEP: usize = 16 * 1024;
    (read + read / 4).next_multiple_of(STEP).min(SCRATCH)
}
