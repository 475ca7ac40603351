//! Which Python sockets native code may use directly, and the addresses of a connection.

use std::net::SocketAddr;

use ferrio_engine::transport::Descriptor;
use rustix::net::SocketAddrAny;

use crate::ffi::names::SELECTOR_EVENTS;
use crate::ffi::prelude::*;
use crate::ffi::socket;

/// The IP addresses of a connection, as far as they are known: asyncio's `sockname` and `peername`. Kept small, since few
/// programs ask for them; `sockname` is not looked up before the end of the connection.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    sockname: Option<Box<SocketAddr>>,
    peername: Option<SocketAddr>,
}

impl Addresses {
    /// The addresses of a connection that was accepted from `peer`.
    pub(crate) fn accepted(peer: Option<&SocketAddrAny>) -> Self {
        Addresses { sockname: None, peername: peer.and_then(ip) }
    }

    /// Those of a connection to `peer`. Who connects to no address in particular gets to this machine, by another one.
    pub(crate) fn connected(peer: SocketAddr) -> Self {
        let is_known = !peer.ip().to_canonical().is_unspecified();
        Addresses { sockname: None, peername: is_known.then_some(peer) }
    }

    pub(crate) fn sockname(&self) -> Option<SocketAddr> {
        self.sockname.as_deref().copied()
    }

    pub(crate) fn peername(&self) -> Option<SocketAddr> {
        self.peername
    }

    pub(crate) fn are_unknown(&self) -> bool {
        self.sockname.is_none() && self.peername.is_none()
    }

    /// Asks the system for the addresses that are unknown. After a reset of the connection the system knows no peer.
    pub(crate) fn learn(&mut self, descriptor: &Descriptor) {
        if self.sockname.is_none() {
            let own = rustix::net::getsockname(descriptor.borrow()).ok();
            self.sockname = own.as_ref().and_then(ip).map(Box::new);
        }
        self.peername = self.peername.or_else(|| ip(&rustix::net::getpeername(descriptor.borrow()).ok()??));
    }
}

/// Whether native code may do what the methods of `socket` do: `socket` is one, and the program replaced no method.
pub(crate) fn is_plain(socket: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = socket.py();
    socket::is_plain(socket, || {
        SELECTOR_EVENTS.helper(py, intern!(py, "is_plain_socket"))?.call1((socket,))?.is_truthy()
    })
}

/// `address`, if it is an IP address.
pub(crate) fn ip(address: &SocketAddrAny) -> Option<SocketAddr> {
    SocketAddr::try_from(address.clone()).ok()
}

/// The tuple that Python's socket module makes of an address.
pub(crate) fn tuple(py: Python<'_>, address: SocketAddr) -> PyResult<Py<PyAny>> {
    let host = address.ip().to_string();
    match address {
        SocketAddr::V4(address) => (host, address.port()).into_py_any(py),
        SocketAddr::V6(address) => {
            (host, address.port(), address.flowinfo(), address.scope_id()).into_py_any(py)
        }
    }
}
