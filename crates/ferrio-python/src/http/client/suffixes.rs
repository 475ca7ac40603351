//! `is_public_suffix()`: `ferrio_http`'s, for jars that are Python's.

use pyo3::pyfunction;

/// Whether a domain, in lower case and ASCII, is nobody's.
#[pyfunction]
pub(crate) fn is_public_suffix(domain: &str) -> bool {
    ferrio_http::cookies::is_public_suffix(domain)
}
