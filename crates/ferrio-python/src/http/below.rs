//! `Below`: the transport that a connection writes to. Ours over a socket is called natively, any other by its methods.

use ferrio_engine::transport::Socket;
use pyo3::types::{PyBytes, PyType};

use crate::ffi::prelude::*;
use crate::net::chunk::Chunk;
use crate::net::transports::StreamTransport;

/// See the module.
#[derive(Default)]
pub(crate) struct Below {
    pub(super) transport: Slot,
    native: Cell<bool>,
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

    /// Gives the transport up; the connection is lost.
    pub(crate) fn leave(&self) {
        self.native.set(false);
        drop(self.transport.take());
    }

    pub(crate) fn get<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.transport.bind(py)
    }

    /// Sends `data`; nothing if the transport is gone.
    pub(crate) fn write(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let Some(transport) = self.get(py) else { return Ok(()) };
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
        if let Some(native) = self.native(&transport) {
            let pieces =
                [Chunk::from(before.to_vec()), Chunk::from(data.clone()), Chunk::from(after.to_vec())];
            return native.put_all(&transport, pieces.into_iter().filter(|piece| !piece.as_ref().is_empty()));
        }
        let pieces = [&PyBytes::new(py, before), data, &PyBytes::new(py, after)];
        transport.call_method1(intern!(py, "writelines"), (pieces,)).map(drop)
    }

    /// Whether writing can end while reading goes on.
    pub(crate) fn can_linger(&self) -> bool {
        self.native.get()
    }

    /// Calls a method that takes nothing: `close`, `abort`, `pause_reading`, `resume_reading`.
    pub(crate) fn tell(&self, py: Python<'_>, method: &Bound<'_, pyo3::types::PyString>) -> PyResult<()> {
        self.get(py).map_or(Ok(()), |transport| call_method0(&transport, method).map(drop))
    }

    fn native<'a>(&self, transport: &'a Bound<'_, PyAny>) -> Option<&'a StreamTransport<Socket>> {
        self.native.get().then(|| try_state(transport)).flatten()
    }
}
