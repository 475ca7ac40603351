//! `DatagramTransport`: the engine's `Datagrams` as a Python object.
//!
//! Methods and attributes are those of asyncio's; what it sends and receives is in `packets`.

use std::ffi::CStr;

use ferrio_engine::transport::Datagrams;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyType};

use crate::compat;
use crate::event_loop::exceptions::leaves_the_loop;
use crate::event_loop::run::both;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::ffi::args::Args;
use crate::ffi::buffers::Exported;
use crate::ffi::heap_type::{Native, Place, Visitor, try_state};
use crate::ffi::instances::alloc;
use crate::ffi::members::{Members, members};
use crate::ffi::raised;
use crate::ffi::word::{Head, Io, Turn};
use crate::net::marks::{Marks, shown};
use crate::net::packets::{Packet, PyPackets};
use crate::net::server::some;
use crate::net::sockets::is_plain;
use crate::net::transports::{lent, require_bytes_like};

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

    /// Whether it receives at this moment.
    pub(crate) fn is_reading_now(&self) -> bool {
        self.transport.is_reading()
    }

    /// Closes at once, for `reason`.
    pub(crate) fn lose(&self, this: &Bound<'_, PyAny>, reason: Py<PyAny>) {
        self.transport.lose(this, Some(reason));
    }

    fn sendto(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let py = this.py();
        let [Some(data), address] = args.bind("sendto", ["data", "addr"], 1)? else { return Ok(()) };
        require_bytes_like(&data, "a bytes-like object")?;
        if !compat::SENDS_EMPTY && data.len()? == 0 {
            return Ok(());
        }
        let mut address =
            address.filter(|address| !address.is_none()).map(|address| address.to_owned().unbind());
        if let Some(fixed) = self.packets().address() {
            if let Some(other) = &address
                && !other.bind(py).eq(fixed)?
            {
                let text = format!("Invalid address: must be None or {}", fixed.bind(py).str()?);
                return Err(PyValueError::new_err(text));
            }
            address = Some(fixed.clone_ref(py));
        }
        // asyncio still sends what names its own address, until the socket is closed.
        let counts = self.packets().address().is_some() || self.transport.is_gone();
        let lost = if counts { self.transport.refuse() } else { 0 };
        if lost > 0 {
            let helper = support::helper(py, intern!(py, "write_after_loss"))?;
            return helper.call1((lost, "socket.send() raised exception.")).map(drop);
        }
        let data = match data.cast_exact::<PyBytes>() {
            Ok(data) => data.to_owned().unbind(),
            Err(_) => match copied(&data, !self.transport.has_queued()) {
                Ok(data) => data.unbind(),
                Err(error) if self.transport.has_queued() => return Err(error),
                Err(error) => return failed(this, &error, "Fatal write error on datagram transport"),
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

    fn is_reading(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_reading())
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
        let [protocol] = args.bind("set_protocol", ["protocol"], 1)?;
        self.packets().set_protocol(protocol.map(|protocol| protocol.to_owned().unbind()));
        Ok(())
    }

    fn set_limits(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [high, low] = args.bind("set_write_buffer_limits", ["high", "low"], 0)?;
        let marks = Marks::of(this.py(), high.as_deref(), low.as_deref(), 64)?;
        self.packets().set_marks(marks.odd);
        self.transport.set_limits(this, marks.limits)
    }

    fn get_limits(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        shown(this.py(), self.packets().marks(this.py()), self.transport.limits())
    }

    fn high_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.get_limits(this)?.bind(this.py()).get_item(1).map(Bound::unbind)
    }

    fn low_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.get_limits(this)?.bind(this.py()).get_item(0).map(Bound::unbind)
    }

    fn reading_paused_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_paused())
    }

    fn writing_paused_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_writing_paused())
    }

    fn losses_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(self.transport.losses() as usize)
    }

    /// asyncio's buffer, as far as it can be read: a copy of what waits.
    fn buffer_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let mut packets = Vec::new();
        self.transport.for_each(|packet: &Packet| {
            packets.push((packet.data.clone_ref(py), packet.address.as_ref().map(|it| it.clone_ref(py))));
        });
        support::helper(py, intern!(py, "packet_buffer"))?.call1((packets,)).map(Bound::unbind)
    }

    fn buffer_size(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(self.transport.size())
    }

    fn abandon(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.abandon();
        Ok(())
    }

    fn disown(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.packets().leave_table(this);
        self.transport.disown();
        Ok(())
    }

    fn is_abandoned(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_abandoned())
    }

    fn is_gone(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_gone())
    }

    fn event_loop_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.packets().loop_of(this.py()).map(Bound::unbind))
    }

    fn get_protocol(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.packets().protocol_of(this.py()).map(Bound::unbind))
    }

    fn socket_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.packets().socket(this.py()))
    }

    fn address_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.packets().address().map(|address| address.clone_ref(this.py())))
    }

    fn extra_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.packets().extra(this.py()))
    }

    fn set_extra_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.packets().set_extra(value.clone().unbind());
        Ok(())
    }

    fn number_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(usize::try_from(self.packets().number()).unwrap_or(0))
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
                both(this.py(), result, self.packets().tell_waiter(this.py()))
            }
        }
    }
}

impl Native for DatagramTransport {
    const NAME: &'static CStr = c"ferrio._ferrio.DatagramTransport";
    const DOC: &'static CStr = c"A datagram transport. Made by the loop.";
    const BASE_SLOTS: bool = true;

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        members! { DatagramTransport;
            bare {
                c"close" c"Close, after what was sent." => close,
                c"abort" c"Close at once." => abort,
                c"is_closing" c"Whether it is closing or closed." => is_closing,
                c"is_reading" c"Whether it receives." => is_reading,
                c"pause_reading" c"Receive nothing until resume_reading()." => pause_reading,
                c"resume_reading" c"Receive again." => resume_reading,
                c"get_protocol" c"The protocol." => get_protocol,
                c"get_write_buffer_limits" c"The marks of flow control: low, high." => get_limits,
                c"get_write_buffer_size" c"How many bytes wait to be sent." => buffer_size,
                c"_abandon" c"Close the descriptor and nothing else, for good." => abandon,
                c"_disown" c"Close the descriptor and nothing else." => disown,
            }
            methods {
                c"sendto" c"Send one packet." => sendto,
                c"set_protocol" c"Set the protocol." => set_protocol,
                c"set_write_buffer_limits" c"Set the marks of flow control." => set_limits,
            }
            attributes {
                c"_gone" => is_gone;
                c"_abandoned" => is_abandoned;
                c"_closing" => is_closing;
                c"_loop" => event_loop_attribute;
                c"_protocol" => get_protocol;
                c"_sock" => socket_attribute;
                c"_address" => address_attribute;
                c"_stored_extra" => extra_attribute, set_extra_attribute;
                c"_sock_fd" => number_attribute;
                c"_paused" => reading_paused_attribute;
                c"_protocol_paused" => writing_paused_attribute;
                c"_conn_lost" => losses_attribute;
                c"_buffer" => buffer_attribute;
                c"_buffer_size" => buffer_size;
                c"_high_water" => high_attribute;
                c"_low_water" => low_attribute;
            }
        }
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        self.packets().traverse(visitor);
        self.transport.ending().visit(|reason| visitor.object(Some(reason)));
    }

    fn clear(&self) {
        self.packets().clear();
        self.transport.ending().clear();
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
        if !is_plain(&socket)? {
            static ASKING: PyOnceLock<Py<PyType>> = PyOnceLock::new();
            let class = ASKING.import(py, "ferrio.selector_events", "AskingDatagramTransport")?;
            let made = class.call1((this, socket, protocol, some(address), some(waiter), some(extra)))?;
            return Ok(made.unbind());
        }
        let descriptor = lent(&socket)?;
        let number = descriptor.number();
        let packets = PyPackets::new(this, &socket, &protocol, &descriptor, (some(address), some(waiter)))?;
        let class = CLASS.import(py, "ferrio.selector_events", "DatagramTransport")?;
        let transport = Datagrams::new(descriptor, packets);
        let transport =
            alloc(class, DatagramTransport { head: Head::new::<DatagramTransport>(), transport })?;
        if let Some(extra) = some(extra) {
            transport.setattr(intern!(py, "_given_extra"), extra)?;
        }
        // Endpoints are few, and the socket may be closed before anybody asks.
        transport.getattr(intern!(py, "_extra"))?;
        self.transports.insert(number, &transport)?;
        if let Some(state) = try_state::<DatagramTransport>(&transport) {
            state.transport.start(&transport);
        }
        Ok(transport.unbind())
    }
}

/// What is queued must not change. What is sent `at_once` has to be in one piece, as asyncio's socket wants it.
fn copied<'py>(data: &Bound<'py, PyAny>, at_once: bool) -> PyResult<Bound<'py, PyBytes>> {
    let py = data.py();
    match Exported::new(data, false) {
        Ok(exported) => Ok(PyBytes::new(py, exported.as_ref())),
        Err(error) if at_once => Err(error),
        Err(_) => Ok(py.get_type::<PyBytes>().call1((data,))?.cast_into()?),
    }
}

/// An error that is none of the system's: it leaves the loop, or is reported and ends the transport.
pub(crate) fn failed(this: &Bound<'_, PyAny>, error: &PyErr, message: &str) -> PyResult<()> {
    let py = this.py();
    if leaves_the_loop(py, error) {
        return Err(error.clone_ref(py));
    }
    support::helper(py, intern!(py, "fatal_error"))?.call1((this, raised::value(py, error), message))?;
    if let Some(state) = try_state::<DatagramTransport>(this) {
        state.lose(this, raised::value(py, error).unbind());
    }
    Ok(())
}
