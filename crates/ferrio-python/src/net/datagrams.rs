//! `DatagramTransport`: the engine's `Datagrams` as a Python object.
//!
//! It has the methods and attributes of asyncio's datagram transport. `packets` has sending and receiving.

use ferrio_engine::transport::{Datagrams, Limits};
use pyo3::exceptions::PyValueError;
use pyo3::types::{PyBytes, PyType};

use crate::compat;
use crate::event_loop::run::both;
use crate::event_loop::state::BaseLoop;
use crate::ffi::buffers::Exported;
use crate::ffi::buffers::KeptBytes;
use crate::ffi::names::SELECTOR_EVENTS;
use crate::ffi::prelude::*;
use crate::net::base_transport::{
    BaseTransport, PythonTransport, base_members, buffer_members, descriptor_members, read_members,
    write_members,
};
use crate::net::packets::{Packet, PacketTransport, PyPackets, WRITE_FAILED, failed};
use crate::net::sockets::is_plain;
use crate::net::transports::{lent, require_bytes_like};

/// The Python class of datagram transports.
static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// See the module.
#[repr(C)]
pub(crate) struct DatagramTransport {
    head: Head,
    transport: Datagrams<PyPackets<DatagramTransport>>,
}

impl DatagramTransport {
    fn packets(&self) -> &PyPackets<Self> {
        self.transport.protocol()
    }

    fn sendto(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let py = this.py();
        let ([data], [address]) = args.bind("sendto", ["data"], ["addr"])?;
        require_bytes_like(&data, "a bytes-like object")?;
        if !compat::SENDS_EMPTY && data.len()? == 0 {
            return Ok(());
        }
        let mut address = given(address).map(Bound::unbind);
        if let Some(fixed) = self.packets().address() {
            if let Some(other) = &address
                && !other.bind(py).eq(fixed)?
            {
                let text = format!("Invalid address: must be None or {}", fixed.bind(py).str()?);
                return Err(PyValueError::new_err(text));
            }
            address = Some(fixed.clone_ref(py));
        }
        // After an error asyncio still sends what names the address that the transport has, until the socket is closed.
        let counts = self.packets().address().is_some() || self.transport.is_gone();
        let lost = if counts { self.transport.refuse() } else { 0 };
        if lost > 0 {
            let helper = SELECTOR_EVENTS.helper(py, intern!(py, "write_after_loss"))?;
            return helper.call1((lost, "socket.send() raised exception.")).map(drop);
        }
        let data = match data.cast_exact::<PyBytes>() {
            Ok(data) => KeptBytes::from(data.to_owned()),
            Err(_) => match copied(&data, !self.transport.has_queued()) {
                Ok(data) => data.into(),
                Err(error) if self.transport.has_queued() => return Err(error),
                Err(error) => return failed::<Self>(this, error, WRITE_FAILED),
            },
        };
        self.transport.send(this, Packet { data, address })
    }

    fn close(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.close(this);
        Ok(())
    }

    fn abort(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.lose(this, None);
        Ok(())
    }

    fn is_closing(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_closing())
    }

    fn pause_reading(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.pause_reading(this);
        Ok(())
    }

    fn resume_reading(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.resume_reading(this);
        Ok(())
    }

    fn set_protocol(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [protocol] = args.all("set_protocol", ["protocol"])?;
        self.base().set_protocol(&protocol);
        Ok(())
    }

    /// asyncio's `_buffer`, for reading only: a copy of what waits to be sent.
    fn buffer_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let mut packets = Vec::new();
        self.transport.for_each(|packet: &Packet| {
            packets
                .push((packet.data.bind(py).to_owned(), packet.address.as_ref().map(|it| it.clone_ref(py))));
        });
        SELECTOR_EVENTS.helper(py, intern!(py, "packet_buffer"))?.call1((packets,)).map(Bound::unbind)
    }

    fn abandon(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.abandon();
        Ok(())
    }

    fn disown(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.base().leave_table(this, self.packets().number());
        self.transport.disown();
        Ok(())
    }

    fn get_write_buffer_size(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(self.transport.size())
    }

    fn address_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.packets().address().map(|address| address.clone_ref(this.py())))
    }

    fn fileno_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(usize::try_from(self.packets().number()).unwrap_or(0))
    }
}

impl PythonTransport for DatagramTransport {
    fn base(&self) -> &BaseTransport {
        self.packets().base()
    }

    fn write_limits(&self) -> Limits {
        self.transport.marks().limits()
    }

    fn put_write_limits(&self, this: &Bound<'_, PyAny>, limits: Limits) -> PyResult<()> {
        self.transport.set_limits(this, limits)
    }
}

impl PacketTransport for DatagramTransport {
    fn is_reading_now(&self) -> bool {
        self.transport.is_reading()
    }

    fn lose(&self, this: &Bound<'_, PyAny>, reason: Py<PyAny>) {
        self.transport.lose(this, Some(reason));
    }
}

impl Io for DatagramTransport {
    fn turn(&self, this: &Bound<'_, PyAny>, turn: Turn) -> PyResult<()> {
        match turn {
            Turn::Readable => self.transport.on_readable(this),
            Turn::Writable => {
                let result = self.transport.on_writable(this);
                self.base().reported("error_received", this, result)
            }
            Turn::Deferred => {
                let result = self.transport.on_deferred(this);
                both(this.py(), result, self.base().tell_waiter(this.py()))
            }
        }
    }
}

impl Native for DatagramTransport {
    const NAME: &'static CStr = c"ferrio._ferrio.DatagramTransport";
    const DOC: &'static CStr = c"A datagram transport. Made by the loop.";
    const BASE_SLOTS: bool = true;

    holds!(packets(), transport.ending());

    fn members() -> Members {
        base_members!(DatagramTransport)
            .and(read_members!(DatagramTransport, transport))
            .and(write_members!(DatagramTransport))
            .and(buffer_members!(DatagramTransport))
            .and(descriptor_members!(DatagramTransport))
            .and(members! { DatagramTransport;
                method c"sendto" c"Send one packet." => sendto;
                attribute c"_address" => address_attribute;
                attribute c"_sock_fd" => fileno_attribute;
                shown c"_sock" => packets().socket();
                shown c"_paused" => transport.is_paused();
                shown c"_protocol_paused" => transport.marks().is_paused();
            })
    }
}

impl BaseLoop {
    pub(crate) fn datagram_members() -> Members {
        members! { BaseLoop;
            method c"_make_datagram_transport" c"A transport over a datagram socket." => make_datagram_transport;
        }
    }

    fn make_datagram_transport(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let ([socket, protocol], [address, waiter, extra]) =
            args.bind("_make_datagram_transport", ["sock", "protocol"], ["address", "waiter", "extra"])?;
        this.call_method1(intern!(py, "_ensure_fd_no_transport"), (socket,))?;
        if !is_plain(&socket)? {
            static ASKING: PyOnceLock<Py<PyType>> = PyOnceLock::new();
            let class = ASKING.known(py, "ferrio.selector_events", "AskingDatagramTransport")?;
            let made = class.call1((this, socket, protocol, given(address), given(waiter), given(extra)))?;
            return Ok(made.unbind());
        }
        let descriptor = lent(&socket)?;
        let number = descriptor.number();
        let base = BaseTransport::new(this, &protocol, given(waiter), None)?;
        let packets = PyPackets::new(base, &socket, &descriptor, given(address))?;
        let class = CLASS.known(py, "ferrio.selector_events", "DatagramTransport")?;
        let transport = Datagrams::new(descriptor, packets);
        let transport =
            alloc(class, DatagramTransport { head: Head::new::<DatagramTransport>(), transport })?;
        if let Some(extra) = given(extra) {
            transport.setattr(intern!(py, "_given_extra"), extra)?;
        }
        // Now, since the program may close the socket later; there are few such transports.
        transport.getattr(intern!(py, "_extra"))?;
        self.transports.insert(number, &transport)?;
        if let Some(state) = try_state::<DatagramTransport>(&transport) {
            state.transport.start(&transport);
        }
        Ok(transport.unbind())
    }
}

/// A copy of `data`, which may change while it waits. What is sent `at_once` must be contiguous, as for asyncio's socket.
fn copied<'py>(data: &Bound<'py, PyAny>, at_once: bool) -> PyResult<Bound<'py, PyBytes>> {
    let py = data.py();
    match Exported::new(data, false) {
        Ok(exported) => Ok(PyBytes::new(py, exported.as_ref())),
        Err(error) if at_once => Err(error),
        Err(_) => Ok(py.get_type::<PyBytes>().call1((data,))?.cast_into()?),
    }
}
