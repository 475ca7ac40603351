//! `Delivery`: how data reaches a protocol. A transport knows no native protocol: the protocol supplies what is called.
//!
//! A Python protocol has `data_received`, or `get_buffer` and `buffer_updated`. The protocol of a stream names a reader, whose
//! buffer the transport fills. TLS is called natively for everything. Each native protocol has a function that recognises its
//! objects; `enter` puts these functions into the table when the extension is imported.

use std::io;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use pyo3::types::PyType;

use crate::ffi::prelude::*;

/// See the module.
#[derive(Clone, Copy)]
pub(crate) enum Delivery {
    /// As `bytes`.
    DataReceived,
    /// In a buffer of its own: a `BufferedProtocol`.
    BufferUpdated,
    /// In the buffer of a stream's reader; the protocol is not called.
    Reader(&'static Readers),
    /// As a slice of the thread's buffer, without a copy.
    Layer(AsLayer),
}

/// How a transport finds the reader of a stream's protocol.
pub(crate) struct Readers {
    /// The reader that takes data now. `None` if `data_received` has to be called.
    pub(crate) of: for<'py> fn(&Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>>,
    /// The state of that reader.
    pub(crate) state: for<'a> fn(&'a Bound<'_, PyAny>) -> Option<&'a dyn Reader>,
}

/// A reader whose buffer a transport fills.
pub(crate) trait Reader {
    /// Appends what `read` gives to the buffer; `room` is how many bytes to expect, if that is known.
    fn fill(
        &self,
        this: &Bound<'_, PyAny>,
        room: Option<usize>,
        read: &mut Read<'_>,
    ) -> PyResult<io::Result<usize>>;

    /// Data was appended: wakes who waits for data.
    fn filled(&self, this: &Bound<'_, PyAny>) -> PyResult<()>;

    /// `feed_data`.
    fn feed(&self, this: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<()>;
}

/// A system call, or something like it, that fills the beginning of a buffer.
pub(crate) type Read<'a> = dyn FnMut(&mut [MaybeUninit<u8>]) -> io::Result<usize> + 'a;

/// Finds the state of a protocol that is a layer.
pub(crate) type AsLayer = for<'a> fn(&'a Bound<'_, PyAny>) -> Option<&'a dyn LayerProtocol>;

/// A native protocol that stands between a transport and another protocol, as TLS does.
pub(crate) trait LayerProtocol {
    fn connection_made(&self, this: &Bound<'_, PyAny>, below: &Bound<'_, PyAny>) -> PyResult<()>;

    /// Reads what is there to where the layer keeps it, which saves a copy. `None` where `data_received` is to be called.
    fn receive(&self, _: &Bound<'_, PyAny>, _: &mut Read<'_>) -> Option<PyResult<io::Result<usize>>> {
        None
    }

    /// The bytes are this call's own.
    fn data_received(&self, this: &Bound<'_, PyAny>, data: &mut [u8]) -> PyResult<()>;

    /// Whether the transport stays open for writing.
    fn eof_received(&self, this: &Bound<'_, PyAny>) -> PyResult<bool>;

    fn pause_writing(&self);

    fn resume_writing(&self, this: &Bound<'_, PyAny>) -> PyResult<()>;

    fn connection_lost(&self, this: &Bound<'_, PyAny>, reason: Option<Py<PyAny>>);

    /// Whether a stream of asyncio's or ours is above it.
    fn is_below_stream(&self, py: Python<'_>) -> PyResult<bool>;
}

/// The delivery to a protocol of one native type; `None` for any other protocol.
pub(crate) type DeliveryOf = fn(&Bound<'_, PyAny>) -> Option<Delivery>;

static NATIVE: OnceLock<[DeliveryOf; 4]> = OnceLock::new();

/// Fills the table of native protocols, once.
pub(crate) fn enter(natives: [DeliveryOf; 4]) {
    NATIVE.get_or_init(|| natives);
}

impl Delivery {
    /// The delivery to `protocol`.
    pub(crate) fn to(protocol: &Bound<'_, PyAny>) -> PyResult<Self> {
        static BUFFERED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        if let Some(delivery) = NATIVE.get().into_iter().flatten().find_map(|native| native(protocol)) {
            return Ok(delivery);
        }
        let buffered = BUFFERED.known(protocol.py(), "asyncio", "BufferedProtocol")?;
        Ok(if protocol.is_instance(buffered)? { Delivery::BufferUpdated } else { Delivery::DataReceived })
    }
}
