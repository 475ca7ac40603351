//! What exceptions of the `ssl` module mean to a TLS connection, and asyncio's messages for them.

use ferrio_engine::transport::{Activity, Severity};
use pyo3::exceptions::PyException;
use pyo3::types::PyType;

use crate::ffi::prelude::*;

/// Whether `error` only means that the peer has to answer first.
pub(crate) fn is_again(py: Python<'_>, error: &PyErr) -> PyResult<bool> {
    static READ: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static SYSTEM: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    Ok(error.is_instance(py, READ.known(py, "ssl", "SSLWantReadError")?)
        || error.is_instance(py, SYSTEM.known(py, "ssl", "SSLSyscallError")?))
}

/// How asyncio treats `error`.
pub(crate) fn severity(py: Python<'_>, error: &PyErr) -> Severity {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if !error.is_instance_of::<PyException>(py) {
        return Severity::Escape;
    }
    match CLASS.known(py, "ssl", "SSLError") {
        Ok(class) if error.is_instance(py, class) => Severity::Tls,
        _ => Severity::Ordinary,
    }
}

/// asyncio's message in the report of `error`.
pub(crate) fn message(py: Python<'_>, error: &PyErr, doing: Activity) -> PyResult<&'static str> {
    let class = known(py, "ssl", "CertificateError")?;
    Ok(match doing {
        Activity::Handshake if error.is_instance(py, &class) => {
            "SSL handshake failed on verifying the certificate"
        }
        Activity::Handshake => "SSL handshake failed",
        Activity::Traffic => "Fatal error on SSL protocol",
        Activity::Eof => "Error calling eof_received()",
        Activity::Closing => "Fatal error on transport",
    })
}
