//! `PyProtocol`: a Python protocol object as the engine's `Protocol`.
//!
//! Owns what a transport keeps for Python (protocol, loop, context, server, waiters) and every report in asyncio's
//! wording; how data reaches the protocol is in `receiving`. All callbacks of one transport run in one context, which
//! is given, or a copy of that it was made in. Everything is dropped when `connection_lost` was called, so that no cycle through a closed transport
//! stays behind.

mod receiving;

use std::cell::{Cell, RefCell};
use std::io;
use std::marker::PhantomData;
use std::rc::Rc;

use ferrio_engine::transport::{Channel, Fault, Kind, Protocol, Received};
use ferrio_engine::{Direction, Loop};
use pyo3::exceptions::PyBrokenPipeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyType};

use crate::event_loop::exceptions::{leaves_the_loop, os_error};
use crate::event_loop::run::both;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::ffi::buffers::{Exported, KeptBytes};
use crate::ffi::call::{call_method1, copy_context, in_shared_context};
use crate::ffi::heap_type::{Visitor, try_state};
use crate::ffi::raised;
use crate::ffi::reference::{Ref, is_last};
use crate::ffi::word::{Io, Turn, Word};
use crate::net::doors::Door;
use crate::net::rare::{Item, Rare};
use crate::net::selector_events::displace;
use crate::net::sockets::Ends;
use crate::net::sslproto::SslTransport;
use crate::net::transports::Stream;

use crate::net::clients;
use crate::tasks::futures::complete;
pub(crate) use receiving::Takes;

/// Data that waits to be written.
pub(crate) enum Chunk {
    /// An immutable object, kept as it is.
    Kept(KeptBytes),
    /// A copy of one that may change.
    Copied(Vec<u8>),
}

impl Chunk {
    /// What has to be written of any object that exports bytes.
    pub(crate) fn of(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(match data.cast_exact::<PyBytes>() {
            Ok(bytes) => Chunk::from(bytes.clone()),
            Err(_) => Chunk::Copied(Exported::new(data, false)?.as_ref().to_vec()),
        })
    }
}

impl From<Bound<'_, PyBytes>> for Chunk {
    fn from(bytes: Bound<'_, PyBytes>) -> Self {
        Chunk::Kept(bytes.into())
    }
}

impl From<Vec<u8>> for Chunk {
    fn from(bytes: Vec<u8>) -> Self {
        Chunk::Copied(bytes)
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        match self {
            Chunk::Kept(bytes) => bytes.as_ref(),
            Chunk::Copied(bytes) => bytes,
        }
    }
}

/// What a transport may have around it.
#[derive(Default)]
pub(crate) struct Around {
    /// Who waits until it is ready.
    pub(crate) waiter: Option<Py<PyAny>>,
    /// Whose connection it is.
    pub(crate) server: Option<Py<PyAny>>,
    /// What its callbacks run in; a copy of the present one where none is given.
    pub(crate) context: Option<Ref>,
}

/// See the module.
pub(crate) struct PyProtocol<C> {
    event_loop: RefCell<Option<Py<PyAny>>>,
    protocol: RefCell<Option<Py<PyAny>>>,
    takes: Cell<Takes>,
    /// Bytes of the last read: what comes next is often as much.
    last_read: Cell<u32>,
    context: Ref,
    server: RefCell<Option<Py<PyAny>>>,
    rare: Rare,
    ends: RefCell<Ends>,
    channel: PhantomData<C>,
}

impl<C: Channel> PyProtocol<C> {
    pub(crate) fn new(
        event_loop: &Bound<'_, PyAny>,
        protocol: &Bound<'_, PyAny>,
        around: Around,
    ) -> PyResult<Self> {
        let Around { waiter, server, context } = around;
        let this = PyProtocol {
            event_loop: RefCell::new(Some(event_loop.clone().unbind())),
            protocol: RefCell::default(),
            takes: Cell::new(Takes::Bytes),
            last_read: Cell::new(0),
            context: context.map_or_else(|| copy_context(event_loop.py()), Ok)?,
            server: RefCell::new(server),
            rare: Rare::default(),
            ends: RefCell::default(),
            channel: PhantomData,
        };
        this.rare.replace(Item::Waiter, waiter);
        this.set(protocol)?;
        Ok(this)
    }

    /// Puts `protocol` in the place of the former one.
    pub(crate) fn set(&self, protocol: &Bound<'_, PyAny>) -> PyResult<()> {
        let takes = Takes::of(protocol)?;
        // asyncio's pipes know no buffers: they call `data_received()`.
        let knows = C::KIND == Kind::Duplex || takes != Takes::Buffer;
        self.takes.set(if knows { takes } else { Takes::Bytes });
        let old = self.protocol.replace(Some(protocol.clone().unbind()));
        drop(old);
        Ok(())
    }

    pub(crate) fn protocol<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.protocol.borrow().as_ref().map(|protocol| protocol.bind(py).clone())
    }

    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.borrow().as_ref().map(|event_loop| event_loop.bind(py).clone())
    }

    /// Whether a stream of asyncio's or ours is on top.
    pub(crate) fn is_stream(&self, py: Python<'_>) -> PyResult<bool> {
        let protocol = self.protocol(py);
        if let Some((_, tls)) = self.tls(protocol.as_ref()) {
            return tls.is_stream(py);
        }
        protocol.map_or(Ok(false), |protocol| is_stream(&protocol))
    }

    /// What few transports have.
    pub(crate) fn rare(&self) -> &Rare {
        &self.rare
    }

    pub(crate) fn server(&self) -> &RefCell<Option<Py<PyAny>>> {
        &self.server
    }

    /// The addresses of the two ends, as far as they are known.
    pub(crate) fn ends(&self) -> &RefCell<Ends> {
        &self.ends
    }

    /// Tells whoever waits for the transport that it is ready, unless they went away.
    pub(crate) fn tell_waiter(&self, py: Python<'_>) -> PyResult<()> {
        self.rare.take(Item::Waiter).map_or(Ok(()), |waiter| complete(waiter.bind(py)))
    }

    pub(crate) fn traverse(&self, visitor: &mut Visitor<'_>) {
        for cell in [&self.event_loop, &self.protocol, &self.server] {
            if let Ok(object) = cell.try_borrow() {
                visitor.object(object.as_ref());
            }
        }
        self.rare.traverse(visitor);
        visitor.raw(self.context.as_ptr());
    }

    pub(crate) fn clear(&self) {
        for cell in [&self.event_loop, &self.protocol, &self.server] {
            drop(cell.take());
        }
        self.rare.clear();
    }

    /// Nobody finds the transport by its number any more. From Python 3.15 on a weak reference outlives finalizers, so that
    /// those of a transport have to see to it.
    pub(crate) fn leave_table(&self, this: &Bound<'_, PyAny>)
    where
        C: Door,
    {
        if let Some(state) = self.event_loop(this.py()).as_ref().and_then(try_state::<BaseLoop>) {
            state.transports.remove(C::number(this), this);
        }
    }

    /// Runs `call` with the protocol, in the transport's context. Nothing happens when it is gone.
    fn call<'py>(
        &self,
        py: Python<'py>,
        call: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(protocol) = self.protocol(py) else { return Ok(None) };
        in_shared_context(&self.context.bind(py), || call(&protocol)).map(Some)
    }

    /// Reports what a callback raised that asyncio calls through `call_soon`.
    fn callback_failed(&self, this: &Bound<'_, PyAny>, callback: &str, error: &PyErr) -> PyResult<()> {
        let py = this.py();
        let (Some(event_loop), Some(protocol)) = (self.event_loop(py), self.protocol(py)) else {
            return Ok(());
        };
        let helper = support::helper(py, intern!(py, "protocol_callback_failed"))?;
        helper
            .call1((event_loop, protocol, callback, this, raised::value(py, error), &self.context))
            .map(drop)
    }

    /// Tells the engine of its loop something, where that is one of ours and open.
    fn on_engine<R>(&self, py: Python<'_>, tell: impl FnOnce(&Loop<Word>) -> R) -> Option<R> {
        let event_loop = self.event_loop.borrow();
        try_state::<BaseLoop>(event_loop.as_ref()?.bind(py))?.on_engine(tell)
    }

    /// The TLS layer that is the protocol, if one is.
    fn tls<'a, 'py>(
        &self,
        protocol: Option<&'a Bound<'py, PyAny>>,
    ) -> Option<(&'a Bound<'py, PyAny>, &'a SslTransport)> {
        if self.takes.get() != Takes::Tls {
            return None;
        }
        protocol.and_then(|protocol| Some((protocol, SslTransport::of(protocol)?)))
    }
}

/// An error of a callback: it leaves the loop, or is reported and ends the connection.
pub(crate) fn fatal(this: &Bound<'_, PyAny>, error: PyErr, message: &str) -> Fault<PyErr, Py<PyAny>> {
    let py = this.py();
    if leaves_the_loop(py, &error) {
        return Fault::Escape(error);
    }
    let value = raised::value(py, &error);
    let report = support::helper(py, intern!(py, "fatal_error"))
        .and_then(|helper| helper.call1((this, &value, message)));
    match report {
        Ok(_) => Fault::Lose(value.unbind()),
        Err(error) => Fault::Escape(error),
    }
}

impl<C: Door> Protocol for PyProtocol<C> {
    /// The transport object, which brings the interpreter's token along.
    type Cx<'a> = &'a Bound<'a, PyAny>;
    type Escape = PyErr;
    type Reason = Py<PyAny>;
    type Chunk = Chunk;

    fn connection_made(&self, this: Self::Cx<'_>) -> PyResult<()> {
        let name = intern!(this.py(), "connection_made");
        let protocol = self.protocol(this.py());
        let made = match self.tls(protocol.as_ref()) {
            Some((protocol, tls)) => tls.connection_made(protocol, this).map(|()| None),
            None => self.call(this.py(), |protocol| call_method1(protocol, name, this)),
        };
        match made {
            Err(error) if leaves_the_loop(this.py(), &error) => Err(error),
            Err(error) => self.callback_failed(this, "connection_made", &error),
            Ok(_) => Ok(()),
        }
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
        if self.event_loop(py).is_some_and(|event_loop| support::is_debug(&event_loop).unwrap_or(false)) {
            let logged = support::helper(py, intern!(py, "log_eof")).and_then(|helper| helper.call1((this,)));
            logged.map_err(Fault::Escape)?;
        }
        let protocol = self.protocol(py);
        let answer = match self.tls(protocol.as_ref()) {
            Some((protocol, tls)) => tls.eof_received(protocol),
            None => self
                .call(py, |protocol| protocol.call_method0(intern!(py, "eof_received")))
                .and_then(|answer| answer.map_or(Ok(false), |answer| answer.is_truthy())),
        };
        match answer {
            Ok(open) => Ok(open),
            Err(error) => C::callback_failed(this, error, "eof_received").map(|()| false),
        }
    }

    fn pause_writing(&self, this: Self::Cx<'_>) -> PyResult<()> {
        self.flow(this, "pause_writing", "protocol.pause_writing() failed")
    }

    fn resume_writing(&self, this: Self::Cx<'_>) -> PyResult<()> {
        self.flow(this, "resume_writing", "protocol.resume_writing() failed")
    }

    fn drained(&self, this: Self::Cx<'_>, failure: Option<&Py<PyAny>>) {
        let py = this.py();
        let Some(waiter) = self.rare.get(py, Item::EmptyWaiter) else { return };
        let told = match failure {
            None => waiter.call_method1(py, intern!(py, "set_result"), (py.None(),)),
            Some(reason) => waiter.call_method1(py, intern!(py, "set_exception"), (reason,)),
        };
        // A waiter that was cancelled wants to hear nothing.
        drop(told);
    }

    fn connection_lost(&self, this: Self::Cx<'_>, reason: Option<Py<PyAny>>) -> PyResult<()> {
        let py = this.py();
        let name = intern!(py, "connection_lost");
        let protocol = self.protocol(py);
        let lost = if let Some((protocol, tls)) = self.tls(protocol.as_ref()) {
            tls.connection_lost(protocol, reason);
            Ok(None)
        } else {
            let reason = reason.unwrap_or_else(|| py.None());
            self.call(py, |protocol| call_method1(protocol, name, reason.bind(py)))
        };
        let mut result = match lost {
            Err(error) if leaves_the_loop(py, &error) => Err(error),
            Err(error) => self.callback_failed(this, "connection_lost", &error),
            Ok(_) => Ok(()),
        };
        // An owner closes the descriptor when it is parted with; one of our own is open until this returns.
        let has_owner = C::owner(this).is_some();
        if has_owner {
            C::remember_ends(this);
        }
        // What get_extra_info() answers must not depend on when it is first asked. Addresses of IP are kept without ado.
        if C::KIND == Kind::Duplex
            && self.ends.borrow().peer().is_none()
            && self.ends.borrow().own().is_none()
        {
            result = both(py, result, this.getattr(intern!(py, "_extra")).map(drop));
        }
        result = both(py, result, self.part(this));
        for cell in [&self.event_loop, &self.protocol, &self.server] {
            drop(cell.take());
        }
        for item in [Item::Waiter, Item::EmptyWaiter] {
            drop(self.rare.take(item));
        }
        C::part(this);
        // Most transports go with their protocols: then nobody is left who could ask, and a system call is saved.
        if !has_owner && !is_last(this) {
            C::remember_ends(this);
        }
        result
    }

    fn write_failed(&self, this: Self::Cx<'_>, error: io::Error) -> Py<PyAny> {
        let error = os_error(&error);
        let value = raised::value(this.py(), &error).unbind();
        match fatal(this, error, C::WRITE_FAILED) {
            Fault::Lose(reason) => reason,
            // The exception handler itself failed: asyncio lets that pass through the caller, we tell the protocol.
            Fault::Escape(_) => value,
        }
    }

    fn broken_pipe(&self, this: Self::Cx<'_>) -> Py<PyAny> {
        PyBrokenPipeError::new_err(()).into_value(this.py()).into_any()
    }

    fn watch(&self, this: Self::Cx<'_>, direction: Direction, on: bool) {
        watch::<Stream<C>>(this, self.event_loop(this.py()).as_ref(), C::number(this), direction, on);
    }

    fn defer(&self, this: Self::Cx<'_>) {
        defer::<Stream<C>>(this, self.event_loop(this.py()).as_ref());
    }

    fn callback(&self, this: Self::Cx<'_>) -> Option<u64> {
        self.on_engine(this.py(), Loop::note_write).flatten()
    }

    fn settle_later(&self, this: Self::Cx<'_>) {
        if let Some(engine) = engine_of(self.event_loop(this.py()).as_ref()) {
            engine.callback().leave(Word::io::<Stream<C>>(this, Turn::Writable));
        }
    }
}

impl<C: Door> PyProtocol<C> {
    /// The end of everything between the transport and its surroundings but the protocol.
    fn part(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        self.leave_table(this);
        let owner = C::owner(this);
        let closed = owner.map_or(Ok(()), |owner| owner.call_method0(intern!(py, "close")).map(drop));
        let waiter = self.rare.take(Item::EmptyWaiter);
        let told = waiter.map_or(Ok(()), |waiter| {
            support::helper(py, intern!(py, "closed_by_peer"))?.call1((waiter,)).map(drop)
        });
        let server = self.server.take();
        let detached = server.map_or(Ok(()), |server| clients::detach(server.bind(py), this));
        both(py, both(py, closed, told), detached)
    }

    fn flow(&self, this: &Bound<'_, PyAny>, method: &str, message: &str) -> PyResult<()> {
        let py = this.py();
        let protocol = self.protocol(py);
        let told = match self.tls(protocol.as_ref()) {
            Some((protocol, tls)) => tls.room(protocol, method == "resume_writing").map(|()| None),
            None => self.call(py, |protocol| protocol.call_method0(method)),
        };
        match told {
            Ok(_) => Ok(()),
            Err(error) if leaves_the_loop(py, &error) => Err(error),
            Err(error) => {
                let (Some(event_loop), Some(protocol)) = (self.event_loop(py), self.protocol(py)) else {
                    return Ok(());
                };
                support::report(&event_loop, message, &error, &[("transport", this), ("protocol", &protocol)])
            }
        }
    }
}

/// Watches `number` for an I/O object. On a loop that was closed meanwhile nothing happens any more.
pub(crate) fn watch<T: Io>(
    this: &Bound<'_, PyAny>,
    event_loop: Option<&Bound<'_, PyAny>>,
    number: i32,
    direction: Direction,
    on: bool,
) {
    let Some(engine) = engine_of(event_loop) else { return };
    if !on {
        // A socket that was closed behind our back has left its number to somebody who may be watching it.
        drop(engine.unwatch_mine(number, direction, |word| word.is_of(this.as_ptr())));
        return;
    }
    let turn = match direction {
        Direction::Read => Turn::Readable,
        Direction::Write => Turn::Writable,
    };
    let word = Word::io::<T>(this, turn);
    match engine.watch(number, direction, word, false) {
        // Handles and operations: cancelling them fails for nobody.
        Ok(old) => drop(displace(this.py(), old)),
        // The descriptor was closed behind our back: let the next read or write find out what is wrong with it.
        Err(_) => engine.call_soon(Word::io::<T>(this, turn)),
    }
}

/// Gives an I/O object a turn after whatever is queued.
pub(crate) fn defer<T: Io>(this: &Bound<'_, PyAny>, event_loop: Option<&Bound<'_, PyAny>>) {
    if let Some(engine) = engine_of(event_loop) {
        engine.call_soon(Word::io::<T>(this, Turn::Deferred));
    }
}

/// The engine of a loop of ours, while that is open.
pub(crate) fn engine_of(event_loop: Option<&Bound<'_, PyAny>>) -> Option<Rc<Loop<Word>>> {
    event_loop.and_then(try_state::<BaseLoop>).and_then(|state| state.engine().ok())
}

/// Whether `protocol` is what `drain()` asks, of asyncio's streams or ours.
pub(crate) fn is_stream(protocol: &Bound<'_, PyAny>) -> PyResult<bool> {
    static MIXIN: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    protocol.is_instance(MIXIN.import(protocol.py(), "asyncio.streams", "FlowControlMixin")?)
}
