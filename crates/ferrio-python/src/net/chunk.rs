//! `Chunk`: data that waits to be written.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::ffi::buffers::{Exported, KeptBytes};

/// See the module.
pub(crate) enum Chunk {
    /// An immutable object, kept as it is.
    Kept(KeptBytes),
    /// A copy of one that may change.
    Copied(Vec<u8>),
}

impl Chunk {
    /// The bytes of any object that exports a buffer.
    pub(crate) fn of(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(match data.cast_exact::<PyBytes>() {
            Ok(bytes) => Chunk::from(bytes.clone()),
            Err(_) => Chunk::Copied(Exported::new(data, false)?.as_ref().to_vec()),
        })
    }
}

impl From<Bound<'_, PyBytes>> for Chunk {
    fn from(bytes: Bound<'_, PyBytes>) -> Self {
        Chunk::Kept(bytes.into())
    }
}

impl From<Vec<u8>> for Chunk {
    fn from(bytes: Vec<u8>) -> Self {
        Chunk::Copied(bytes)
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        match self {
            Chunk::Kept(bytes) => bytes.as_ref(),
            Chunk::Copied(bytes) => bytes,
        }
    }
}
