//! `PyProtocol`: a Python protocol object as the engine's `Protocol`.
//!
//! For everything that the engine tells a protocol, it calls a method of the Python protocol, and it reports the errors of
//! these methods. How data reaches the protocol is in `receiving`; what native protocols supply, in `delivery`; what differs
//! between sockets and pipes, in `transport_class`.

pub(crate) mod delivery;
mod receiving;
pub(crate) mod transport_class;

use std::io;
use std::marker::PhantomData;

use ferrio_engine::transport::{Channel, Fault, Host, Kind, Protocol, Received};
use ferrio_engine::{Direction, Loop};
use pyo3::exceptions::PyBrokenPipeError;

use crate::event_loop::exceptions::{leaves_the_loop, os_error};
use crate::event_loop::run::both;
use crate::ffi::names::SELECTOR_EVENTS;
use crate::ffi::prelude::*;
use crate::ffi::reference::is_last;
use crate::net::base_transport::{BaseTransport, OWN, fatal, is_stream};
use crate::net::channels::WithOwner;
use crate::net::chunk::Chunk;
use crate::net::clients;
use crate::net::protocols::delivery::{Delivery, LayerProtocol};
use crate::net::protocols::transport_class::TransportClass;
use crate::net::sockets::Addresses;
use crate::net::watching::{defer, watch};

/// The future that is completed when everything is written. While there is one, only sendfile may write.
pub(crate) const EMPTY_WAITER: usize = OWN;

/// What a transport may be given when it is made.
#[derive(Default)]
pub(crate) struct Options<'py> {
    /// The future that is completed when the transport is ready.
    pub(crate) waiter: Option<Bound<'py, PyAny>>,
    /// The server that accepted the connection.
    pub(crate) server: Option<Bound<'py, PyAny>>,
    /// The context that callbacks run in. Without one they run in a copy of the present context.
    pub(crate) context: Option<Ref>,
}

/// See the module.
pub(crate) struct PyProtocol<C> {
    base: BaseTransport,
    delivery: Cell<Delivery>,
    /// How many bytes the last read gave: the next one often gives as many.
    last_read: Cell<u32>,
    server: Slot,
    addresses: RefCell<Addresses>,
    channel: PhantomData<C>,
}

held!([C: TransportClass] PyProtocol<C>: base, server);

impl<C: TransportClass> PyProtocol<C> {
    pub(crate) fn new(
        event_loop: &Bound<'_, PyAny>,
        protocol: &Bound<'_, PyAny>,
        addresses: Addresses,
        options: Options<'_>,
    ) -> PyResult<Self> {
        let Options { waiter, server, context } = options;
        Ok(PyProtocol {
            base: BaseTransport::new(event_loop, protocol, waiter, context)?,
            delivery: Cell::new(Self::delivery_to(protocol)?),
            last_read: Cell::new(0),
            server: server.map_or_else(Slot::default, |server| Slot::new(server.into())),
            addresses: RefCell::new(addresses),
            channel: PhantomData,
        })
    }

    /// Replaces the protocol.
    pub(crate) fn set(&self, protocol: &Bound<'_, PyAny>) -> PyResult<()> {
        self.delivery.set(Self::delivery_to(protocol)?);
        self.base.set_protocol(protocol);
        Ok(())
    }

    fn delivery_to(protocol: &Bound<'_, PyAny>) -> PyResult<Delivery> {
        Ok(match Delivery::to(protocol)? {
            // asyncio's pipes call `data_received()` of every protocol.
            Delivery::BufferUpdated if C::KIND != Kind::Duplex => Delivery::DataReceived,
            delivery => delivery,
        })
    }

    /// Whether a stream, asyncio's or ours, is above the transport.
    pub(crate) fn is_below_stream(&self, py: Python<'_>) -> PyResult<bool> {
        let protocol = self.base.protocol(py);
        match self.layer(protocol.as_ref()) {
            Some((_, layer)) => layer.is_below_stream(py),
            None => protocol.map_or(Ok(false), |protocol| is_stream(&protocol)),
        }
    }

    pub(crate) fn base(&self) -> &BaseTransport {
        &self.base
    }

    pub(crate) fn server(&self) -> &Slot {
        &self.server
    }

    pub(crate) fn addresses(&self) -> std::cell::Ref<'_, Addresses> {
        self.addresses.borrow()
    }

    /// Asks the system for the addresses, if the descriptor is still valid.
    pub(crate) fn learn_addresses(&self, channel: &WithOwner<C>) {
        if C::KIND == Kind::Duplex
            && let Ok(descriptor) = channel.valid()
        {
            self.addresses.borrow_mut().learn(descriptor);
        }
    }

    /// The layer that `protocol` is, if it is one.
    fn layer<'a, 'py>(
        &self,
        protocol: Option<&'a Bound<'py, PyAny>>,
    ) -> Option<(&'a Bound<'py, PyAny>, &'a dyn LayerProtocol)> {
        let Delivery::Layer(as_layer) = self.delivery.get() else { return None };
        protocol.and_then(|protocol| Some((protocol, as_layer(protocol)?)))
    }

    /// What follows from a failed callback while data is delivered: a socket is closed; a pipe goes on after a report.
    #[cold]
    fn delivery_failed(
        &self,
        this: &Bound<'_, PyAny>,
        error: PyErr,
        callback: &str,
    ) -> Result<(), Fault<PyErr, Py<PyAny>>> {
        let py = this.py();
        if C::KIND == Kind::Duplex {
            return Err(fatal(this, error, &format!("Fatal error: protocol.{callback}() call failed.")));
        }
        if leaves_the_loop(py, &error) {
            return Err(Fault::Escape(error));
        }
        let error = raised::value(py, &error);
        let report = SELECTOR_EVENTS
            .helper(py, intern!(py, "pipe_callback_failed"))
            .and_then(|helper| raised::handling(&error, || helper.call1((this, callback, &error))));
        report.map(drop).map_err(Fault::Escape)
    }
}

/// The number of the descriptor of the transport `this`.
fn number<C: TransportClass>(this: &Bound<'_, PyAny>) -> i32 {
    C::channel(this).map_or(-1, |channel| channel.descriptor().number())
}

impl<C: TransportClass> Protocol for PyProtocol<C> {
    type Escape = PyErr;
    type Reason = Py<PyAny>;
    type Chunk = Chunk;

    fn connection_made(&self, this: Self::Cx<'_>) -> PyResult<()> {
        let name = intern!(this.py(), "connection_made");
        let protocol = self.base.protocol(this.py());
        let made = match self.layer(protocol.as_ref()) {
            Some((protocol, layer)) => layer.connection_made(protocol, this),
            None => self.base.call(this.py(), |protocol| call_method1(protocol, name, this)).map(drop),
        };
        self.base.reported("connection_made", this, made)
    }

    fn receive(
        &self,
        this: Self::Cx<'_>,
        channel: &impl Channel,
    ) -> Result<Received, Fault<PyErr, Py<PyAny>>> {
        self.receive_once(this, channel)
    }

    fn eof_received(&self, this: Self::Cx<'_>) -> Result<bool, Fault<PyErr, Py<PyAny>>> {
        let py = this.py();
        if self.base.is_debug(py).unwrap_or(false) {
            let logged =
                SELECTOR_EVENTS.helper(py, intern!(py, "log_eof")).and_then(|helper| helper.call1((this,)));
            logged.map_err(Fault::Escape)?;
        }
        let protocol = self.base.protocol(py);
        let answer = match self.layer(protocol.as_ref()) {
            Some((protocol, layer)) => layer.eof_received(protocol),
            None => self
                .base
                .call(py, |protocol| protocol.call_method0(intern!(py, "eof_received")))
                .and_then(|answer| answer.map_or(Ok(false), |answer| answer.is_truthy())),
        };
        match answer {
            Ok(open) => Ok(open),
            Err(error) => self.delivery_failed(this, error, "eof_received").map(|()| false),
        }
    }

    fn pause_writing(&self, this: Self::Cx<'_>) -> PyResult<()> {
        let protocol = self.base.protocol(this.py());
        match self.layer(protocol.as_ref()) {
            Some((_, layer)) => {
                layer.pause_writing();
                Ok(())
            }
            None => self.base.flow(this, "pause_writing"),
        }
    }

    fn resume_writing(&self, this: Self::Cx<'_>) -> PyResult<()> {
        let protocol = self.base.protocol(this.py());
        match self.layer(protocol.as_ref()) {
            Some((protocol, layer)) => {
                let resumed = layer.resume_writing(protocol);
                self.base.reported_flow(this, protocol, "resume_writing", resumed)
            }
            None => self.base.flow(this, "resume_writing"),
        }
    }

    fn drained(&self, this: Self::Cx<'_>, failure: Option<&Py<PyAny>>) {
        let py = this.py();
        let Some(waiter) = self.base.sparse.bind(py, EMPTY_WAITER) else { return };
        let told = match failure {
            None => waiter.call_method1(intern!(py, "set_result"), (py.None(),)),
            Some(reason) => waiter.call_method1(intern!(py, "set_exception"), (reason,)),
        };
        // This fails if the waiter was cancelled.
        drop(told);
    }

    fn connection_lost(&self, this: Self::Cx<'_>, reason: Option<Py<PyAny>>) -> PyResult<()> {
        let py = this.py();
        let name = intern!(py, "connection_lost");
        let protocol = self.base.protocol(py);
        let lost = if let Some((protocol, layer)) = self.layer(protocol.as_ref()) {
            layer.connection_lost(protocol, reason);
            Ok(())
        } else {
            let reason = reason.unwrap_or_else(|| py.None());
            self.base.call(py, |protocol| call_method1(protocol, name, reason.bind(py))).map(drop)
        };
        let mut result = self.base.reported("connection_lost", this, lost);
        let Some(channel) = C::channel(this) else { return result };
        // If there is an owner, `part` closes the descriptor. Otherwise the descriptor is open until this returns.
        let has_owner = channel.has_owner();
        if has_owner {
            self.learn_addresses(channel);
        }
        // The answer of get_extra_info() must not depend on when somebody asks first. IP addresses are kept anyway.
        if C::KIND == Kind::Duplex && self.addresses().are_unknown() {
            result = both(py, result, this.getattr(intern!(py, "_extra")).map(drop));
        }
        result = both(py, result, self.part(this, channel));
        self.base.forget();
        drop(channel.end_of_use());
        // Most transports are dropped together with their protocols. Then nobody can ask, and a system call is saved.
        if !has_owner && !is_last(this) {
            self.learn_addresses(channel);
        }
        result
    }

    fn write_failed(&self, this: Self::Cx<'_>, error: io::Error) -> Py<PyAny> {
        let error = os_error(&error);
        let value = raised::value(this.py(), &error).unbind();
        match fatal(this, error, C::WRITE_FAILED) {
            Fault::Lose(reason) => reason,
            // The exception handler failed. asyncio raises that in the caller; we tell the protocol of the first error.
            Fault::Escape(_) => value,
        }
    }

    fn broken_pipe(&self, this: Self::Cx<'_>) -> Py<PyAny> {
        PyBrokenPipeError::new_err(()).into_value(this.py()).into_any()
    }
}

impl<C: TransportClass> Host for PyProtocol<C> {
    /// The transport object, which carries the interpreter's token.
    type Cx<'a> = &'a Bound<'a, PyAny>;

    fn watch(&self, this: Self::Cx<'_>, direction: Direction, on: bool) {
        let event_loop = self.base.event_loop(this.py());
        watch::<C::State>(this, event_loop.as_ref(), number::<C>(this), direction, on);
    }

    fn defer(&self, this: Self::Cx<'_>) {
        defer::<C::State>(this, self.base.event_loop(this.py()).as_ref());
    }

    fn callback(&self, this: Self::Cx<'_>) -> Option<u64> {
        self.base.on_engine(this.py(), Loop::note_write).flatten()
    }

    fn others_wait(&self, this: Self::Cx<'_>) -> bool {
        self.base.on_engine(this.py(), Loop::others_wait).unwrap_or(false)
    }

    fn settle_later(&self, this: Self::Cx<'_>) {
        if let Some(engine) = self.base.engine(this.py()) {
            engine.callback().leave(Word::io::<C::State>(this, Turn::Writable));
        }
    }
}

impl<C: TransportClass> PyProtocol<C> {
    /// Closes the socket object, and tells sendfile and the server of the end.
    fn part(&self, this: &Bound<'_, PyAny>, channel: &WithOwner<C>) -> PyResult<()> {
        let py = this.py();
        self.base.leave_table(this, channel.descriptor().number());
        let owner = channel.owner(py);
        let closed = owner.map_or(Ok(()), |owner| owner.call_method0(intern!(py, "close")).map(drop));
        let waiter = self.base.sparse.take(EMPTY_WAITER);
        let told = waiter.map_or(Ok(()), |waiter| {
            SELECTOR_EVENTS.helper(py, intern!(py, "closed_by_peer"))?.call1((&waiter,)).map(drop)
        });
        let server = self.server.take().map(|server| server.into_bound(py));
        let detached = server.map_or(Ok(()), |server| clients::detach(&server, this));
        both(py, both(py, closed, told), detached)
    }
}
