//! `DatagramTransport`: the engine's `Datagrams` as a Python object.
//!
//! Between IP sockets packets and addresses are native; other families, and hosts given by name, go through the methods
//! of the Python socket. An address that was just received or sent to is recognised by identity: an echo server parses none.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use ferrio_engine::Direction;
use ferrio_engine::transport::{Datagrams, Descriptor, Limits, PacketProtocol, send, send_to};
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyTuple, PyType};
use rustix::net::RecvFlags;

use crate::base_events::BaseLoop;
use crate::exceptions::{leaves_the_loop, os_error};
use crate::ffi::args::Args;
use crate::ffi::call::{Exported, call_method1, call_method2, copy_context, in_context, with_python};
use crate::ffi::heap_type::{Members, Native, Place, Visitor, alloc, members, try_state};
use crate::ffi::reference::Ref;
use crate::ffi::word::{Head, Io, Turn};
use crate::protocols::{defer, watch};
use crate::scratch::with_scratch;
use crate::server::some;
use crate::sockets::{ip, tuple};
use crate::support;
use crate::transports::{lent, limits};

/// Packets received in one turn, so that a flood of them keeps nobody else waiting.
const PACKETS_PER_TURN: usize = 16;

/// A packet on its way out.
pub(crate) struct Packet {
    data: Py<PyBytes>,
    address: Option<Py<PyAny>>,
}

/// What a datagram transport keeps for Python.
pub(crate) struct PyPackets {
    event_loop: RefCell<Option<Py<PyAny>>>,
    protocol: RefCell<Option<Py<PyAny>>>,
    context: Ref,
    socket: RefCell<Option<Py<PyAny>>>,
    waiter: RefCell<Option<Py<PyAny>>>,
    extra: RefCell<Option<Py<PyAny>>>,
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
    fn loop_of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.borrow().as_ref().map(|event_loop| event_loop.bind(py).clone())
    }

    fn protocol_of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.protocol.borrow().as_ref().map(|protocol| protocol.bind(py).clone())
    }

    fn cells(&self) -> [&RefCell<Option<Py<PyAny>>>; 5] {
        [&self.event_loop, &self.protocol, &self.socket, &self.waiter, &self.extra]
    }

    fn call<'py>(
        &self,
        py: Python<'py>,
        call: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let Some(protocol) = self.protocol_of(py) else { return Ok(()) };
        in_context(&self.context.bind(py), || call(&protocol)).map(drop)
    }

    /// Reports what a callback raised; datagram transports go on.
    fn reported(&self, this: &Bound<'_, PyAny>, name: &str, result: PyResult<()>) -> PyResult<()> {
        let py = this.py();
        match result {
            Err(error) if !leaves_the_loop(py, &error) => {
                let (Some(event_loop), Some(protocol)) = (self.loop_of(py), self.protocol_of(py)) else {
                    return Ok(());
                };
                let helper = support::helper(py, intern!(py, "protocol_callback_failed"))?;
                helper.call1((event_loop, protocol, name, this, error.value(py), &self.context)).map(drop)
            }
            result => result,
        }
    }

    fn error_received(&self, py: Python<'_>, error: &PyErr) -> PyResult<()> {
        let name = intern!(py, "error_received");
        self.call(py, |protocol| call_method1(protocol, name, error.value(py)))
    }

    /// Receives one packet: `None` when none is there.
    fn receive_ip<'py>(
        &self,
        py: Python<'py>,
        descriptor: &Descriptor,
    ) -> PyResult<Option<(Bound<'py, PyBytes>, Bound<'py, PyAny>)>> {
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
                Err(error) => return Err(error),
            }
            if !try_state::<DatagramTransport>(this).is_some_and(|state| state.transport.is_reading()) {
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
            Err(error) if !leaves_the_loop(py, &error) => {
                let helper = support::helper(py, intern!(py, "fatal_error"))?;
                helper.call1((this, error.value(py), "Fatal write error on datagram transport"))?;
                if let Some(state) = try_state::<DatagramTransport>(this) {
                    state.transport.lose(this, Some(error.value(py).clone().into_any().unbind()));
                }
                Ok(true)
            }
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
        if let Some(state) = self.loop_of(py).as_ref().and_then(try_state::<BaseLoop>) {
            state.transports.remove(self.number.get(), this.as_ptr());
        }
        let socket = self.socket.take();
        let closed = socket.map_or(Ok(()), |socket| socket.call_method0(py, intern!(py, "close")).map(drop));
        for cell in [&self.event_loop, &self.protocol, &self.waiter] {
            drop(cell.take());
        }
        drop(self.recent.take());
        result.and(known).and(closed)
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

/// The Python class of what is made here.
static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// See the module.
#[repr(C)]
pub(crate) struct DatagramTransport {
    head: Head,
    transport: Datagrams<PyPackets>,
}

impl DatagramTransport {
    fn packets(&self) -> &PyPackets {
        self.transport.protocol()
    }

    fn sendto(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let py = this.py();
        let [Some(data), address] = args.bind("sendto", ["data", "addr"], 1)? else { return Ok(()) };
        let bytes_like = data.is_instance_of::<PyBytes>()
            || data.is_instance_of::<PyByteArray>()
            || data.is_instance_of::<PyMemoryView>();
        if !bytes_like {
            let kind = data.get_type().name()?.repr()?.to_string();
            let text = format!("data argument must be a bytes-like object, not {kind}");
            return Err(PyTypeError::new_err(text));
        }
        if cfg!(not(Py_3_13)) && data.len()? == 0 {
            return Ok(());
        }
        let mut address =
            address.filter(|address| !address.is_none()).map(|address| address.to_owned().unbind());
        if let Some(fixed) = &self.packets().address {
            if let Some(other) = &address
                && !other.bind(py).eq(fixed)?
            {
                let text = format!("Invalid address: must be None or {}", fixed.bind(py).str()?);
                return Err(PyValueError::new_err(text));
            }
            address = Some(fixed.clone_ref(py));
        }
        let lost = self.transport.refuse();
        if lost > 0 {
            let helper = support::helper(py, intern!(py, "write_after_loss"))?;
            return helper.call1((lost, "socket.send() raised exception.")).map(drop);
        }
        let data = match data.cast_exact::<PyBytes>() {
            Ok(data) => data.to_owned().unbind(),
            Err(_) => copied(&data)?.unbind(),
        };
        self.transport.send(this, Packet { data, address })
    }

    fn close(&self, this: &Bound<'_, PyAny>, _: Args<'_, '_>) -> PyResult<()> {
        self.transport.close(this);
        Ok(())
    }

    fn abort(&self, this: &Bound<'_, PyAny>, _: Args<'_, '_>) -> PyResult<()> {
        self.transport.lose(this, None);
        Ok(())
    }

    fn is_closing(&self, _: &Bound<'_, PyAny>, _: Args<'_, '_>) -> PyResult<bool> {
        Ok(self.transport.is_closing())
    }

    fn is_reading(&self, _: &Bound<'_, PyAny>, _: Args<'_, '_>) -> PyResult<bool> {
        Ok(self.transport.is_reading())
    }

    fn pause_reading(&self, this: &Bound<'_, PyAny>, _: Args<'_, '_>) -> PyResult<()> {
        self.transport.pause_reading(this);
        Ok(())
    }

    fn resume_reading(&self, this: &Bound<'_, PyAny>, _: Args<'_, '_>) -> PyResult<()> {
        self.transport.resume_reading(this);
        Ok(())
    }

    fn set_protocol(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [protocol] = args.bind("set_protocol", ["protocol"], 1)?;
        let old = self.packets().protocol.replace(protocol.map(|protocol| protocol.to_owned().unbind()));
        drop(old);
        Ok(())
    }

    fn get_protocol(&self, this: &Bound<'_, PyAny>, _: Args<'_, '_>) -> PyResult<Option<Py<PyAny>>> {
        self.protocol_attribute(this)
    }

    fn set_limits(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [high, low] = args.bind("set_write_buffer_limits", ["high", "low"], 0)?;
        self.transport.set_limits(this, limits(high.as_deref(), low.as_deref())?)
    }

    fn get_limits(&self, this: &Bound<'_, PyAny>, _: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let Limits { high, low } = self.transport.limits();
        Ok(PyTuple::new(this.py(), [low, high])?.into_any().unbind())
    }

    fn buffer_size(&self, _: &Bound<'_, PyAny>, _: Args<'_, '_>) -> PyResult<usize> {
        Ok(self.transport.size())
    }

    fn abandon(&self, _: &Bound<'_, PyAny>, _: Args<'_, '_>) -> PyResult<()> {
        self.transport.abandon();
        Ok(())
    }

    fn is_gone(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_gone())
    }

    fn closing_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_closing())
    }

    fn event_loop_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.packets().loop_of(this.py()).map(Bound::unbind))
    }

    fn protocol_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.packets().protocol_of(this.py()).map(Bound::unbind))
    }

    fn socket_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.packets().socket.borrow().as_ref().map(|socket| socket.clone_ref(this.py())))
    }

    fn address_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.packets().address.as_ref().map(|address| address.clone_ref(this.py())))
    }

    fn extra_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.packets().extra.borrow().as_ref().map(|extra| extra.clone_ref(this.py())))
    }

    fn set_extra_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let old = self.packets().extra.replace(Some(value.clone().unbind()));
        drop(old);
        Ok(())
    }

    fn number_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(usize::try_from(self.packets().number.get()).unwrap_or(0))
    }
}

impl Io for DatagramTransport {
    fn turn(&self, this: &Bound<'_, PyAny>, turn: Turn) -> PyResult<()> {
        match turn {
            Turn::Readable => self.transport.on_readable(this),
            Turn::Writable => {
                let result = self.transport.on_writable(this);
                self.packets().reported(this, "error_received", result)
            }
            Turn::Deferred => {
                let result = self.transport.on_deferred(this);
                let py = this.py();
                if let Some(waiter) = self.packets().waiter.take()
                    && !waiter.call_method0(py, intern!(py, "done"))?.is_truthy(py)?
                {
                    waiter.call_method1(py, intern!(py, "set_result"), (py.None(),))?;
                }
                result
            }
        }
    }
}

impl Native for DatagramTransport {
    const NAME: &'static CStr = c"ferrio._ferrio.DatagramTransport";
    const DOC: &'static CStr = c"A datagram transport. Made by the loop.";

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        members! { DatagramTransport;
            methods {
                c"sendto" c"Send one packet." => sendto,
                c"close" c"Close, after what was sent." => close,
                c"abort" c"Close at once." => abort,
                c"is_closing" c"Whether it is closing or closed." => is_closing,
                c"is_reading" c"Whether it receives." => is_reading,
                c"pause_reading" c"Receive nothing until resume_reading()." => pause_reading,
                c"resume_reading" c"Receive again." => resume_reading,
                c"set_protocol" c"Set the protocol." => set_protocol,
                c"get_protocol" c"The protocol." => get_protocol,
                c"set_write_buffer_limits" c"Set the marks of flow control." => set_limits,
                c"get_write_buffer_limits" c"The marks of flow control: low, high." => get_limits,
                c"get_write_buffer_size" c"How many bytes wait to be sent." => buffer_size,
                c"_abandon" c"Close the descriptor and nothing else." => abandon,
            }
            attributes {
                c"_gone" => is_gone;
                c"_closing" => closing_attribute;
                c"_loop" => event_loop_attribute;
                c"_protocol" => protocol_attribute;
                c"_sock" => socket_attribute;
                c"_address" => address_attribute;
                c"_stored_extra" => extra_attribute, set_extra_attribute;
                c"_sock_fd" => number_attribute;
            }
        }
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        let packets = self.packets();
        for cell in packets.cells() {
            if let Ok(object) = cell.try_borrow() {
                visitor.object(object.as_ref());
            }
        }
        visitor.raw(packets.context.as_ptr());
        visitor.object(packets.address.as_ref());
    }

    fn clear(&self) {
        for cell in self.packets().cells() {
            drop(cell.take());
        }
    }
}

impl Drop for DatagramTransport {
    fn drop(&mut self) {
        with_python(|py| {
            if let Some(state) = self.packets().loop_of(py).as_ref().and_then(try_state::<BaseLoop>) {
                state.transports.remove(self.packets().number.get(), self.head.object());
            }
        });
    }
}

impl BaseLoop {
    pub(crate) fn datagram_members() -> Members {
        members! { BaseLoop;
            methods {
                c"_make_datagram_transport" c"A transport over a datagram socket." => make_datagram_transport,
            }
            attributes {}
        }
    }

    fn make_datagram_transport(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let names = ["sock", "protocol", "address", "waiter", "extra"];
        let [Some(socket), Some(protocol), address, waiter, extra] =
            args.bind("_make_datagram_transport", names, 2)?
        else {
            return Ok(py.None());
        };
        this.call_method1(intern!(py, "_ensure_fd_no_transport"), (socket,))?;
        let descriptor = lent(&socket)?;
        let number = descriptor.number();
        let own = rustix::net::getsockname(descriptor.borrow())
            .map_err(|error| os_error(&io::Error::from(error)))?;
        let family = ip(&own).map(|own| if own.is_ipv4() { Family::V4 } else { Family::V6 });
        let packets = PyPackets {
            event_loop: RefCell::new(Some(this.clone().unbind())),
            protocol: RefCell::new(Some(protocol.to_owned().unbind())),
            context: copy_context(py)?,
            socket: RefCell::new(Some(socket.to_owned().unbind())),
            waiter: RefCell::new(some(waiter)),
            extra: RefCell::default(),
            address: some(address),
            connected: matches!(rustix::net::getpeername(descriptor.borrow()), Ok(Some(_))),
            family,
            recent: RefCell::default(),
            number: Cell::new(number),
        };
        let class = support::transport_class(py, &CLASS, "DatagramTransport")?;
        let transport = Datagrams::new(descriptor, packets);
        let transport =
            alloc(class, DatagramTransport { head: Head::new::<DatagramTransport>(), transport })?;
        if let Some(extra) = some(extra) {
            transport.setattr(intern!(py, "_given_extra"), extra)?;
        }
        self.transports.insert(number, &transport);
        if let Some(state) = try_state::<DatagramTransport>(&transport) {
            state.transport.start(&transport);
        }
        Ok(transport.unbind())
    }
}

fn is_try_again(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<pyo3::exceptions::PyBlockingIOError>(py)
        || error.is_instance_of::<pyo3::exceptions::PyInterruptedError>(py)
}

/// What is queued must not change.
fn copied<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let exported = Exported::new(data, false)?;
    Ok(PyBytes::new(data.py(), exported.as_ref()))
}
