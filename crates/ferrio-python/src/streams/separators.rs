//! `Separators`: what `readuntil` looks for, and how it is found.
//!
//! Several may be given: the match that ends first wins, and of those that end together the shortest.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::ffi::call::Exported;

/// See the module. None of them is empty, and the shortest is first.
pub(crate) enum Separators {
    Newline,
    Some(Vec<Vec<u8>>),
}

/// Where a separator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Separators {
    /// Reads what `readuntil` was called with.
    pub(crate) fn new(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        let given = match given.cast::<PyTuple>() {
            Ok(tuple) => tuple.iter().collect(),
            Err(_) => vec![given.clone()],
        };
        let mut sized = Vec::with_capacity(given.len());
        for one in given {
            sized.push((one.len()?, one));
        }
        sized.sort_by_key(|(length, _)| *length);
        match sized.first() {
            None => return Err(PyValueError::new_err("Separator should contain at least one element")),
            Some((0, _)) => {
                return Err(PyValueError::new_err("Separator should be at least one-byte string"));
            }
            Some(_) => {}
        }
        sized.iter().map(|(_, one)| bytes(one)).collect::<PyResult<_>>().map(Separators::Some)
    }

    pub(crate) fn shortest(&self) -> usize {
        match self {
            Separators::Newline => 1,
            Separators::Some(all) => all.first().map_or(1, Vec::len),
        }
    }

    pub(crate) fn longest(&self) -> usize {
        match self {
            Separators::Newline => 1,
            Separators::Some(all) => all.last().map_or(1, Vec::len),
        }
    }

    /// The first match in `data` from `offset` on.
    pub(crate) fn find(&self, data: &[u8], offset: usize) -> Option<Found> {
        match self {
            Separators::Newline => {
                let start = offset + position(&data[offset..], b'\n')?;
                Some(Found { start, end: start + 1 })
            }
            Separators::Some(all) => {
                let ends = all.iter().filter_map(|one| {
                    let start = offset + find(data.get(offset..)?, one)?;
                    Some(Found { start, end: start + one.len() })
                });
                ends.min_by_key(|found| found.end)
            }
        }
    }
}

fn bytes(separator: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    match Exported::new(separator, false) {
        Ok(exported) => Ok(exported.as_ref().to_vec()),
        // What looking for it raises.
        Err(error) => {
            PyBytes::new(separator.py(), b"").call_method1("find", (separator,))?;
            Err(error)
        }
    }
}

fn find(data: &[u8], separator: &[u8]) -> Option<usize> {
    let first = *separator.first()?;
    let mut from = 0;
    loop {
        let candidate = from + position(data.get(from..)?, first)?;
        if data[candidate..].starts_with(separator) {
            return Some(candidate);
        }
        from = candidate + 1;
    }
}

/// Where `byte` is: whole blocks at a time, which the compiler turns into vector instructions.
fn position(data: &[u8], byte: u8) -> Option<usize> {
    const BLOCK: usize = 32;
    let (blocks, rest) = data.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        if block.iter().fold(false, |found, candidate| found | (*candidate == byte)) {
            let within = block.iter().position(|candidate| *candidate == byte)?;
            return Some(index * BLOCK + within);
        }
    }
    let within = rest.iter().position(|candidate| *candidate == byte)?;
    Some(blocks.len() * BLOCK + within)
}
