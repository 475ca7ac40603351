//! asyncio's streams, natively. Bytes go from the transport into the reader, and from the reader to the coroutine that waits:
//! no Python frame runs, and no object is made in between.
//!
//! * `buffer`: what was received and not read yet
//! * `reader`: `StreamReader`
//! * `request`: what is to be read; `reading`: the coroutines of `read`, `readline`, `readuntil`, `readexactly`
//! * `separators`: what `readuntil` looks for
//! * `writer`: `StreamWriter`
//! * `draining`: the coroutine of `drain`
//! * `protocol`: `StreamReaderProtocol`
//!
//! The classes in `ferrio.streams` derive from these types and from asyncio's classes. An object is *plain* if its class does
//! not replace a method that our methods call. For one that is not plain asyncio's own methods run, on our attributes.

use crate::ffi::prelude::*;

pub(crate) mod buffer;
pub(crate) mod draining;
pub(crate) mod protocol;
pub(crate) mod reader;
pub(crate) mod reading;
mod request;
pub(crate) mod separators;
pub(crate) mod writer;

use pyo3::types::PyType;

pub(crate) static STREAM_READER: Class = Class::new("StreamReader");
pub(crate) static STREAM_WRITER: Class = Class::new("StreamWriter");
pub(crate) static STREAM_READER_PROTOCOL: Class = Class::new("StreamReaderProtocol");

/// One of the Python classes that stand for asyncio's.
pub(crate) struct Class {
    name: &'static str,
    ours: PyOnceLock<Py<PyType>>,
    theirs: PyOnceLock<Py<PyType>>,
}

impl Class {
    pub(crate) const fn new(name: &'static str) -> Self {
        Class { name, ours: PyOnceLock::new(), theirs: PyOnceLock::new() }
    }

    /// The class in `ferrio.streams`.
    pub(crate) fn ours<'py>(&'py self, py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
        self.ours.known(py, "ferrio.streams", self.name)
    }

    /// asyncio's own class, even if another one was installed under its name.
    pub(crate) fn theirs<'py>(&'py self, py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
        let class = self.theirs.get_or_try_init(py, || {
            let originals = known(py, "ferrio.streams", "originals")?;
            Ok::<_, PyErr>(originals.get_item(self.name)?.cast_into::<PyType>()?.unbind())
        })?;
        Ok(class.bind(py))
    }

    /// Whether the class of `this` replaces none of `methods`.
    pub(crate) fn keeps(&self, this: &Bound<'_, PyAny>, methods: &[&str]) -> PyResult<bool> {
        let (class, ours) = (this.get_type(), self.ours(this.py())?);
        if class.is(ours) {
            return Ok(true);
        }
        for method in methods {
            if !class.getattr(*method)?.is(&ours.getattr(*method)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
