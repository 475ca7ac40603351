//! `loop._connect_to()`: a transport over TCP to one numeric address, as `create_connection()` makes one, in a native coroutine.
//!
//! ```text
//! begin ── the kernel begins ──▶ Waiting ── can be written: connected? ──▶ a transport ── connection_made() ran ──▶ returned
//!   └── connected at once ──────────────────────────────────────────────────▲
//! ```
//!
//! No socket of Python's is made, no `Timeout` and no callback. Whoever is cancelled leaves no socket.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use ferrio_engine::Direction;
use ferrio_engine::net::{begin_connect, parse};
use ferrio_engine::transport::Descriptor;
use pyo3::exceptions::PyOSError;
use pyo3::types::PyString;

use crate::event_loop::exceptions::os_error;
use crate::event_loop::state::BaseLoop;
use crate::ffi::coroutine::Life;
use crate::ffi::prelude::*;
use crate::ffi::socket::are_plain;
use crate::net::protocols::Options;
use crate::net::server::stream;
use crate::net::sockets::{Addresses, tuple};
use crate::net::watching::{displace, engine_of, unwatch};
use crate::tasks::any_future;
use crate::tasks::outcome::exact_outcome;

/// See the module.
#[repr(C)]
pub(crate) struct Connecting {
    head: Head,
    event_loop: Slot,
    protocol: Slot,
    address: SocketAddr,
    /// While it is being connected.
    socket: RefCell<Option<OwnedFd>>,
    /// From then on.
    transport: Slot,
    future: Slot,
}

impl Connecting {
    fn event_loop<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.event_loop.bind(py).unwrap_or_else(|| py.None().into_bound(py))
    }

    fn wait_for<'py>(&self, future: Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        self.future.set(future.clone());
        match exact_outcome(&future) {
            Some(outcome) => outcome.blocking.set(true),
            None => future.setattr(intern!(future.py(), "_asyncio_future_blocking"), true)?,
        }
        Ok(Step::Yield(future))
    }

    /// Watches the socket until it can be written.
    fn wait<'py>(&self, this: &Bound<'py, PyAny>, socket: OwnedFd) -> PyResult<Step<'py>> {
        let py = this.py();
        let event_loop = self.event_loop(py);
        let future = any_future::create(&event_loop)?;
        if let Some(engine) = engine_of(Some(&event_loop)) {
            let word = Word::io::<Coroutine<Connecting>>(this, Turn::Writable);
            let watched = engine.watch(socket.as_raw_fd(), Direction::Write, word, true);
            displace(py, watched.map_err(|error| os_error(&error))?)?;
        }
        self.socket.replace(Some(socket));
        self.wait_for(future)
    }

    /// Watches it no more.
    fn take_socket(&self, py: Python<'_>) -> Option<OwnedFd> {
        let socket = self.socket.take()?;
        if let Some(engine) = engine_of(self.event_loop.bind(py).as_ref()) {
            let is_mine = |word: &Word| word.is_of(self.head.object());
            drop(unwatch(py, &engine, socket.as_raw_fd(), Direction::Write, is_mine));
        }
        Some(socket)
    }

    /// Makes the transport, and waits until its protocol knows of it.
    fn connected<'py>(&self, py: Python<'py>, socket: OwnedFd) -> PyResult<Step<'py>> {
        let (event_loop, addresses) = (self.event_loop(py), Addresses::connected(self.address));
        let waiter = any_future::create(&event_loop)?;
        let options = Options { waiter: Some(waiter.clone()), ..Options::default() };
        let protocol = self.protocol.bind(py).unwrap_or_else(|| py.None().into_bound(py));
        let descriptor = Descriptor::owned(socket);
        self.transport.set(stream(&event_loop, descriptor, addresses, &protocol, None, options)?);
        self.wait_for(waiter)
    }
}

held!(Connecting: event_loop, protocol, transport, future);

kind!(Connecting, c"ferrio._ferrio.Connecting", c"A connection that is being made, to be awaited.", LIGHT: bool = false);

impl Steps for Connecting {
    fn name(&self) -> &'static str {
        "Loop._connect_to"
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        // Who accepts may be on this loop: it has to look at its descriptors.
        if let Some(engine) = engine_of(self.event_loop.bind(py).as_ref()) {
            engine.note_write();
        }
        match begin_connect(self.address).map_err(|error| os_error(&error))? {
            (socket, true) => self.connected(py, socket),
            (socket, false) => self.wait(this, socket),
        }
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let future = self.future.take().map(|future| future.into_bound(py));
        let outcome = future.map_or(Ok(()), |future| any_future::result(&future).map(drop));
        if outcome.is_err() {
            self.leave(py)?;
        }
        outcome?;
        let Some(socket) = self.take_socket(py) else {
            let transport = self.transport.take().map(|transport| transport.into_bound(py));
            return Ok(Step::Return(transport.unwrap_or_else(|| py.None().into_bound(py))));
        };
        match rustix::net::sockopt::socket_error(&socket) {
            Ok(Ok(())) => self.connected(py, socket),
            Ok(Err(error)) | Err(error) => {
                let address = tuple(py, self.address)?;
                let text = format!("Connect call failed {}", address.bind(py).repr()?);
                Err(PyOSError::new_err((error.raw_os_error(), text)))
            }
        }
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        drop(self.take_socket(py));
        match self.transport.take() {
            Some(transport) => call_method0(&transport.into_bound(py), intern!(py, "close")).map(drop),
            None => Ok(()),
        }
    }
}

impl Io for Coroutine<Connecting> {
    fn turn(&self, this: &Bound<'_, PyAny>, _: Turn) -> PyResult<()> {
        match self.steps.future.bind(this.py()) {
            Some(future) if self.life() == Life::Waiting => any_future::complete(&future, None),
            _ => Ok(()),
        }
    }
}

impl BaseLoop {
    pub(crate) fn connecting_members() -> Members {
        members! { BaseLoop;
            method c"_connect_to" c"A transport to a numeric address, to be awaited; None where that takes a socket of Python's." => connect_to;
        }
    }

    /// `_connect_to(protocol, host, port)`
    fn connect_to(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Option<Py<PyAny>>> {
        let [protocol, host, port] = args.all("_connect_to", ["protocol", "host", "port"])?;
        let (py, host) = (this.py(), host.cast::<PyString>()?);
        // A port may be a text, which the system takes for a number or refuses.
        let Ok(port) = port.extract() else { return Ok(None) };
        let Some(address) = parse(host.to_str()?, port) else { return Ok(None) };
        if self.is_debug() || !are_plain(py)? {
            return Ok(None);
        }
        let connecting = Connecting {
            head: Head::new::<Coroutine<Connecting>>(),
            event_loop: Slot::new(this.clone().into()),
            protocol: Slot::new(protocol.to_owned().into()),
            address,
            socket: RefCell::default(),
            transport: Slot::default(),
            future: Slot::default(),
        };
        let made = alloc(&type_object::<Coroutine<Connecting>>(py)?, Coroutine::new(connecting))?;
        Ok(Some(made.unbind()))
    }
}
