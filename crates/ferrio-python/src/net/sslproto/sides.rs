//! `Around`: what is on both sides of a TLS layer in Python: the socket transport, the protocol, the loop, whoever waits.
//!
//! Owns every Python object of a TLS transport but those of its session, and every report in asyncio's wording. Nearly all
//! of it is dropped when the connection is lost, so that no cycle through a closed transport stays behind.

use std::cell::Cell;

use ferrio_engine::transport::{Doing, Later, Patience, Plain, Severity, Sides, Socket};
use pyo3::exceptions::{PyConnectionAbortedError, PyConnectionResetError};
use pyo3::intern;
use pyo3::prelude::*;

use crate::compat;
use crate::event_loop::exceptions::{asyncio_error, leaves_the_loop};
use crate::event_loop::support;
use crate::ffi::call::{call_method0, call_method1, copy_context, in_shared_context};
use crate::ffi::heap_type::{Visitor, try_state};
use crate::ffi::raised;
use crate::ffi::reference::{Ref, Slot};
use crate::net::protocols::{Chunk, Takes, defer};
use crate::net::sslproto::session::Cipher;
use crate::net::sslproto::{SslTransport, delivery, errors};
use crate::net::transports::Stream;

/// See the module.
pub(crate) struct Around {
    pub(crate) event_loop: Slot,
    pub(crate) below: Slot,
    pub(crate) protocol: Slot,
    pub(crate) takes: Cell<Takes>,
    pub(crate) ssl_context: Slot,
    /// The `SSLObject`.
    pub(crate) object: Slot,
    waiter: Slot,
    /// What `get_extra_info()` was asked for already.
    pub(crate) extra: Slot,
    /// The marks of flow control, where they are other numbers than the engine's.
    pub(crate) write_marks: Slot,
    pub(crate) read_marks: Slot,
    handshake_timeout: Slot,
    shutdown_timeout: Slot,
    pub(crate) context: Ref,
    /// Nobody waits for the handshake: its failure is reported once, in debug mode.
    accepted: Cell<bool>,
    /// The handshake is complete.
    pub(crate) established: Cell<bool>,
    /// The connection is lost.
    is_lost: Cell<bool>,
    /// The program closed it after it was closed.
    done_with: Cell<bool>,
    /// The handle of the time limit.
    timer: Slot,
    /// Debug mode: when the handshake began.
    began: Cell<f64>,
    /// What is to be done in the deferred turn, by bits; see `bit`.
    pub(crate) jobs: Cell<u8>,
    /// What `connection_lost` is to be called with.
    reason: Slot,
}

/// The job that is not the layer's: to call `connection_lost`.
pub(crate) const LOST: u8 = 8;

pub(crate) fn bit(job: Later) -> u8 {
    match job {
        Later::Read => 1,
        Later::Resume => 2,
        Later::Close => 4,
    }
}

type Cx<'a> = &'a Bound<'a, PyAny>;

/// What a TLS transport is made of.
pub(crate) struct Parts<'a, 'py> {
    pub(crate) event_loop: &'a Bound<'py, PyAny>,
    pub(crate) protocol: &'a Bound<'py, PyAny>,
    pub(crate) ssl_context: &'a Bound<'py, PyAny>,
    pub(crate) object: &'a Bound<'py, PyAny>,
    pub(crate) waiter: Option<Bound<'py, PyAny>>,
    pub(crate) handshake_timeout: &'a Bound<'py, PyAny>,
    pub(crate) shutdown_timeout: &'a Bound<'py, PyAny>,
    /// What callbacks run in; a copy of the present one where none is given.
    pub(crate) context: Option<Bound<'py, PyAny>>,
    pub(crate) accepted: bool,
}

impl Around {
    pub(crate) fn new(parts: &Parts<'_, '_>) -> PyResult<Self> {
        let slot = |object: &Bound<'_, PyAny>| Slot::new(object.clone().into());
        Ok(Around {
            event_loop: slot(parts.event_loop),
            below: Slot::default(),
            protocol: slot(parts.protocol),
            takes: Cell::new(Takes::of(parts.protocol)?),
            ssl_context: slot(parts.ssl_context),
            object: slot(parts.object),
            waiter: parts.waiter.as_ref().map_or_else(Slot::default, slot),
            extra: Slot::default(),
            write_marks: Slot::default(),
            read_marks: Slot::default(),
            handshake_timeout: slot(parts.handshake_timeout),
            shutdown_timeout: slot(parts.shutdown_timeout),
            context: match &parts.context {
                Some(context) => context.clone().into(),
                None => copy_context(parts.event_loop.py())?,
            },
            accepted: Cell::new(parts.accepted),
            established: Cell::new(false),
            is_lost: Cell::new(false),
            done_with: Cell::new(false),
            timer: Slot::default(),
            began: Cell::new(0.0),
            jobs: Cell::new(0),
            reason: Slot::default(),
        })
    }

    /// The socket transport.
    pub(super) fn with_below(&self, py: Python<'_>, body: impl FnOnce(&Stream<Socket>, &Bound<'_, PyAny>)) {
        if let Some(below) = self.below.bind(py)
            && let Some(state) = try_state::<Stream<Socket>>(&below)
        {
            body(state, &below);
        }
    }

    fn is_debug(&self, py: Python<'_>) -> PyResult<bool> {
        self.event_loop.bind(py).map_or(Ok(false), |event_loop| support::is_debug(&event_loop))
    }

    fn queue(&self, this: Cx<'_>, job: u8) {
        let jobs = self.jobs.get();
        self.jobs.set(jobs | job);
        if jobs == 0 {
            defer::<SslTransport>(this, self.event_loop.bind(this.py()).as_ref());
        }
    }

    /// Tells whoever waits for the handshake.
    fn wake(&self, this: Cx<'_>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let py = this.py();
        if let Some(waiter) = self.waiter.take() {
            let waiter = waiter.into_bound(py);
            if call_method0(&waiter, intern!(py, "cancelled"))?.is_truthy()? {
                return Ok(());
            }
            return match error {
                None => call_method1(&waiter, intern!(py, "set_result"), py.None().bind(py)),
                Some(error) => call_method1(&waiter, intern!(py, "set_exception"), error),
            }
            .map(drop);
        }
        if let Some(error) = error
            && self.accepted.take()
            && !self.established.get()
            && self.is_debug(py)?
            && let (Some(event_loop), Some(protocol)) = (self.event_loop.bind(py), self.protocol.bind(py))
        {
            let message = "Error on transport creation for incoming connection";
            let error = PyErr::from_value(error.clone());
            let more = [("protocol", &protocol), ("transport", this)];
            support::report(&event_loop, message, &error, &more)?;
        }
        Ok(())
    }

    fn flow(&self, this: Cx<'_>, method: &str) -> PyResult<()> {
        let py = this.py();
        let Some(protocol) = self.protocol.bind(py) else { return Ok(()) };
        match protocol.call_method0(method) {
            Ok(_) => Ok(()),
            Err(error) if leaves_the_loop(py, &error) => Err(error),
            Err(error) => {
                let Some(event_loop) = self.event_loop.bind(py) else { return Ok(()) };
                let message = format!("protocol.{method}() failed");
                support::report(&event_loop, &message, &error, &[("transport", this), ("protocol", this)])
            }
        }
    }

    fn timeout(&self, what: Patience) -> &Slot {
        match what {
            Patience::Handshake => &self.handshake_timeout,
            Patience::Shutdown => &self.shutdown_timeout,
        }
    }

    /// The deferred `connection_lost`.
    pub(crate) fn tell_lost(&self, this: Cx<'_>) -> PyResult<()> {
        let py = this.py();
        let (Some(protocol), reason) = (self.protocol.bind(py), self.reason.take()) else { return Ok(()) };
        let reason = reason.map_or_else(|| py.None().into_bound(py), |reason| reason.into_bound(py));
        let told = in_shared_context(&self.context.bind(py), || {
            call_method1(&protocol, intern!(py, "connection_lost"), &reason)
        });
        let result = match told {
            Err(error) if !leaves_the_loop(py, &error) => {
                let helper = support::helper(py, intern!(py, "protocol_callback_failed"))?;
                let event_loop = self.event_loop.bind(py);
                let name = "connection_lost";
                helper
                    .call1((event_loop, protocol, name, reason, raised::value(py, &error), &self.context))
                    .map(drop)
            }
            told => told.map(drop),
        };
        self.forget();
        result
    }

    /// The program has done with it: once the connection is lost nothing is kept.
    pub(crate) fn let_go(&self) {
        self.done_with.set(true);
        if self.is_lost.get() {
            self.forget_all();
        }
    }

    fn forget_all(&self) {
        for slot in [&self.ssl_context, &self.object, &self.extra] {
            drop(slot.take());
        }
        self.established.set(false);
    }

    /// The connection is gone; what `get_extra_info()` may be asked for stays.
    fn forget(&self) {
        for slot in [&self.protocol, &self.waiter, &self.timer, &self.below] {
            drop(slot.take());
        }
    }

    pub(crate) fn slots(&self) -> [&Slot; 13] {
        let Around { event_loop, below, protocol, ssl_context, object, waiter, extra, .. } = self;
        let Around { handshake_timeout, shutdown_timeout, timer, reason, write_marks, read_marks, .. } = self;
        [
            write_marks,
            read_marks,
            event_loop,
            below,
            protocol,
            ssl_context,
            object,
            waiter,
            extra,
            handshake_timeout,
            shutdown_timeout,
            timer,
            reason,
        ]
    }

    pub(crate) fn traverse(&self, visitor: &mut Visitor<'_>) {
        self.slots().into_iter().for_each(|slot| visitor.raw(slot.as_ptr()));
        visitor.raw(self.context.as_ptr());
    }
}

impl Sides<Cipher> for Around {
    type Reason = Py<PyAny>;
    type Chunk = Chunk;

    fn send(&self, this: Cx<'_>, ciphertext: Chunk) -> PyResult<()> {
        let mut result = Ok(());
        self.with_below(this.py(), |state, below| {
            result = state.send(below, ciphertext);
        });
        result
    }

    fn hold(&self, this: Cx<'_>, on: bool) {
        self.with_below(this.py(), |state, below| {
            // Only a report in debug mode can fail.
            let _reported = if on { state.pause_reading(below) } else { state.resume_reading(below) };
        });
    }

    fn close(&self, this: Cx<'_>) {
        self.with_below(this.py(), Stream::end);
    }

    fn lose(&self, this: Cx<'_>, reason: Option<PyErr>) {
        let py = this.py();
        let reason = reason.map(|error| error.into_value(py).into_any());
        self.with_below(py, |state, below| state.lose(below, reason));
    }

    fn later(&self, this: Cx<'_>, what: Later) {
        self.queue(this, bit(what));
    }

    fn wait(&self, this: Cx<'_>, what: Patience) {
        let py = this.py();
        let name = match what {
            Patience::Handshake => intern!(py, "_check_handshake_timeout"),
            Patience::Shutdown => intern!(py, "_check_shutdown_timeout"),
        };
        let (Some(event_loop), Some(seconds)) = (self.event_loop.bind(py), self.timeout(what).bind(py))
        else {
            return;
        };
        if what == Patience::Handshake && self.is_debug(py).unwrap_or(false) {
            let began = support::helper(py, intern!(py, "log_handshake")).and_then(|log| log.call1((this,)));
            self.began.set(began.and_then(|began| began.extract()).unwrap_or_default());
        }
        // A loop that is closed has no timers, and no connections either.
        let handle = this
            .getattr(name)
            .and_then(|callback| event_loop.call_method1(intern!(py, "call_later"), (seconds, callback)));
        if let Ok(handle) = handle {
            self.forget_time(this);
            self.timer.set(handle);
        }
    }

    fn forget_time(&self, this: Cx<'_>) {
        if let Some(timer) = self.timer.take() {
            let _cancelled = call_method0(&timer.into_bound(this.py()), intern!(this.py(), "cancel"));
        }
    }

    fn closes_below(&self, this: Cx<'_>) {
        if !compat::TLS_CLOSES_IN_TIME {
            self.forget_time(this);
        } else if self.timer.is_empty() {
            self.wait(this, Patience::Shutdown);
        }
    }

    fn too_long(&self, this: Cx<'_>, what: Patience) -> PyErr {
        let py = this.py();
        match what {
            Patience::Handshake => {
                let seconds = self.handshake_timeout.bind(py).map(|seconds| seconds.to_string());
                let seconds = seconds.unwrap_or_default();
                PyConnectionAbortedError::new_err(format!(
                    "SSL handshake is taking longer than {seconds} seconds: aborting the connection"
                ))
            }
            Patience::Shutdown => asyncio_error(py, intern!(py, "TimeoutError"), "SSL shutdown timed out"),
        }
    }

    fn hung_up(&self, _: Cx<'_>) -> PyErr {
        PyConnectionResetError::new_err(())
    }

    fn severity(&self, this: Cx<'_>, error: &PyErr) -> Severity {
        errors::severity(this.py(), error)
    }

    fn fatal(&self, this: Cx<'_>, error: PyErr, doing: Doing) -> PyResult<()> {
        let py = this.py();
        let value = raised::value(py, &error);
        let below = self.below.bind(py);
        let message = errors::message(py, &error, doing)?;
        self.lose(this, Some(error));
        let helper = support::helper(py, intern!(py, "tls_failed"))?;
        helper.call1((self.event_loop.bind(py), this, below, &value, message))?;
        if doing == Doing::Handshake { self.wake(this, Some(&value)) } else { Ok(()) }
    }

    fn established(&self, this: Cx<'_>) -> PyResult<()> {
        let py = this.py();
        self.established.set(true);
        let learned = call_method0(this, intern!(py, "_learn")).map(drop);
        if learned.is_err() {
            self.established.set(false);
        }
        learned?;
        if self.is_debug(py)? {
            support::helper(py, intern!(py, "log_shook_hands"))?.call1((this, self.began.get()))?;
        }
        Ok(())
    }

    fn connection_made(&self, this: Cx<'_>, new: bool) -> PyResult<()> {
        let py = this.py();
        if new && let Some(protocol) = self.protocol.bind(py) {
            call_method1(&protocol, intern!(py, "connection_made"), this)?;
        }
        self.wake(this, None)
    }

    fn deliver(&self, this: Cx<'_>, session: &Cipher) -> PyResult<Plain> {
        let py = this.py();
        let Some(protocol) = self.protocol.bind(py) else { return Ok(Plain::Nothing) };
        match self.takes.get() {
            Takes::Buffer => delivery::into_buffer(this, session, &protocol),
            Takes::Stream => match delivery::into_stream(this, session, &protocol)? {
                Some(last) => Ok(last),
                None => delivery::as_bytes(this, session, &protocol),
            },
            _ => delivery::as_bytes(this, session, &protocol),
        }
    }

    fn eof_received(&self, this: Cx<'_>) -> PyResult<()> {
        let py = this.py();
        let Some(protocol) = self.protocol.bind(py) else { return Ok(()) };
        if call_method0(&protocol, intern!(py, "eof_received"))?.is_truthy()? {
            support::helper(py, intern!(py, "log_half_open"))?.call0()?;
        }
        Ok(())
    }

    fn pause_writing(&self, this: Cx<'_>) -> PyResult<()> {
        self.flow(this, "pause_writing")
    }

    fn resume_writing(&self, this: Cx<'_>) -> PyResult<()> {
        self.flow(this, "resume_writing")
    }

    fn connection_lost(&self, this: Cx<'_>, reason: Option<Py<PyAny>>, tell: bool) {
        let py = this.py();
        let reason = reason.map(|reason| reason.into_bound(py));
        // A waiter that cannot be told is none.
        let _told = self.wake(this, reason.as_ref());
        if tell {
            drop(self.reason.replace(reason.map(Into::into)));
            self.queue(this, LOST);
        } else {
            self.forget();
        }
        drop(self.below.take());
        self.is_lost.set(true);
        if self.done_with.get() {
            self.forget_all();
        }
    }
}
