//! The answer of `getaddrinfo()` for an IP address and a port, without libc: a list of one.
//!
//! It answers only where the answer is certain, which is so for what connections ask. For everything else, and for wrong
//! arguments, it returns `None`. The address must be written as libc would write it: the answer contains the same object.

use std::net::{Ipv4Addr, Ipv6Addr};

use pyo3::types::{PyInt, PyList, PyString};

use crate::ffi::prelude::*;

/// Members of the enumerations that `socket` answers with.
struct Constants {
    inet: Py<PyAny>,
    inet6: Py<PyAny>,
    stream: Py<PyAny>,
    datagram: Py<PyAny>,
}

impl Constants {
    fn find(py: Python<'_>) -> PyResult<Self> {
        let constant = |name| known(py, "socket", name).map(Bound::unbind);
        Ok(Constants {
            inet: constant("AF_INET")?,
            inet6: constant("AF_INET6")?,
            stream: constant("SOCK_STREAM")?,
            datagram: constant("SOCK_DGRAM")?,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Four,
    Six,
}

/// The version of an address that libc would write in the same way.
fn version(text: &str) -> Option<Version> {
    if text.parse::<Ipv4Addr>().is_ok() {
        return Some(Version::Four);
    }
    let address = text.parse::<Ipv6Addr>().ok()?;
    // Where the first six groups are zero libc writes the last two as an IPv4 address, except for :: and ::1.
    let mixed = address.segments()[..6] == [0; 6] && address.segments()[6] != 0;
    (!mixed && !text.contains('.') && address.to_string() == text).then_some(Version::Six)
}

/// The answer of `socket.getaddrinfo(host, port, family, type, proto, flags)`, or `None` where it has to be asked.
#[pyfunction]
pub(crate) fn literal_address<'py>(
    host: &Bound<'py, PyAny>,
    port: &Bound<'py, PyAny>,
    family: &Bound<'py, PyAny>,
    r#type: &Bound<'py, PyAny>,
    proto: &Bound<'py, PyAny>,
    flags: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyList>>> {
    static CONSTANTS: PyOnceLock<Constants> = PyOnceLock::new();
    let py = host.py();
    let (Ok(name), Ok(_)) = (host.cast_exact::<PyString>(), port.cast_exact::<PyInt>()) else {
        return Ok(None);
    };
    let Some(version) = name.to_str().ok().and_then(version) else { return Ok(None) };
    let (Ok(_), Ok(wanted), Ok(kind), Ok(protocol)) =
        (port.extract::<u16>(), family.extract::<i32>(), r#type.extract::<i32>(), proto.extract::<i32>())
    else {
        return Ok(None);
    };
    if !matches!(flags.extract::<i32>(), Ok(0)) {
        return Ok(None);
    }
    let constants = CONSTANTS.get_or_try_init(py, || Constants::find(py))?;
    let (number, family) = match version {
        Version::Four => (libc::AF_INET, &constants.inet),
        Version::Six => (libc::AF_INET6, &constants.inet6),
    };
    let (own, kind) = match kind {
        libc::SOCK_STREAM => (libc::IPPROTO_TCP, &constants.stream),
        libc::SOCK_DGRAM => (libc::IPPROTO_UDP, &constants.datagram),
        _ => return Ok(None),
    };
    if (wanted != 0 && wanted != number) || (protocol != 0 && protocol != own) {
        return Ok(None);
    }
    let address = match version {
        Version::Four => (host, port).into_pyobject(py)?.into_any(),
        Version::Six => (host, port, 0, 0).into_pyobject(py)?.into_any(),
    };
    let answer = (family, kind, own, intern!(py, ""), address).into_pyobject(py)?;
    Ok(Some(PyList::new(py, [answer])?))
}
