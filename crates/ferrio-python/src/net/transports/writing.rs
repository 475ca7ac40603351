//! `write()` and `writelines()` of stream transports, with asyncio's checks in asyncio's order.
//!
//! Data that a system call cannot take, such as a strided view, is an error of the connection and not of the call.

use ferrio_engine::transport::{Kind, Refused};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView};

use super::StreamTransport;
use crate::compat;
use crate::ffi::buffers::Exported;
use crate::ffi::names::SELECTOR_EVENTS;
use crate::ffi::prelude::*;
use crate::net::base_transport::{PythonTransport, Writable};
use crate::net::chunk::Chunk;
use crate::net::protocols::EMPTY_WAITER;
use crate::net::protocols::transport_class::TransportClass;

impl<C: TransportClass> StreamTransport<C> {
    pub(crate) fn write(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [data] = args.all("write", ["data"])?;
        self.write_object(this, &data)
    }

    fn write_bytes(
        &self,
        this: &Bound<'_, PyAny>,
        data: &[u8],
        rest: impl FnOnce() -> PyResult<Chunk>,
    ) -> PyResult<()> {
        if !self.is_writable(this, "write", || Ok(data.is_empty()))? {
            return Ok(());
        }
        self.transport.write(this, data, rest)
    }

    /// Data that a system call cannot take, such as a strided view: with asyncio an error of the connection, and not of the
    /// call, unless the data would have been copied behind what waits. Where it would have been kept there asyncio notices
    /// when there is room, ferrio at once.
    #[cold]
    fn refused(&self, this: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
        if !self.is_writable(this, "write", || data.is_truthy().map(|full| !full))? {
            return Ok(());
        }
        self.settle(this);
        match C::KIND {
            _ if self.transport.outgoing().is_empty() => {}
            Kind::WriteOnly => return Err(PyTypeError::new_err("can't concat memoryview to bytearray")),
            _ if compat::KEEPS_PIECES => {}
            _ => return Err(PyTypeError::new_err("can't set bytearray slice from memoryview")),
        }
        self.fail(this, error, C::WRITE_FAILED)
    }

    pub(crate) fn writelines(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [lines] = args.all("writelines", ["list_of_data"])?;
        let py = this.py();
        if C::KIND != Kind::Duplex || !compat::KEEPS_PIECES {
            let joined = PyBytes::new(py, b"").call_method1(intern!(py, "join"), (lines,))?;
            return self.write_object(this, &joined);
        }
        if !compat::LOST_LOOKS_AT_NOTHING
            && self.transport.losses() > 0
            && !self.transport.is_ended()
            && lines.is_truthy()?
        {
            // Wrong data is an error, even if the connection is lost.
            for line in lines.try_iter()? {
                PyMemoryView::from(&line?)?;
            }
        }
        if !self.is_writable(this, C::WRITELINES, || lines.is_truthy().map(|full| !full))? {
            return Ok(());
        }
        let mut chunks = Vec::new();
        let mut odd = None;
        for line in lines.try_iter()? {
            let line = line?;
            match Chunk::of(&line) {
                Ok(chunk) => chunks.push(chunk),
                Err(error) => {
                    PyMemoryView::from(&line)?;
                    odd = Some(error);
                }
            }
        }
        // The iterator may have closed the connection.
        if self.transport.losses() > 0 {
            return Ok(());
        }
        match odd {
            Some(error) => self.fail(this, error, C::WRITE_FAILED),
            None => self.transport.write_all(this, chunks),
        }
    }

    /// Whether to write: errors for calls that are wrong, false for those that are void.
    fn is_writable(
        &self,
        this: &Bound<'_, PyAny>,
        method: &str,
        is_empty: impl FnOnce() -> PyResult<bool>,
    ) -> PyResult<bool> {
        if C::KIND != Kind::Duplex || !self.transport.is_ended() {
            if !self.base().sparse.is_empty(EMPTY_WAITER) {
                return Err(PyRuntimeError::new_err(format!("unable to {method}; sendfile is in progress")));
            }
            if is_empty()? {
                return Ok(false);
            }
        }
        match self.transport.may_write() {
            Ok(()) => Ok(true),
            Err(Refused::AfterEof) => {
                Err(PyRuntimeError::new_err(format!("Cannot call {method}() after write_eof()")))
            }
            Err(Refused::Lost(times)) => {
                let py = this.py();
                SELECTOR_EVENTS
                    .helper(py, intern!(py, "write_after_loss"))?
                    .call1((times, C::WRITE_AFTER_LOSS))?;
                Ok(false)
            }
        }
    }
}

impl<C: TransportClass> Writable for StreamTransport<C> {
    fn write_object(&self, this: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(bytes) = data.cast_exact::<PyBytes>() {
            return self.write_bytes(this, bytes.as_bytes(), || Ok(Chunk::from(bytes.clone())));
        }
        require_bytes_like(data, compat::WRITABLE)?;
        let exported = match Exported::new(data, false) {
            Ok(exported) => exported,
            Err(error) => return self.refused(this, data, error),
        };
        let bytes = exported.as_ref();
        self.write_bytes(this, bytes, || Ok(Chunk::Copied(bytes.to_vec())))
    }

    /// A stream's `drain()` calls this: sends what was written first.
    fn is_closing(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.settle_stream(this)?;
        Ok(self.transport.is_closing())
    }
}

/// Raises an error that names `wanted` unless `data` may be written.
pub(crate) fn require_bytes_like(data: &Bound<'_, PyAny>, wanted: &str) -> PyResult<()> {
    if data.is_instance_of::<PyBytes>()
        || data.is_instance_of::<PyByteArray>()
        || data.is_instance_of::<PyMemoryView>()
    {
        return Ok(());
    }
    let kind = data.get_type().name()?.repr()?.to_string();
    Err(PyTypeError::new_err(format!("data argument must be {wanted}, not {kind}")))
}
