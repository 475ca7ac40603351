//! `Below`: the transport that a connection writes to. Ours over a socket is called natively, any other by its methods.
//!
//! Transports do not say how much their client has taken. `stuck_since` works it out from what was written and what waits, as
//! often as somebody looks.

use ferrio_engine::transport::Socket;
use pyo3::exceptions::PyOSError;
use pyo3::types::{PyBytes, PyType};

use crate::ffi::prelude::*;
use crate::net::chunk::Chunk;
use crate::net::sslproto::SslTransport;
use crate::net::transports::StreamTransport;

/// See the module.
#[derive(Default)]
pub(crate) struct Below {
    pub(super) transport: Slot,
    native: Cell<bool>,
    /// Bytes that were written so far, and how many of them the client had taken when somebody last looked.
    written: Cell<u64>,
    taken: Cell<u64>,
    /// When the client was last seen to take some of what waits, if anything waits.
    moved: Cell<Option<f64>>,
}

held!(Below: transport);

impl Below {
    pub(crate) fn set(&self, transport: &Bound<'_, PyAny>) -> PyResult<()> {
        static SOCKET: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let ours = SOCKET.known(transport.py(), "ferrio.selector_events", "SocketTransport")?;
        self.native.set(transport.get_type().is(ours));
        self.transport.set(transport.clone());
        Ok(())
    }

    /// From now on what is written leaves with what others write in the same turn, where the transport is ours.
    pub(crate) fn gather(&self, py: Python<'_>) {
        let Some(transport) = self.get(py) else { return };
        if let Some(native) = self.native(&transport) {
            native.gather();
        } else if let Some(layer) = try_state::<SslTransport>(&transport) {
            layer.gather(&transport);
        }
    }

    /// Gives the transport up; the connection is lost.
    pub(crate) fn leave(&self) {
        self.native.set(false);
        drop(self.transport.take());
    }

    pub(crate) fn get<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.transport.bind(py)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.transport.is_empty()
    }

    /// Sends `data`; nothing if the transport is gone.
    pub(crate) fn write(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let Some(transport) = self.get(py) else { return Ok(()) };
        self.count(data.len());
        if let Some(native) = self.native(&transport) {
            return native.put(&transport, data);
        }
        call_method1(&transport, intern!(py, "write"), PyBytes::new(py, data).as_any()).map(drop)
    }

    /// Sends `before`, `data` and `after`, of which `data` is not copied.
    pub(crate) fn write_around(
        &self,
        py: Python<'_>,
        before: &[u8],
        data: &Bound<'_, PyBytes>,
        after: &'static [u8],
    ) -> PyResult<()> {
        let Some(transport) = self.get(py) else { return Ok(()) };
        self.count(before.len() + data.as_bytes().len() + after.len());
        if let Some(native) = self.native(&transport) {
            let pieces =
                [Chunk::from(before.to_vec()), Chunk::from(data.clone()), Chunk::from(after.to_vec())];
            return native.put_all(&transport, pieces.into_iter().filter(|piece| !piece.as_ref().is_empty()));
        }
        // Where the connection is lost, its `writelines` has the closed descriptor watched (python/cpython#136234), and whoever opens
        // another with that number fails.
        if call_method0(&transport, intern!(py, "is_closing"))?.is_truthy()? {
            return Ok(());
        }
        let mut pieces = vec![PyBytes::new(py, before), data.clone(), PyBytes::new(py, after)];
        // asyncio's own transport keeps an empty piece for ever: it polls without end, and never closes.
        pieces.retain(|piece| !piece.as_bytes().is_empty());
        transport.call_method1(intern!(py, "writelines"), (pieces,)).map(drop)
    }

    /// Reads once more now, where the transport is ours.
    pub(crate) fn pull(&self, py: Python<'_>) -> PyResult<()> {
        let Some(transport) = self.get(py) else { return Ok(()) };
        self.native(&transport).map_or(Ok(()), |native| native.pull(&transport))
    }

    /// Whether it is ours, over a socket: the kernel takes pieces, and writing can end while reading goes on.
    pub(crate) fn is_native(&self) -> bool {
        self.native.get()
    }

    /// Whether something that was written has not left yet.
    pub(crate) fn holds_data(&self, py: Python<'_>) -> PyResult<bool> {
        self.waiting(py).map(|waiting| waiting > 0)
    }

    fn waiting(&self, py: Python<'_>) -> PyResult<u64> {
        let Some(transport) = self.get(py) else { return Ok(0) };
        match self.native(&transport) {
            Some(native) => Ok(native.get_write_buffer_size(&transport)? as u64),
            None => call_method0(&transport, intern!(py, "get_write_buffer_size"))?.extract(),
        }
    }

    /// Calls a method that takes nothing: `close`, `abort`, `pause_reading`, `resume_reading`.
    pub(crate) fn tell(&self, py: Python<'_>, method: &Bound<'_, pyo3::types::PyString>) -> PyResult<()> {
        self.get(py).map_or(Ok(()), |transport| call_method0(&transport, method).map(drop))
    }

    /// Since when the client has taken nothing of what waits; `None` if nothing waits. `now` is the time of this look.
    pub(crate) fn stuck_since(&self, py: Python<'_>, now: f64) -> PyResult<Option<f64>> {
        if self.is_empty() {
            return Ok(None);
        }
        let waiting = self.waiting(py)?;
        // What TLS adds to what is written waits, too, and would be less than nothing taken.
        let taken = self.written.get().saturating_sub(waiting);
        let moved = if waiting == 0 {
            None
        } else if taken > self.taken.get() {
            Some(now)
        } else {
            self.moved.get().or(Some(now))
        };
        self.taken.set(taken);
        self.moved.set(moved);
        Ok(moved)
    }

    /// Sends no more. A client that has reset the connection is no fault of whoever sends: the transport learns of that, too.
    pub(crate) fn end_writing(&self, py: Python<'_>) -> PyResult<()> {
        match self.tell(py, intern!(py, "write_eof")) {
            Err(error) if error.is_instance_of::<PyOSError>(py) => Ok(()),
            told => told,
        }
    }

    fn count(&self, size: usize) {
        self.written.set(self.written.get() + size as u64);
    }

    fn native<'a>(&self, transport: &'a Bound<'_, PyAny>) -> Option<&'a StreamTransport<Socket>> {
        self.native.get().then(|| try_state(transport)).flatten()
    }
}
