//! `PyPackets`: a Python datagram protocol as the engine's `PacketProtocol`.
//!
//! Between IP sockets packets and addresses are native; other families, and hosts given by name, go through the methods
//! of the Python socket. An address that was just received or sent to is recognised by identity: an echo server parses
//! none.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use ferrio_engine::Direction;
use ferrio_engine::transport::{Descriptor, PacketProtocol, send, send_to};
use pyo3::exceptions::PyOSError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use rustix::net::RecvFlags;

use crate::event_loop::exceptions::{leaves_the_loop, os_error};
use crate::event_loop::run::both;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::ffi::call::{call_method1, call_method2, copy_context, in_shared_context, with_python};
use crate::ffi::heap_type::{Visitor, try_state};
use crate::ffi::raised;
use crate::ffi::reference::Ref;
use crate::ffi::socket::number;
use crate::net::datagrams::{DatagramTransport, failed};
use crate::net::protocols::{defer, engine_of, watch};
use crate::net::scratch::with_scratch;
use crate::net::sockets::{ip, tuple};
use crate::tasks::futures::complete;

/// Packets received in one turn, so that a flood of them keeps nobody else waiting.
const PACKETS_PER_TURN: usize = 16;

/// A packet on its way out.
pub(crate) struct Packet {
    pub(crate) data: Py<PyBytes>,
    pub(crate) address: Option<Py<PyAny>>,
}

/// What a datagram transport keeps for Python.
pub(crate) struct PyPackets {
    event_loop: RefCell<Option<Py<PyAny>>>,
    protocol: RefCell<Option<Py<PyAny>>>,
    context: Ref,
    socket: RefCell<Option<Py<PyAny>>>,
    waiter: RefCell<Option<Py<PyAny>>>,
    extra: RefCell<Option<Py<PyAny>>>,
    /// The marks of flow control, where they are other numbers than the engine's.
    marks: RefCell<Option<Py<PyAny>>>,
    /// Where packets go that name no address.
    address: Option<Py<PyAny>>,
    connected: bool,
    /// IPv4 or IPv6: addresses are native.
    family: Option<Family>,
    recent: RefCell<Option<(Py<PyAny>, SocketAddr)>>,
    number: Cell<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl PyPackets {
    pub(crate) fn new(
        event_loop: &Bound<'_, PyAny>,
        socket: &Bound<'_, PyAny>,
        protocol: &Bound<'_, PyAny>,
        descriptor: &Descriptor,
        (address, waiter): (Option<Py<PyAny>>, Option<Py<PyAny>>),
    ) -> PyResult<Self> {
        let own = rustix::net::getsockname(descriptor.borrow())
            .map_err(|error| os_error(&io::Error::from(error)))?;
        let family = ip(&own).map(|own| if own.is_ipv4() { Family::V4 } else { Family::V6 });
        Ok(PyPackets {
            event_loop: RefCell::new(Some(event_loop.clone().unbind())),
            protocol: RefCell::new(Some(protocol.clone().unbind())),
            context: copy_context(event_loop.py())?,
            socket: RefCell::new(Some(socket.clone().unbind())),
            waiter: RefCell::new(waiter),
            extra: RefCell::default(),
            marks: RefCell::default(),
            address,
            connected: matches!(rustix::net::getpeername(descriptor.borrow()), Ok(Some(_))),
            family,
            recent: RefCell::default(),
            number: Cell::new(descriptor.number()),
        })
    }

    pub(crate) fn set_protocol(&self, protocol: Option<Py<PyAny>>) {
        let old = self.protocol.replace(protocol);
        drop(old);
    }

    pub(crate) fn socket(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.socket.borrow().as_ref().map(|socket| socket.clone_ref(py))
    }

    pub(crate) fn extra(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.extra.borrow().as_ref().map(|extra| extra.clone_ref(py))
    }

    pub(crate) fn set_extra(&self, extra: Py<PyAny>) {
        let old = self.extra.replace(Some(extra));
        drop(old);
    }

    pub(crate) fn marks(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.marks.borrow().as_ref().map(|marks| marks.clone_ref(py))
    }

    pub(crate) fn set_marks(&self, marks: Option<Py<PyAny>>) {
        drop(self.marks.replace(marks));
    }

    /// Where packets go that name no address.
    pub(crate) fn address(&self) -> Option<&Py<PyAny>> {
        self.address.as_ref()
    }

    pub(crate) fn number(&self) -> i32 {
        self.number.get()
    }

    /// Tells whoever waits for the transport that it is ready, unless they went away.
    pub(crate) fn tell_waiter(&self, py: Python<'_>) -> PyResult<()> {
        self.waiter.take().map_or(Ok(()), |waiter| complete(waiter.bind(py)))
    }

    pub(crate) fn traverse(&self, visitor: &mut Visitor<'_>) {
        for cell in self.cells() {
            if let Ok(object) = cell.try_borrow() {
                visitor.object(object.as_ref());
            }
        }
        visitor.raw(self.context.as_ptr());
        visitor.object(self.address.as_ref());
    }

    pub(crate) fn clear(&self) {
        for cell in self.cells() {
            drop(cell.take());
        }
    }

    /// Nobody finds the transport by its number any more.
    pub(crate) fn leave_table(&self, this: &Bound<'_, PyAny>) {
        if let Some(state) = self.loop_of(this.py()).as_ref().and_then(try_state::<BaseLoop>) {
            state.transports.remove(self.number.get(), this);
        }
    }

    pub(crate) fn loop_of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.borrow().as_ref().map(|event_loop| event_loop.bind(py).clone())
    }

    pub(crate) fn protocol_of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.protocol.borrow().as_ref().map(|protocol| protocol.bind(py).clone())
    }

    fn cells(&self) -> [&RefCell<Option<Py<PyAny>>>; 6] {
        [&self.event_loop, &self.protocol, &self.socket, &self.waiter, &self.extra, &self.marks]
    }

    fn call<'py>(
        &self,
        py: Python<'py>,
        call: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let Some(protocol) = self.protocol_of(py) else { return Ok(()) };
        in_shared_context(&self.context.bind(py), || call(&protocol)).map(drop)
    }

    /// Reports what a callback raised; datagram transports go on.
    pub(crate) fn reported(&self, this: &Bound<'_, PyAny>, name: &str, result: PyResult<()>) -> PyResult<()> {
        let py = this.py();
        match result {
            Err(error) if !leaves_the_loop(py, &error) => {
                let (Some(event_loop), Some(protocol)) = (self.loop_of(py), self.protocol_of(py)) else {
                    return Ok(());
                };
                let helper = support::helper(py, intern!(py, "protocol_callback_failed"))?;
                helper
                    .call1((event_loop, protocol, name, this, raised::value(py, &error), &self.context))
                    .map(drop)
            }
            result => result,
        }
    }

    fn error_received(&self, py: Python<'_>, error: &PyErr) -> PyResult<()> {
        let name = intern!(py, "error_received");
        self.call(py, |protocol| call_method1(protocol, name, &raised::value(py, error)))
    }

    /// Whether the number is still the socket's: it may have been closed behind the transport's back.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        let mine = self.socket.borrow().as_ref().is_some_and(|it| number(it.bind(py)) == self.number.get());
        if mine { Ok(()) } else { Err(os_error(&rustix::io::Errno::BADF.into())) }
    }

    /// Receives one packet: `None` when none is there.
    fn receive_ip<'py>(
        &self,
        py: Python<'py>,
        descriptor: &Descriptor,
    ) -> PyResult<Option<(Bound<'py, PyBytes>, Bound<'py, PyAny>)>> {
        self.check(py)?;
        let received = with_scratch(|space| {
            let received = rustix::net::recvfrom(descriptor.borrow(), space, RecvFlags::empty());
            received.map(|((data, _), _, address)| (PyBytes::new(py, data), address))
        });
        let (data, address) = match received {
            Ok(received) => received,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(None),
            Err(error) => return Err(os_error(&error.into())),
        };
        let address = match address.as_ref().and_then(ip) {
            Some(address) => self.address_object(py, address)?,
            None => py.None().into_bound(py),
        };
        Ok(Some((data, address)))
    }

    fn address_object<'py>(&self, py: Python<'py>, address: SocketAddr) -> PyResult<Bound<'py, PyAny>> {
        if let Some((object, known)) = &*self.recent.borrow()
            && *known == address
        {
            return Ok(object.bind(py).clone());
        }
        let object = tuple(py, address)?;
        let old = self.recent.replace(Some((object.clone_ref(py), address)));
        drop(old);
        Ok(object.into_bound(py))
    }

    /// Receives one packet of another family, with the socket's own method.
    fn receive_other<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<(Bound<'py, PyBytes>, Bound<'py, PyAny>)>> {
        let Some(socket) = self.socket.borrow().as_ref().map(|socket| socket.bind(py).clone()) else {
            return Ok(None);
        };
        match socket.call_method1(intern!(py, "recvfrom"), (256 * 1024,)) {
            Ok(pair) => Ok(Some(pair.extract::<(Bound<'py, PyBytes>, Bound<'py, PyAny>)>()?)),
            Err(error) if is_try_again(py, &error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The native form of an address object, where it is a numeric one of this socket's family.
    fn native_address(&self, address: &Bound<'_, PyAny>) -> Option<SocketAddr> {
        if let Some((object, known)) = &*self.recent.borrow()
            && object.is(address)
        {
            return Some(*known);
        }
        let parts = address.cast::<PyTuple>().ok()?;
        let host = parts.get_item(0).ok()?;
        let host: IpAddr = host.extract::<&str>().ok()?.parse().ok()?;
        let port = parts.get_item(1).ok()?.extract().ok()?;
        let parsed = match (self.family?, host, parts.len()) {
            (Family::V4, IpAddr::V4(host), 2) => SocketAddr::from((host, port)),
            (Family::V6, IpAddr::V6(host), 2..=4) => {
                let number = |index| parts.get_item(index).ok().map_or(Some(0), |item| item.extract().ok());
                SocketAddrV6::new(host, port, number(2)?, number(3)?).into()
            }
            _ => return None,
        };
        let old = self.recent.replace(Some((address.clone().unbind(), parsed)));
        drop(old);
        Some(parsed)
    }

    /// Sends one packet: false when it has to wait.
    fn send_once(&self, py: Python<'_>, descriptor: &Descriptor, packet: &Packet) -> PyResult<bool> {
        self.check(py)?;
        if let Some(engine) = engine_of(self.loop_of(py).as_ref()) {
            engine.note_write();
        }
        let data = packet.data.as_bytes(py);
        let sent = if self.connected {
            send(descriptor, data)
        } else {
            let address = packet.address.as_ref().map(|address| address.bind(py));
            let Some(native) = address.and_then(|address| self.native_address(address)) else {
                return self.send_other(py, packet);
            };
            send_to(descriptor, data, native)
        };
        match sent {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(false)
            }
            Err(error) => Err(os_error(&error)),
        }
    }

    /// Sends with the socket's own method: another family, or a host that has to be looked up.
    fn send_other(&self, py: Python<'_>, packet: &Packet) -> PyResult<bool> {
        let Some(socket) = self.socket.borrow().as_ref().map(|socket| socket.clone_ref(py)) else {
            return Ok(true);
        };
        match socket.call_method1(py, intern!(py, "sendto"), (&packet.data, &packet.address)) {
            Ok(_) => Ok(true),
            Err(error) if is_try_again(py, &error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl PacketProtocol for PyPackets {
    type Cx<'a> = &'a Bound<'a, PyAny>;
    type Escape = PyErr;
    type Reason = Py<PyAny>;
    type Packet = Packet;

    fn connection_made(&self, this: Self::Cx<'_>) -> PyResult<()> {
        let name = intern!(this.py(), "connection_made");
        let result = self.call(this.py(), |protocol| call_method1(protocol, name, this));
        self.reported(this, "connection_made", result)
    }

    fn receive(&self, this: Self::Cx<'_>, descriptor: &Descriptor) -> PyResult<()> {
        let py = this.py();
        for _ in 0..PACKETS_PER_TURN {
            let received =
                if self.family.is_some() { self.receive_ip(py, descriptor) } else { self.receive_other(py) };
            match received {
                Ok(None) => break,
                Ok(Some((data, address))) => {
                    let name = intern!(py, "datagram_received");
                    let result = self.call(py, |protocol| call_method2(protocol, name, &data, &address));
                    self.reported(this, "datagram_received", result)?;
                }
                Err(error) if error.is_instance_of::<PyOSError>(py) => {
                    let result = self.error_received(py, &error);
                    self.reported(this, "error_received", result)?;
                }
                Err(error) => failed(this, &error, "Fatal read error on datagram transport")?,
            }
            if !try_state::<DatagramTransport>(this)
                .is_some_and(super::datagrams::DatagramTransport::is_reading_now)
            {
                break;
            }
        }
        Ok(())
    }

    fn send(&self, this: Self::Cx<'_>, descriptor: &Descriptor, packet: &Packet) -> PyResult<bool> {
        let py = this.py();
        match self.send_once(py, descriptor, packet) {
            Err(error) if error.is_instance_of::<PyOSError>(py) => {
                self.error_received(py, &error).map(|()| true)
            }
            Err(error) => failed(this, &error, "Fatal write error on datagram transport").map(|()| true),
            result => result,
        }
    }

    fn size(packet: &Packet) -> usize {
        with_python(|py| packet.data.as_bytes(py).len())
    }

    fn pause_writing(&self, this: Self::Cx<'_>) -> PyResult<()> {
        self.flow(this, "pause_writing", "protocol.pause_writing() failed")
    }

    fn resume_writing(&self, this: Self::Cx<'_>) -> PyResult<()> {
        self.flow(this, "resume_writing", "protocol.resume_writing() failed")
    }

    fn connection_lost(&self, this: Self::Cx<'_>, reason: Option<Py<PyAny>>) -> PyResult<()> {
        let py = this.py();
        let name = intern!(py, "connection_lost");
        let reason = reason.unwrap_or_else(|| py.None());
        let result = self.call(py, |protocol| call_method1(protocol, name, reason.bind(py)));
        let result = self.reported(this, "connection_lost", result);
        // What get_extra_info() answers must not depend on when it is first asked.
        let known = this.getattr(intern!(py, "_extra")).map(drop);
        self.leave_table(this);
        let socket = self.socket.take();
        let closed = socket.map_or(Ok(()), |socket| socket.call_method0(py, intern!(py, "close")).map(drop));
        for cell in [&self.event_loop, &self.protocol, &self.waiter] {
            drop(cell.take());
        }
        drop(self.recent.take());
        both(py, both(py, result, known), closed)
    }

    fn watch(&self, this: Self::Cx<'_>, direction: Direction, on: bool) {
        watch::<DatagramTransport>(this, self.loop_of(this.py()).as_ref(), self.number.get(), direction, on);
    }

    fn defer(&self, this: Self::Cx<'_>) {
        defer::<DatagramTransport>(this, self.loop_of(this.py()).as_ref());
    }
}

impl PyPackets {
    fn flow(&self, this: &Bound<'_, PyAny>, method: &str, message: &str) -> PyResult<()> {
        let py = this.py();
        match self.call(py, |protocol| protocol.call_method0(method)) {
            Err(error) if !leaves_the_loop(py, &error) => {
                let (Some(event_loop), Some(protocol)) = (self.loop_of(py), self.protocol_of(py)) else {
                    return Ok(());
                };
                support::report(&event_loop, message, &error, &[("transport", this), ("protocol", &protocol)])
            }
            result => result,
        }
    }
}

fn is_try_again(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<pyo3::exceptions::PyBlockingIOError>(py)
        || error.is_instance_of::<pyo3::exceptions::PyInterruptedError>(py)
}
