//! `TlsSides<T>`: what is on both sides of a TLS layer: the socket transport below, the protocol above, and the loop.
//!
//! It owns the Python objects of a TLS transport, but for those of the session, and makes the reports. Most of the objects are
//! dropped when the connection is lost, so that a closed transport is in no cycle of references.

use std::marker::PhantomData;

use ferrio_engine::transport::{Activity, DeferredWork, Plain, Severity, Sides, Socket, TimeLimit};
use pyo3::exceptions::{PyConnectionAbortedError, PyConnectionResetError};

use crate::compat;
use crate::event_loop::exceptions::asyncio_error;
use crate::event_loop::support;
use crate::ffi::names::SSLPROTO;
use crate::ffi::prelude::*;
use crate::net::base_transport::{BaseTransport, EXTRA, OWN, WAITER};
use crate::net::chunk::Chunk;
use crate::net::protocols::delivery::Delivery;
use crate::net::sslproto::session::Cipher;
use crate::net::sslproto::{delivery, errors};
use crate::net::transports::StreamTransport;
use crate::net::watching::defer;

/// The limits of the read buffer as the program gave them, if they are not plain integers.
pub(crate) const READ_LIMITS: usize = OWN;

/// See the module. `T` is the state of the transport object.
pub(crate) struct TlsSides<T> {
    pub(crate) base: BaseTransport,
    /// The socket transport.
    pub(crate) below: Slot,
    pub(crate) delivery: Cell<Delivery>,
    pub(crate) ssl_context: Slot,
    /// The `SSLObject`.
    pub(crate) object: Slot,
    handshake_timeout: Slot,
    shutdown_timeout: Slot,
    /// The connection was accepted. Nobody waits for the handshake: debug mode reports, once, if it fails.
    accepted: Cell<bool>,
    /// The handshake is complete.
    pub(crate) established: Cell<bool>,
    /// The connection is lost.
    is_lost: Cell<bool>,
    /// The program has called `close` twice.
    is_closed_twice: Cell<bool>,
    /// The handle of the timer for the handshake or for closing.
    timer: Slot,
    /// In debug mode: when the handshake began.
    handshake_began: Cell<f64>,
    /// What to do in the deferred turn: bits, see `bit`.
    pub(crate) jobs: Cell<u8>,
    /// The argument of the deferred `connection_lost`.
    reason: Slot,
    transport: PhantomData<T>,
}

/// The bit of the deferred `connection_lost`, which is not the layer's.
pub(crate) const LOST_JOB: u8 = 8;

pub(crate) fn bit(job: DeferredWork) -> u8 {
    match job {
        DeferredWork::Read => 1,
        DeferredWork::Resume => 2,
        DeferredWork::Close => 4,
    }
}

type Cx<'a> = &'a Bound<'a, PyAny>;

held!([T: Io] TlsSides<T>: base, below, ssl_context, object, handshake_timeout, shutdown_timeout, timer, reason);

impl<T: Io> TlsSides<T> {
    /// The transport below is not there yet.
    pub(crate) fn new(
        base: BaseTransport,
        delivery: Delivery,
        ssl_context: &Bound<'_, PyAny>,
        object: &Bound<'_, PyAny>,
        [handshake_timeout, shutdown_timeout]: [&Bound<'_, PyAny>; 2],
        accepted: bool,
    ) -> Self {
        let slot = |object: &Bound<'_, PyAny>| Slot::new(object.clone().into());
        TlsSides {
            base,
            below: Slot::default(),
            delivery: Cell::new(delivery),
            ssl_context: slot(ssl_context),
            object: slot(object),
            handshake_timeout: slot(handshake_timeout),
            shutdown_timeout: slot(shutdown_timeout),
            accepted: Cell::new(accepted),
            established: Cell::new(false),
            is_lost: Cell::new(false),
            is_closed_twice: Cell::new(false),
            timer: Slot::default(),
            handshake_began: Cell::new(0.0),
            jobs: Cell::new(0),
            reason: Slot::default(),
            transport: PhantomData,
        }
    }

    /// Calls the socket transport, if it is still there.
    pub(super) fn with_below(
        &self,
        py: Python<'_>,
        body: impl FnOnce(&StreamTransport<Socket>, &Bound<'_, PyAny>),
    ) {
        if let Some(below) = self.below.bind(py)
            && let Some(state) = try_state::<StreamTransport<Socket>>(&below)
        {
            body(state, &below);
        }
    }

    fn queue(&self, this: Cx<'_>, job: u8) {
        let jobs = self.jobs.get();
        self.jobs.set(jobs | job);
        if jobs == 0 {
            defer::<T>(this, self.base.event_loop(this.py()).as_ref());
        }
    }

    /// Completes the future of who waits for the handshake.
    fn wake(&self, this: Cx<'_>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let py = this.py();
        if let Some(waiter) = self.base.sparse.take(WAITER) {
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
            && self.base.is_debug(py)?
            && let (Some(event_loop), Some(protocol)) = (self.base.event_loop(py), self.base.protocol(py))
        {
            let message = "Error on transport creation for incoming connection";
            let error = PyErr::from_value(error.clone());
            let more = [("protocol", &protocol), ("transport", this)];
            support::report(&event_loop, message, &error, &more)?;
        }
        Ok(())
    }

    fn flow(&self, this: Cx<'_>, method: &str) -> PyResult<()> {
        let Some(protocol) = self.base.protocol(this.py()) else { return Ok(()) };
        self.base.reported_flow(this, this, method, protocol.call_method0(method).map(drop))
    }

    fn timeout(&self, what: TimeLimit) -> &Slot {
        match what {
            TimeLimit::Handshake => &self.handshake_timeout,
            TimeLimit::Shutdown => &self.shutdown_timeout,
        }
    }

    /// The deferred `connection_lost`.
    pub(crate) fn tell_lost(&self, this: Cx<'_>) -> PyResult<()> {
        let py = this.py();
        let reason = self.reason.take();
        let reason = reason.map_or_else(|| py.None().into_bound(py), |reason| reason.into_bound(py));
        let name = intern!(py, "connection_lost");
        let told = self.base.call(py, |protocol| call_method1(protocol, name, &reason)).map(drop);
        let result = self.base.reported("connection_lost", &reason, told);
        self.forget();
        result
    }

    /// The program has closed the transport twice: nothing is kept once the connection is lost.
    pub(crate) fn note_second_close(&self) {
        self.is_closed_twice.set(true);
        if self.is_lost.get() {
            self.forget_all();
        }
    }

    fn forget_all(&self) {
        for slot in [&self.ssl_context, &self.object] {
            drop(slot.take());
        }
        drop(self.base.sparse.take(EXTRA));
        self.established.set(false);
    }

    /// The connection is lost: drops everything but what `get_extra_info()` may be asked for.
    fn forget(&self) {
        self.base.forget_protocol();
        for slot in [&self.timer, &self.below] {
            drop(slot.take());
        }
    }
}

impl<T: Io> Sides<Cipher> for TlsSides<T> {
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
            // Only the log of debug mode can fail.
            let _reported = if on { state.pause_reading(below) } else { state.resume_reading(below) };
        });
    }

    fn close(&self, this: Cx<'_>) {
        self.with_below(this.py(), |state, below| drop(state.close(below)));
    }

    fn lose(&self, this: Cx<'_>, reason: Option<PyErr>) {
        let py = this.py();
        let reason = reason.map(|error| error.into_value(py).into_any());
        self.with_below(py, |state, below| state.lose(below, reason));
    }

    fn later(&self, this: Cx<'_>, what: DeferredWork) {
        self.queue(this, bit(what));
    }

    fn wait(&self, this: Cx<'_>, what: TimeLimit) {
        let py = this.py();
        let name = match what {
            TimeLimit::Handshake => intern!(py, "_check_handshake_timeout"),
            TimeLimit::Shutdown => intern!(py, "_check_shutdown_timeout"),
        };
        let (Some(event_loop), Some(seconds)) = (self.base.event_loop(py), self.timeout(what).bind(py))
        else {
            return;
        };
        if what == TimeLimit::Handshake && self.base.is_debug(py).unwrap_or(false) {
            let handshake_began =
                SSLPROTO.helper(py, intern!(py, "log_handshake")).and_then(|log| log.call1((this,)));
            self.handshake_began.set(
                handshake_began.and_then(|handshake_began| handshake_began.extract()).unwrap_or_default(),
            );
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
            self.wait(this, TimeLimit::Shutdown);
        }
    }

    fn too_long(&self, this: Cx<'_>, what: TimeLimit) -> PyErr {
        let py = this.py();
        match what {
            TimeLimit::Handshake => {
                let seconds = self.handshake_timeout.bind(py).map(|seconds| seconds.to_string());
                let seconds = seconds.unwrap_or_default();
                PyConnectionAbortedError::new_err(format!(
                    "SSL handshake is taking longer than {seconds} seconds: aborting the connection"
                ))
            }
            TimeLimit::Shutdown => asyncio_error(py, intern!(py, "TimeoutError"), "SSL shutdown timed out"),
        }
    }

    fn hung_up(&self, _: Cx<'_>) -> PyErr {
        PyConnectionResetError::new_err(())
    }

    fn severity(&self, this: Cx<'_>, error: &PyErr) -> Severity {
        errors::severity(this.py(), error)
    }

    fn fatal(&self, this: Cx<'_>, error: PyErr, doing: Activity) -> PyResult<()> {
        let py = this.py();
        let value = raised::value(py, &error);
        let below = self.below.bind(py);
        let message = errors::message(py, &error, doing)?;
        self.lose(this, Some(error));
        let helper = SSLPROTO.helper(py, intern!(py, "tls_failed"))?;
        let told = (self.base.event_loop(py), this, below, &value, message);
        raised::handling(&value, || helper.call1(told))?;
        if doing == Activity::Handshake { self.wake(this, Some(&value)) } else { Ok(()) }
    }

    fn established(&self, this: Cx<'_>) -> PyResult<()> {
        let py = this.py();
        self.established.set(true);
        let learned = call_method0(this, intern!(py, "_learn")).map(drop);
        if learned.is_err() {
            self.established.set(false);
        }
        learned?;
        if self.base.is_debug(py)? {
            SSLPROTO.helper(py, intern!(py, "log_shook_hands"))?.call1((this, self.handshake_began.get()))?;
        }
        Ok(())
    }

    fn connection_made(&self, this: Cx<'_>, new: bool) -> PyResult<()> {
        let py = this.py();
        if new && let Some(protocol) = self.base.protocol(py) {
            call_method1(&protocol, intern!(py, "connection_made"), this)?;
        }
        self.wake(this, None)
    }

    fn deliver(&self, this: Cx<'_>, session: &Cipher) -> PyResult<Plain> {
        let py = this.py();
        let Some(protocol) = self.base.protocol(py) else { return Ok(Plain::Nothing) };
        match self.delivery.get() {
            Delivery::BufferUpdated => delivery::into_buffer(this, session, &protocol),
            Delivery::Reader(readers) => delivery::into_reader(this, session, &protocol, readers),
            Delivery::DataReceived | Delivery::Layer(_) => delivery::as_bytes(this, session, &protocol),
        }
    }

    fn eof_received(&self, this: Cx<'_>) -> PyResult<()> {
        let py = this.py();
        let Some(protocol) = self.base.protocol(py) else { return Ok(()) };
        if call_method0(&protocol, intern!(py, "eof_received"))?.is_truthy()? {
            SSLPROTO.helper(py, intern!(py, "log_half_open"))?.call0()?;
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
        // Nothing more can be done for a waiter if this fails.
        let _told = self.wake(this, reason.as_ref());
        if tell {
            drop(self.reason.replace(reason.map(Into::into)));
            self.queue(this, LOST_JOB);
        } else {
            self.forget();
        }
        drop(self.below.take());
        self.is_lost.set(true);
        if self.is_closed_twice.get() {
            self.forget_all();
        }
    }
}
