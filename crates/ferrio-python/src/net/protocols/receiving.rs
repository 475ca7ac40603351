//! Receiving, one method for each `Delivery`. They differ in where a read puts the bytes. All treat the end of the stream, a
//! read that has to wait, and errors in the same way.

use std::io;

use ferrio_engine::Loop;
use ferrio_engine::transport::{Channel, Fault, Received};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::types::PyBytes;

use super::PyProtocol;
use crate::event_loop::exceptions::os_error;
use crate::ffi::buffers::{Exported, bytes_filled_by, filled};
use crate::ffi::prelude::*;
use crate::net::base_transport::fatal;
use crate::net::protocols::delivery::{Delivery, Readers};
use crate::net::protocols::transport_class::TransportClass;
use crate::net::scratch::{SCRATCH, with_ciphertext, with_scratch};

type Outcome = Result<Received, Fault<PyErr, Py<PyAny>>>;

impl<C: TransportClass> PyProtocol<C> {
    /// Reads from the channel once, and hands on what came.
    pub(super) fn receive_once(&self, this: &Bound<'_, PyAny>, channel: &impl Channel) -> Outcome {
        match self.delivery.get() {
            Delivery::DataReceived => self.receive_data(this, channel),
            Delivery::BufferUpdated => self.receive_into_buffer(this, channel),
            Delivery::Reader(readers) => self.receive_into_reader(this, channel, readers),
            Delivery::Layer(_) => self.receive_for_layer(this, channel),
        }
    }

    #[inline]
    fn receive_data(&self, this: &Bound<'_, PyAny>, channel: &impl Channel) -> Outcome {
        let py = this.py();
        let data = match self.read(py, channel).map_err(|error| fatal(this, error, C::READ_FAILED))? {
            Ok(data) => data,
            Err(error) => return not_read::<C>(this, &error),
        };
        if data.as_bytes().is_empty() {
            return Ok(Received::End);
        }
        let name = intern!(py, "data_received");
        let called = self.base.call(py, |protocol| call_method1(protocol, name, &data));
        self.handed_on(this, called.map(drop), "data_received")
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

    /// Hands the layer a slice of the thread's buffer, unless it takes the bytes by itself.
    fn receive_for_layer(&self, this: &Bound<'_, PyAny>, channel: &impl Channel) -> Outcome {
        let protocol = self.base.protocol(this.py());
        let Some((protocol, layer)) = self.layer(protocol.as_ref()) else { return Ok(Received::Nothing) };
        if let Some(read) = layer.receive(protocol, &mut |buffer| channel.read(buffer)) {
            return match read {
                Ok(Ok(0)) => Ok(Received::End),
                Ok(Err(error)) => not_read::<C>(this, &error),
                Ok(Ok(_)) => Ok(Received::Data),
                Err(error) => self.handed_on(this, Err(error), "buffer_updated"),
            };
        }
        with_ciphertext(|space| {
            let data = match filled(space, |space| channel.read(space)) {
                Ok([]) => return Ok(Received::End),
                Ok(data) => data,
                Err(error) => return not_read::<C>(this, &error),
            };
            self.handed_on(this, layer.data_received(protocol, data), "buffer_updated")
        })
    }

    fn receive_into_reader(
        &self,
        this: &Bound<'_, PyAny>,
        channel: &impl Channel,
        readers: &Readers,
    ) -> Outcome {
        let py = this.py();
        let object = self.base.protocol(py).as_ref().and_then(readers.of);
        let Some((object, reader)) = object.as_ref().and_then(|it| Some((it, (readers.state)(it)?))) else {
            return self.receive_data(this, channel);
        };
        let last = self.last_read.get() as usize;
        let room = (last > LARGE).then(|| room_after(last));
        let filled = reader.fill(object, room, &mut |buffer| channel.read(buffer));
        let count = match filled.map_err(|error| fatal(this, error, C::READ_FAILED))? {
            Ok(0) => return Ok(Received::End),
            Ok(count) => count,
            Err(error) => return not_read::<C>(this, &error),
        };
        self.remember(count);
        let filled = reader.filled(object);
        if filled.is_ok() {
            self.base.on_engine(py, Loop::note_quiet);
        }
        self.handed_on(this, filled, "data_received")
    }

    fn receive_into_buffer(&self, this: &Bound<'_, PyAny>, channel: &impl Channel) -> Outcome {
        let py = this.py();
        let offered = self
            .base
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
        let mut exported =
            Exported::new(&buffer, true).map_err(|_| fatal(this, not_writable(&buffer), C::READ_FAILED))?;
        let count = match channel.read(exported.for_filling()) {
            Ok(0) => return Ok(Received::End),
            Ok(count) => count,
            Err(error) => return not_read::<C>(this, &error),
        };
        drop(exported);
        let name = intern!(py, "buffer_updated");
        let called = self.base.call(py, |protocol| protocol.call_method1(name, (count,)));
        self.handed_on(this, called.map(drop), "buffer_updated")
    }

    /// Data was handed on; `result` is that of the callback.
    #[inline]
    fn handed_on(&self, this: &Bound<'_, PyAny>, result: PyResult<()>, callback: &str) -> Outcome {
        result.or_else(|error| self.delivery_failed(this, error, callback)).map(|()| Received::Data)
    }
}

/// The error of `socket.recv_into()` for a buffer that cannot be written.
fn not_writable(buffer: &Bound<'_, PyAny>) -> PyErr {
    match buffer.get_type().name() {
        Ok(kind) => PyTypeError::new_err(format!(
            "recv_into() argument 1 must be read-write bytes-like object, not {kind}"
        )),
        Err(error) => error,
    }
}

/// A read failed: there is no data yet, or an error to report.
fn not_read<C: TransportClass>(this: &Bound<'_, PyAny>, error: &io::Error) -> Outcome {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(Received::Nothing),
        _ => Err(fatal(this, os_error(error), C::READ_FAILED)),
    }
}

/// After a read of more than this, the next one goes straight into a `bytes` of about that size. Smaller reads are copied out
/// of the thread's buffer, which costs less than to allocate for the largest read and to shrink. With a copy always, the
/// benchmark `bulk_receive` takes 1.5 times the CPU time.
const LARGE: usize = 32 * 1024;

/// How much to ask for after a large read: a quarter more, in whole steps. For messages of 100 KiB this is a tenth faster
/// than to ask always for the most and to give the rest of the memory back.
fn room_after(read: usize) -> usize {
    const STEP: usize = 16 * 1024;
    (read + read / 4).next_multiple_of(STEP).min(SCRATCH)
}
