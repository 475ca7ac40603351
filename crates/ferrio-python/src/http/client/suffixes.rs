//! `is_public_suffix()`: `ferrio_http`'s, for jars that are Python's.

use pyo3::types::{PyBool, PyString};

use crate::ffi::prelude::*;

/// `is_public_suffix(domain)`
pub(crate) fn is_public_suffix<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let [domain] = args.all("is_public_suffix", ["domain"])?;
    let answer = ferrio_http::cookies::is_public_suffix(domain.cast::<PyString>()?.to_str()?);
    Ok(PyBool::new(py, answer).to_owned().into_any())
}
