//! `Packed`: header fields that outlive the bytes they came in: one allocation for all of them. Objects are made when asked for.

use pyo3::types::{PyBytes, PyTuple};

use crate::ffi::prelude::*;

/// Names and values, each behind its length.
#[derive(Default)]
pub(crate) struct Packed(Vec<u8>);

impl Packed {
    /// A copy of `fields`, which take up about `size` bytes.
    pub(crate) fn copied<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>, size: usize) -> Self {
        let mut packed = Packed(Vec::with_capacity(size));
        fields.for_each(|(name, value)| packed.add(name, value));
        packed
    }

    /// With room for a few.
    pub(crate) fn with_room() -> Self {
        Packed(Vec::with_capacity(256))
    }

    pub(crate) fn add(&mut self, name: &[u8], value: &[u8]) {
        for part in [name, value] {
            // Heads are limited to far less.
            let length = u32::try_from(part.len()).unwrap_or_default();
            self.0.extend_from_slice(&length.to_ne_bytes());
            self.0.extend_from_slice(part.get(..length as usize).unwrap_or_default());
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || Some((part(&mut rest)?, part(&mut rest)?)))
    }

    /// The value of the first field of this name, in any case.
    pub(crate) fn find(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// A tuple of pairs of bytes.
    pub(crate) fn tuple<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let pair = |(name, value)| (PyBytes::new(py, name), PyBytes::new(py, value));
        PyTuple::new(py, self.iter().map(pair).collect::<Vec<_>>())
    }
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let (part, behind) = behind.split_at_checked(u32::from_ne_bytes(*length) as usize)?;
    *rest = behind;
    Some(part)
}
