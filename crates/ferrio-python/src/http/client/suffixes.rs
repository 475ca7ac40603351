//! What jars and connectors, which are Python's, ask about hosts: `is_public_suffix()`, and `is_ipv4()`.

use std::net::Ipv4Addr;

use pyo3::pyfunction;

/// Whether a domain, in lower case and ASCII, is nobody's.
#[pyfunction]
pub(crate) fn is_public_suffix(domain: &str) -> bool {
    ferrio_http::cookies::is_public_suffix(domain)
}

/// Whether a host is an address of IPv4 as `inet_ntop()` writes it.
#[pyfunction]
pub(crate) fn is_ipv4(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok()
}
