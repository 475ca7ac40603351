//! `plain_fields()`: a program's header fields as they are sent.

use pyo3::pyfunction;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple, PyType};

use crate::ffi::prelude::*;

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
