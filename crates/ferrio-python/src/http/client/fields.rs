//! `Fields`: header fields that outlive the bytes they came in: one allocation for all of them. Objects are made when asked for.
//! `plain_fields()`: a program's, as they are sent.

use pyo3::pyfunction;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple, PyType};

use crate::ffi::prelude::*;

/// Names and values, each behind its length.
#[derive(Default)]
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    /// A copy of `fields`, which take up about `size` bytes.
    pub(crate) fn copied<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>, size: usize) -> Self {
        let mut packed = Fields(Vec::with_capacity(size));
        fields.for_each(|(name, value)| packed.add(name, value));
        packed
    }

    /// With room for a few.
    pub(crate) fn with_room() -> Self {
        Fields(Vec::with_capacity(256))
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

/// `(name, value)` of each of a multidict's items, but for the length of the body; None where Python code has to look at one.
#[pyfunction]
pub(crate) fn plain_fields<'py>(items: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyList>>> {
    let py = items.py();
    let fields = PyList::empty(py);
    for item in items.try_iter()? {
        let item = item?;
        let Some(item) = item.cast::<PyTuple>().ok().filter(|item| item.len() == 2) else { return Ok(None) };
        let (name, value) = (item.get_borrowed_item(0)?, item.get_borrowed_item(1)?);
        let (Some(name), Some(value)) = (plain(&name)?, plain(&value)?) else { return Ok(None) };
        if !name.is_ascii() {
            return Ok(None);
        }
        if !["content-length", "transfer-encoding"].iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
            fields.append((PyBytes::new(py, name.as_bytes()), PyBytes::new(py, value.as_bytes())))?;
        }
    }
    Ok(Some(fields))
}

/// Its text, if its class has no `__str__` of a program's, and nothing in it may not be sent.
fn plain<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Option<&'a str>> {
    static NAMES: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let Ok(string) = object.cast::<PyString>() else { return Ok(None) };
    if !object.is_exact_instance_of::<PyString>()
        && !object.get_type().is(NAMES.import(object.py(), "multidict", "istr")?)
    {
        return Ok(None);
    }
    let is_control = |byte: u8| byte == 0x7f || (byte < b' ' && byte != b'\t');
    Ok(string.to_str().ok().filter(|text| !text.bytes().any(is_control)))
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let (part, behind) = behind.split_at_checked(u32::from_ne_bytes(*length) as usize)?;
    *rest = behind;
    Some(part)
}
