//! `StreamTransport<C>`: the engine's `Transport` as a Python object, once for sockets and once for each end of a pipe.
//!
//! It has the methods and attributes of asyncio's transports. What is seldom called and mostly wording (`get_extra_info`,
//! `repr`, warnings) is in the Python subclasses in `ferrio.selector_events` and `ferrio.pipes`. `writing` has `write` and
//! `writelines`, `classes` the three classes and their tables of members.

mod classes;
mod writing;

use ferrio_engine::transport::{Channel, Descriptor, Fault, Kind, Limits, Transport};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::types::{PyBytes, PyList, PyType};

use crate::event_loop::exceptions::os_error;
use crate::event_loop::run::both;
use crate::event_loop::state::BaseLoop;
use crate::ffi::heap_type::Place;
use crate::ffi::names::SELECTOR_EVENTS;
use crate::ffi::object::finalized_slots;
use crate::ffi::openssl::recycle;
use crate::ffi::prelude::*;
use crate::ffi::socket::is_socket;
use crate::net::base_transport::{BaseTransport, PythonTransport, fatal};
use crate::net::channels::WithOwner;
use crate::net::chunk::Chunk;
use crate::net::protocols::transport_class::TransportClass;
use crate::net::protocols::{EMPTY_WAITER, PyProtocol};
use crate::net::sockets::tuple;

pub(crate) use writing::require_bytes_like;

/// See the module.
#[repr(C)]
pub(crate) struct StreamTransport<C: TransportClass> {
    head: Head,
    transport: Transport<WithOwner<C>, PyProtocol<C>>,
}

impl<C: TransportClass> StreamTransport<C> {
    /// A started transport of the Python class `class`.
    pub(crate) fn create<'py>(
        class: &Bound<'py, PyType>,
        channel: WithOwner<C>,
        protocol: PyProtocol<C>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let number = channel.descriptor().number();
        // If there is a Python socket, the program has it, too.
        let is_shared = channel.has_owner();
        let event_loop = protocol.base().event_loop(class.py());
        let this = alloc(
            class,
            StreamTransport { head: Head::new::<Self>(), transport: Transport::new(channel, protocol) },
        )?;
        // asyncio's loops know no pipe transports by descriptor: a program may watch a pipe that has a transport.
        if C::KIND == Kind::Duplex
            && let Some(state) = event_loop.as_ref().and_then(try_state::<BaseLoop>)
        {
            state.transports.insert(number, &this)?;
        }
        if let Some(state) = try_state::<Self>(&this) {
            if is_shared {
                state.transport.share(&this);
            }
            state.transport.start(&this);
        }
        Ok(this)
    }

    fn channel(&self) -> &WithOwner<C> {
        self.transport.channel()
    }

    fn protocol(&self) -> &PyProtocol<C> {
        self.transport.protocol()
    }

    /// Sends ciphertext, or drops it if the connection is lost, of which the TLS layer is told.
    pub(crate) fn send(&self, this: &Bound<'_, PyAny>, ciphertext: Chunk) -> PyResult<()> {
        if self.transport.may_write().is_err() {
            return Ok(());
        }
        if let Some(Chunk::Copied(memory)) = self.transport.write_owned(this, ciphertext)? {
            recycle(memory);
        }
        Ok(())
    }

    /// Sends bytes, or drops them if the connection is lost, of which the protocol is told.
    pub(crate) fn put(&self, this: &Bound<'_, PyAny>, data: &[u8]) -> PyResult<()> {
        if self.transport.may_write().is_err() {
            return Ok(());
        }
        self.transport.write(this, data, || Ok(Chunk::Copied(data.to_vec())))
    }

    /// As `put`, several pieces in one system call.
    pub(crate) fn put_all(
        &self,
        this: &Bound<'_, PyAny>,
        pieces: impl IntoIterator<Item = Chunk>,
    ) -> PyResult<()> {
        if self.transport.may_write().is_err() { Ok(()) } else { self.transport.write_all(this, pieces) }
    }

    /// From now on what is written leaves with what others write in this turn.
    pub(crate) fn gather(&self) {
        self.transport.gather();
    }

    /// Sends what was written, if it is held back.
    pub(crate) fn settle(&self, this: &Bound<'_, PyAny>) {
        self.transport.settle(this);
    }

    /// As `settle`, if a stream is above the transport.
    pub(crate) fn settle_stream(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.transport.holds_data() && self.protocol().is_below_stream(this.py())? {
            self.settle(this);
        }
        Ok(())
    }

    /// Closes at once, for `reason`.
    pub(crate) fn lose(&self, this: &Bound<'_, PyAny>, reason: Option<Py<PyAny>>) {
        self.transport.lose(this, reason);
    }

    pub(crate) fn write_eof(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.write_eof(this).map_err(|error| os_error(&error))
    }

    pub(crate) fn can_write_eof(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(true)
    }

    pub(crate) fn close(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.close(this);
        Ok(())
    }

    pub(crate) fn abort(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.lose(this, None);
        Ok(())
    }

    pub(crate) fn force_close(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [reason] = args.all("_force_close", ["exc"])?;
        self.transport.lose(this, given(reason).map(Bound::unbind));
        Ok(())
    }

    pub(crate) fn fatal_error(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let ([error], [message]) = args.bind("_fatal_error", ["exc"], ["message"])?;
        let message: String =
            message.map_or(Ok("Fatal error on transport".to_owned()), pyo3::Borrowed::extract)?;
        self.fail(this, PyErr::from_value((*error).clone()), &message)
    }

    /// Reports an error and closes at once, unless the error has to leave the loop.
    fn fail(&self, this: &Bound<'_, PyAny>, error: PyErr, message: &str) -> PyResult<()> {
        match fatal(this, error, message) {
            Fault::Escape(error) => Err(error),
            Fault::Lose(reason) => {
                self.transport.lose(this, Some(reason));
                Ok(())
            }
        }
    }

    /// Reads once more now, if it reads at all: whoever asks knows that more is there.
    pub(crate) fn pull(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.on_readable(this)
    }

    pub(crate) fn pause_reading(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.transport.pause_reading(this) { self.log(this, "pauses") } else { Ok(()) }
    }

    pub(crate) fn resume_reading(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.transport.resume_reading(this) { self.log(this, "resumes") } else { Ok(()) }
    }

    pub(crate) fn set_protocol(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [protocol] = args.all("set_protocol", ["protocol"])?;
        self.protocol().set(&protocol)
    }

    /// asyncio's `_buffer`, for reading only: a copy of what waits to be sent.
    pub(crate) fn buffer_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        self.settle(this);
        let pieces = PyList::empty(py);
        let mut added = Ok(());
        self.transport.outgoing().for_each(|piece| {
            if added.is_ok() {
                added = pieces.append(PyBytes::new(py, piece));
            }
        });
        added?;
        let helper = SELECTOR_EVENTS.helper(py, intern!(py, "write_buffer"))?;
        helper.call1((pieces, C::KIND == Kind::Duplex)).map(Bound::unbind)
    }

    /// Somebody else may use the descriptor from now on: sends what was written, and holds nothing back any more.
    pub(crate) fn share(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.share(this);
        Ok(())
    }

    pub(crate) fn settle_now(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.settle(this);
        Ok(())
    }

    pub(crate) fn get_write_buffer_size(&self, this: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.settle(this);
        Ok(self.transport.outgoing().size())
    }

    /// A future that is completed when everything is written. Only sendfile may write until `reset_empty_waiter`.
    pub(crate) fn make_empty_waiter(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let py = this.py();
        if !self.base().sparse.is_empty(EMPTY_WAITER) {
            return Err(PyRuntimeError::new_err("Empty waiter is already set"));
        }
        let Some(event_loop) = self.base().event_loop(py) else { return Ok(None) };
        let waiter = event_loop.call_method0(intern!(py, "create_future"))?;
        self.settle(this);
        if self.transport.outgoing().is_empty() {
            waiter.call_method1(intern!(py, "set_result"), (py.None(),))?;
        }
        self.base().sparse.set(EMPTY_WAITER, Some(waiter.clone()));
        Ok(Some(waiter.unbind()))
    }

    pub(crate) fn reset_empty_waiter(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        drop(self.base().sparse.take(EMPTY_WAITER));
        Ok(())
    }

    /// Closes the descriptor of a transport that nobody refers to any more. The protocol is not told.
    pub(crate) fn abandon(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.abandon();
        Ok(())
    }

    /// As `abandon`, but somebody who still refers to the transport, such as a finalizer, may close it.
    pub(crate) fn disown(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.base().leave_table(this, self.channel().descriptor().number());
        self.transport.disown();
        drop(self.protocol().server().take());
        Ok(())
    }

    /// The Python object, for callers that call `_share` or do not give it away.
    pub(crate) fn quiet_owner_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.channel().owner(this.py()).map(Bound::unbind))
    }

    /// A Python object becomes the owner of the descriptor, and closes it in the end.
    pub(crate) fn set_quiet_owner_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if C::KIND == Kind::Duplex && !is_socket(value)? {
            return Err(PyTypeError::new_err(format!("a socket is needed, not {}", value.repr()?)));
        }
        self.channel().give(value);
        Ok(())
    }

    pub(crate) fn sockname_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        self.protocol().learn_addresses(self.channel());
        let sockname = self.protocol().addresses().sockname();
        sockname.map(|address| tuple(this.py(), address)).transpose()
    }

    pub(crate) fn peername_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        self.protocol().learn_addresses(self.channel());
        let peername = self.protocol().addresses().peername();
        peername.map(|address| tuple(this.py(), address)).transpose()
    }

    pub(crate) fn fileno_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.transport.share(this);
        self.quiet_fileno_attribute(this)
    }

    /// The number, for callers that do not give it away.
    pub(crate) fn quiet_fileno_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(usize::try_from(self.channel().descriptor().number()).unwrap_or(0))
    }

    fn log(&self, this: &Bound<'_, PyAny>, what: &str) -> PyResult<()> {
        let py = this.py();
        if self.base().is_debug(py)? {
            SELECTOR_EVENTS.helper(py, intern!(py, "log_reading"))?.call1((this, what))?;
        }
        Ok(())
    }
}

impl<C: TransportClass> Io for StreamTransport<C> {
    fn turn(&self, this: &Bound<'_, PyAny>, turn: Turn) -> PyResult<()> {
        match turn {
            Turn::Readable => self.transport.on_readable(this),
            Turn::Writable => self.transport.on_writable(this),
            Turn::Deferred => {
                let result = self.transport.on_deferred(this);
                both(this.py(), result, self.base().tell_waiter(this.py()))
            }
        }
    }
}

impl<C: TransportClass> PythonTransport for StreamTransport<C> {
    fn base(&self) -> &BaseTransport {
        self.protocol().base()
    }

    fn write_limits(&self) -> Limits {
        self.transport.marks().limits()
    }

    fn put_write_limits(&self, this: &Bound<'_, PyAny>, limits: Limits) -> PyResult<()> {
        self.transport.set_limits(this, limits)
    }
}

impl<C: TransportClass> Finalized for StreamTransport<C> {
    /// Warns if the transport was never closed.
    fn finalize(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.transport.is_abandoned() {
            return Ok(());
        }
        this.call_method0(intern!(this.py(), "_unclosed")).map(drop)
    }
}

impl<C: TransportClass> Native for StreamTransport<C> {
    const NAME: &'static CStr = C::NAME;
    const DOC: &'static CStr = c"A stream transport. Made by the loop.";
    const BASE_SLOTS: bool = true;

    shows!(protocol(), channel(), transport.ending());

    fn place() -> &'static Place {
        C::place()
    }

    fn members() -> Members {
        C::members().and(finalized_slots::<Self>())
    }
}

/// The descriptor of a Python object, which stays the owner.
pub(crate) fn lent(object: &Bound<'_, PyAny>) -> PyResult<Descriptor> {
    Ok(Descriptor::lent(object.call_method0(intern!(object.py(), "fileno"))?.extract()?))
}
