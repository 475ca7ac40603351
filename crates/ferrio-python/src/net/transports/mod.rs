//! `Stream<C>`: the engine's `Transport` as a Python object, once for sockets and once for each end of a pipe.
//!
//! Methods and attributes are those of asyncio's transports; what is cold and full of wording (`get_extra_info`, `repr`,
//! warnings) is in the Python subclasses in `ferrio.selector_events` and `ferrio.unix_events`; writing is in `writing`.

mod writing;

use std::ffi::CStr;

use ferrio_engine::transport::{Channel, Descriptor, Fault, Kind, Transport};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyType};

use crate::event_loop::exceptions::os_error;
use crate::event_loop::run::both;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::ffi::args::Args;
use crate::ffi::heap_type::{Native, Place, Visitor, try_state};
use crate::ffi::instances::alloc;
use crate::ffi::members::Members;
use crate::ffi::object::{Finalized, finalized_slots};
use crate::ffi::openssl::recycle;
use crate::ffi::socket::is_socket;
use crate::ffi::word::{Head, Io, Turn};
use crate::net::channels::Kept;
use crate::net::doors::Door;
use crate::net::marks::{Marks, shown};
use crate::net::protocols::{Chunk, PyProtocol, fatal};
use crate::net::rare::Item;
use crate::net::sockets::tuple;

pub(crate) use writing::require_bytes_like;

/// See the module.
#[repr(C)]
pub(crate) struct Stream<C: Door> {
    head: Head,
    transport: Transport<Kept<C>, PyProtocol<C>>,
}

impl<C: Door> Stream<C> {
    /// A started transport of the Python class `class`.
    pub(crate) fn create<'py>(
        class: &Bound<'py, PyType>,
        channel: Kept<C>,
        protocol: PyProtocol<C>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let number = channel.descriptor().number();
        // The program has whatever object of Python's there is already.
        let is_shared = channel.has_owner();
        let event_loop = protocol.event_loop(class.py());
        let this =
            alloc(class, Stream { head: Head::new::<Self>(), transport: Transport::new(channel, protocol) })?;
        // asyncio's pipe transports are not there: a program may watch the end of a pipe beside its transport.
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

    /// The descriptor's number.
    pub(crate) fn number(&self) -> i32 {
        self.kept().descriptor().number()
    }

    /// The channel, with the object that its descriptor belongs to.
    pub(crate) fn kept(&self) -> &Kept<C> {
        self.transport.channel()
    }

    fn protocol(&self) -> &PyProtocol<C> {
        self.transport.protocol()
    }

    /// Ciphertext. A connection that is lost takes none, without a word: its TLS layer hears of it.
    pub(crate) fn send(&self, this: &Bound<'_, PyAny>, ciphertext: Chunk) -> PyResult<()> {
        if self.transport.may_write().is_err() {
            return Ok(());
        }
        if let Some(Chunk::Copied(memory)) = self.transport.write_owned(this, ciphertext)? {
            recycle(memory);
        }
        Ok(())
    }

    /// What was written is sent, if it is held.
    pub(crate) fn settle(&self, this: &Bound<'_, PyAny>) {
        self.transport.settle(this);
    }

    /// The same, if a stream is on top.
    pub(crate) fn settle_stream(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.transport.holds_data() && self.protocol().is_stream(this.py())? {
            self.settle(this);
        }
        Ok(())
    }

    /// `close`, by who is on top.
    pub(crate) fn end(&self, this: &Bound<'_, PyAny>) {
        self.transport.close(this);
    }

    /// `_force_close`, by who is on top.
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
        let [reason] = args.bind("_force_close", ["exc"], 1)?;
        let reason = reason.filter(|reason| !reason.is_none()).map(|reason| reason.to_owned().unbind());
        self.transport.lose(this, reason);
        Ok(())
    }

    pub(crate) fn fatal_error(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [error, message] = args.bind("_fatal_error", ["exc", "message"], 1)?;
        let Some(error) = error else { return Ok(()) };
        let message: String =
            message.map_or(Ok("Fatal error on transport".to_owned()), pyo3::Borrowed::extract)?;
        match fatal(this, PyErr::from_value((*error).clone()), &message) {
            Fault::Escape(error) => Err(error),
            Fault::Lose(reason) => {
                self.transport.lose(this, Some(reason));
                Ok(())
            }
        }
    }

    /// A stream's `drain()` asks for this: what was written is sent by then.
    pub(crate) fn is_closing(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.settle_stream(this)?;
        Ok(self.transport.is_closing())
    }

    pub(crate) fn is_reading(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_reading())
    }

    pub(crate) fn pause_reading(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.transport.pause_reading(this) { self.log(this, "pauses") } else { Ok(()) }
    }

    pub(crate) fn resume_reading(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.transport.resume_reading(this) { self.log(this, "resumes") } else { Ok(()) }
    }

    pub(crate) fn set_protocol(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [protocol] = args.bind("set_protocol", ["protocol"], 1)?;
        protocol.map_or(Ok(()), |protocol| self.protocol().set(&protocol))
    }

    pub(crate) fn set_limits(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [high, low] = args.bind("set_write_buffer_limits", ["high", "low"], 0)?;
        let marks = Marks::of(this.py(), high.as_deref(), low.as_deref(), 64)?;
        drop(self.protocol().rare().replace(Item::Limits, marks.odd));
        self.transport.set_limits(this, marks.limits)
    }

    pub(crate) fn get_limits(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let odd = self.protocol().rare().get(this.py(), Item::Limits);
        shown(this.py(), odd, self.transport.outgoing().limits())
    }

    pub(crate) fn high_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.get_limits(this)?.bind(this.py()).get_item(1).map(Bound::unbind)
    }

    pub(crate) fn low_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.get_limits(this)?.bind(this.py()).get_item(0).map(Bound::unbind)
    }

    /// asyncio's buffer, as far as it can be read: a copy of what waits.
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
        let helper = support::helper(py, intern!(py, "write_buffer"))?;
        helper.call1((pieces, C::KIND == Kind::Duplex)).map(Bound::unbind)
    }

    /// Somebody gets at the descriptor: what was written is sent, and nothing is held any more.
    pub(crate) fn share(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.share(this);
        Ok(())
    }

    pub(crate) fn settle_now(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.settle(this);
        Ok(())
    }

    pub(crate) fn buffer_size(&self, this: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.settle(this);
        Ok(self.transport.outgoing().size())
    }

    /// Nothing but sendfile may write until the future that is returned is done, and it is reset.
    pub(crate) fn make_empty_waiter(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let py = this.py();
        if self.protocol().rare().has(Item::EmptyWaiter) {
            return Err(PyRuntimeError::new_err("Empty waiter is already set"));
        }
        let Some(event_loop) = self.protocol().event_loop(py) else { return Ok(None) };
        let waiter = event_loop.call_method0(intern!(py, "create_future"))?;
        self.settle(this);
        if self.transport.outgoing().is_empty() {
            waiter.call_method1(intern!(py, "set_result"), (py.None(),))?;
        }
        self.protocol().rare().replace(Item::EmptyWaiter, Some(waiter.clone().unbind()));
        Ok(Some(waiter.unbind()))
    }

    pub(crate) fn reset_empty_waiter(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        drop(self.protocol().rare().take(Item::EmptyWaiter));
        Ok(())
    }

    /// The end of a transport nobody refers to: the descriptor is closed without a word to the protocol.
    pub(crate) fn abandon(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.transport.abandon();
        Ok(())
    }

    /// The same, where somebody who refers to it, a finalizer of the protocol say, may still close it.
    pub(crate) fn disown(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.protocol().leave_table(this);
        self.transport.disown();
        drop(self.protocol().server().take());
        Ok(())
    }

    pub(crate) fn is_abandoned(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_abandoned())
    }

    pub(crate) fn is_gone(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_gone())
    }

    pub(crate) fn is_polling(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_polling())
    }

    pub(crate) fn event_loop_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.protocol().event_loop(this.py()).map(Bound::unbind))
    }

    pub(crate) fn get_protocol(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.protocol().protocol(this.py()).map(Bound::unbind))
    }

    pub(crate) fn server_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.protocol().server().borrow().as_ref().map(|server| server.clone_ref(this.py())))
    }

    /// For what shows the object to nobody, or shares it.
    pub(crate) fn quiet_owner_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.kept().owner(this.py()).map(Bound::unbind))
    }

    /// A Python object takes over the descriptor: from now on it closes it.
    pub(crate) fn set_quiet_owner_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if C::KIND == Kind::Duplex && !is_socket(value)? {
            return Err(PyTypeError::new_err(format!("a socket is needed, not {}", value.repr()?)));
        }
        self.kept().give(value);
        Ok(())
    }

    pub(crate) fn extra_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.protocol().rare().get(this.py(), Item::Extra))
    }

    pub(crate) fn set_extra_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let old = self.protocol().rare().replace(Item::Extra, Some(value.clone().unbind()));
        drop(old);
        Ok(())
    }

    /// What the system knows of the two ends, as long as it knows.
    pub(crate) fn learn_ends(&self) {
        if C::KIND == Kind::Duplex
            && !self.transport.is_abandoned()
            && let Ok(descriptor) = self.kept().valid()
        {
            self.protocol().ends().borrow_mut().ask(descriptor);
        }
    }

    pub(crate) fn own_end_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        self.learn_ends();
        let own = self.protocol().ends().borrow().own();
        own.map(|address| tuple(this.py(), address)).transpose()
    }

    pub(crate) fn peer_end_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        self.learn_ends();
        let peer = self.protocol().ends().borrow().peer();
        peer.map(|address| tuple(this.py(), address)).transpose()
    }

    pub(crate) fn number_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.transport.share(this);
        self.quiet_number_attribute(this)
    }

    /// For what shows the number to nobody.
    pub(crate) fn quiet_number_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(usize::try_from(self.number()).unwrap_or(0))
    }

    pub(crate) fn reading_paused_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_paused())
    }

    pub(crate) fn losses_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(self.transport.losses() as usize)
    }

    pub(crate) fn empty_waiter_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.protocol().rare().get(this.py(), Item::EmptyWaiter))
    }

    pub(crate) fn ended_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.is_ended())
    }

    pub(crate) fn paused_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.transport.outgoing().is_paused())
    }

    fn log(&self, this: &Bound<'_, PyAny>, what: &str) -> PyResult<()> {
        let py = this.py();
        let Some(event_loop) = self.protocol().event_loop(py) else { return Ok(()) };
        if support::is_debug(&event_loop)? {
            support::helper(py, intern!(py, "log_reading"))?.call1((this, what))?;
        }
        Ok(())
    }
}

impl<C: Door> Io for Stream<C> {
    fn turn(&self, this: &Bound<'_, PyAny>, turn: Turn) -> PyResult<()> {
        match turn {
            Turn::Readable => self.transport.on_readable(this),
            Turn::Writable => self.transport.on_writable(this),
            Turn::Deferred => {
                let result = self.transport.on_deferred(this);
                both(this.py(), result, self.protocol().tell_waiter(this.py()))
            }
        }
    }
}

impl<C: Door> Finalized for Stream<C> {
    /// Python hears of it only where a transport was never closed.
    fn finalize(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.transport.is_abandoned() {
            return Ok(());
        }
        this.call_method0(intern!(this.py(), "_unclosed")).map(drop)
    }
}

impl<C: Door> Native for Stream<C> {
    const NAME: &'static CStr = C::NAME;
    const DOC: &'static CStr = c"A stream transport. Made by the loop.";
    const BASE_SLOTS: bool = true;

    fn place() -> &'static Place {
        C::place()
    }

    fn members() -> Members {
        C::members().and(finalized_slots::<Self>())
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        self.protocol().traverse(visitor);
        self.kept().traverse(visitor);
        self.transport.ending().visit(|reason| visitor.object(Some(reason)));
    }

    fn clear(&self) {
        self.protocol().clear();
        drop(self.kept().part());
        self.transport.ending().clear();
    }
}

/// The descriptor of a Python object that stays its owner.
pub(crate) fn lent(object: &Bound<'_, PyAny>) -> PyResult<Descriptor> {
    Ok(Descriptor::lent(object.call_method0(intern!(object.py(), "fileno"))?.extract()?))
}
