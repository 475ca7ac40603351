//! What of Python's sockets native code stands for: which ones, and their addresses, kept small for connections nobody asks
//! about.

use std::net::SocketAddr;

use ferrio_engine::transport::Descriptor;
use pyo3::prelude::*;
use pyo3::{IntoPyObjectExt, intern};
use rustix::net::SocketAddrAny;

use crate::event_loop::support;
use crate::ffi::socket;

/// The two ends of a connection, as far as they are known as IP addresses. The own one is asked for at the end only.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    own: Option<Box<SocketAddr>>,
    peer: Option<SocketAddr>,
}

impl Ends {
    /// Of a connection that was accepted from `peer`.
    pub(crate) fn accepted(peer: Option<&SocketAddrAny>) -> Self {
        Ends { own: None, peer: peer.and_then(ip) }
    }

    pub(crate) fn own(&self) -> Option<SocketAddr> {
        self.own.as_deref().copied()
    }

    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// What the system says of `descriptor` now; what is known already stays.
    pub(crate) fn ask(&mut self, descriptor: &Descriptor) {
        if self.own.is_none() {
            let own = rustix::net::getsockname(descriptor.borrow()).ok();
            self.own = own.as_ref().and_then(ip).map(Box::new);
        }
        self.ask_peer(descriptor);
    }

    /// As `ask`, of the peer only: it is unknown once the connection is reset.
    pub(crate) fn ask_peer(&mut self, descriptor: &Descriptor) {
        self.peer = self.peer.or_else(|| ip(&rustix::net::getpeername(descriptor.borrow()).ok()??));
    }
}

/// Whether native code may stand for the methods of `socket`: it is one, and the program replaces none of them.
pub(crate) fn is_plain(socket: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = socket.py();
    socket::is_plain(socket, || {
        support::helper(py, intern!(py, "is_plain_socket"))?.call1((socket,))?.is_truthy()
    })
}

/// An IP address, if it is one.
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
