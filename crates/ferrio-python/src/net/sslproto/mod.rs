//! `SslTransport`: TLS between a socket transport and a protocol, one object for asyncio's `SSLProtocol` and its transport.
//!
//! For the socket transport below, it is a protocol that is called natively; for the protocol above, it is the transport. The
//! state machine is the engine's `Layer`. What is called once, or after an error, is in `ferrio.sslproto`.
//!
//! * `sides`: what is above and below in Python; `delivery`: how plaintext reaches a protocol
//! * `session`: the cipher, over `MemoryBIO`s (`bio`) or by OpenSSL itself (`direct`), where that is proved to work
//!   (`proof`); `errors`: which exceptions mean what; `making`: the loop's method that makes one

pub(crate) mod bio;
pub(crate) mod delivery;
pub(crate) mod direct;
pub(crate) mod errors;
mod making;
pub(crate) mod proof;
pub(crate) mod session;
pub(crate) mod sides;

use ferrio_engine::transport::{DeferredWork, Layer, Limits, TimeLimit};
use pyo3::exceptions::PyTypeError;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyType};

use crate::event_loop::exceptions::leaves_the_loop;
use crate::event_loop::support;
use crate::ffi::buffers::Exported;
use crate::ffi::names::SELECTOR_EVENTS;
use crate::ffi::prelude::*;
use crate::net::base_transport::{
    BaseTransport, PythonTransport, Writable, base_members, is_stream, read_members, write_members,
};
use crate::net::chunk::Chunk;
use crate::net::flow_control::{GivenLimits, limits_as_tuple};
use crate::net::protocols::delivery::{Delivery, LayerProtocol};
use crate::net::sslproto::session::Cipher;
use crate::net::sslproto::sides::{LOST_JOB, READ_LIMITS, TlsSides, bit};

/// See the module.
#[repr(C)]
pub(crate) struct SslTransport {
    head: Head,
    layer: Layer<Cipher, TlsSides<SslTransport>>,
}

impl LayerProtocol for SslTransport {
    fn connection_made(&self, this: &Bound<'_, PyAny>, below: &Bound<'_, PyAny>) -> PyResult<()> {
        self.sides().below.set(below.clone());
        self.inside(this, || self.layer.start(this))
    }

    fn data_received(&self, this: &Bound<'_, PyAny>, ciphertext: &mut [u8]) -> PyResult<()> {
        self.inside(this, || self.layer.received(this, ciphertext))
    }

    fn eof_received(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = this.py();
        if self.base().is_debug(py).unwrap_or(false) {
            SELECTOR_EVENTS.helper(py, intern!(py, "log_eof"))?.call1((this,))?;
        }
        self.inside(this, || self.layer.eof_received(this))
    }

    fn pause_writing(&self) {
        self.layer.pause_writing();
    }

    fn resume_writing(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.inside(this, || self.layer.resume_writing(this))
    }

    fn connection_lost(&self, this: &Bound<'_, PyAny>, reason: Option<Py<PyAny>>) {
        self.layer.connection_lost(this, reason);
        self.layer.session().empty();
    }

    fn is_below_stream(&self, py: Python<'_>) -> PyResult<bool> {
        self.base().protocol(py).map_or(Ok(false), |protocol| is_stream(&protocol))
    }
}

/// The delivery to `protocol`, if that is an `SslTransport`.
pub(crate) fn delivery_to(protocol: &Bound<'_, PyAny>) -> Option<Delivery> {
    as_layer(protocol).map(|_| Delivery::Layer(as_layer))
}

fn as_layer<'a>(protocol: &'a Bound<'_, PyAny>) -> Option<&'a dyn LayerProtocol> {
    try_state::<SslTransport>(protocol).map(|state| state as &dyn LayerProtocol)
}

impl SslTransport {
    fn create<'py>(
        class: &Bound<'py, PyType>,
        layer: Layer<Cipher, TlsSides<SslTransport>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        alloc(class, SslTransport { head: Head::new::<SslTransport>(), layer })
    }

    /// From now on what is written leaves with what others write in this turn.
    pub(crate) fn gather(&self, this: &Bound<'_, PyAny>) {
        self.sides().with_below(this.py(), |state, _| state.gather());
    }

    fn sides(&self) -> &TlsSides<Self> {
        self.layer.sides()
    }

    fn inside<R>(&self, this: &Bound<'_, PyAny>, body: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
        self.base().inside(this.py(), body)
    }

    fn write_bytes(
        &self,
        this: &Bound<'_, PyAny>,
        data: &[u8],
        rest: impl FnOnce() -> PyResult<Chunk>,
    ) -> PyResult<()> {
        if data.is_empty() || !self.may_write(this)? { Ok(()) } else { self.layer.write(this, data, rest) }
    }

    fn may_write(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Err(times) = self.layer.may_write() else { return Ok(true) };
        let helper = SELECTOR_EVENTS.helper(this.py(), intern!(this.py(), "write_after_loss"))?;
        helper.call1((times, "SSL connection is closed"))?;
        Ok(false)
    }

    fn write(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [data] = args.all("write", ["data"])?;
        self.write_object(this, &data)
    }

    fn writelines(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [lines] = args.all("writelines", ["list_of_data"])?;
        if !self.may_write(this)? {
            return Ok(());
        }
        let chunks: Vec<Chunk> = lines.try_iter()?.map(|line| Chunk::of(&line?)).collect::<PyResult<_>>()?;
        self.layer.write_all(this, chunks)
    }

    /// CPython's own tests queue data with this.
    fn append_to_backlog(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [data] = args.all("_test__append_write_backlog", ["data"])?;
        self.layer.queue(Chunk::of(&data)?);
        Ok(())
    }

    /// As in asyncio, a second call drops the SSL context and the `SSLObject`, even if somebody keeps the transport.
    fn close(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.layer.is_closing() {
            self.sides().note_second_close();
        }
        self.layer.close(this)
    }

    fn abort(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.layer.abort(this, None);
        Ok(())
    }

    fn force_close(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [reason] = args.all("_force_close", ["exc"])?;
        let reason = given(reason).map(PyErr::from_value);
        self.layer.abort(this, reason);
        Ok(())
    }

    fn pause_reading(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.layer.pause_reading();
        Ok(())
    }

    fn resume_reading(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.layer.resume_reading(this);
        Ok(())
    }

    fn no_room_below(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.layer.pause_writing();
        Ok(())
    }

    fn room_below(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.layer.resume_writing(this)
    }

    fn set_protocol(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [protocol] = args.all("set_protocol", ["protocol"])?;
        self.sides().delivery.set(Delivery::to(&protocol)?);
        self.base().set_protocol(&protocol);
        Ok(())
    }

    fn set_read_buffer_limits(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let ([], [high, low]) = args.bind("set_read_buffer_limits", [], ["high", "low"])?;
        let given = GivenLimits::of(this.py(), high.as_deref(), low.as_deref(), 256)?;
        self.base().sparse.set(READ_LIMITS, given.as_given);
        self.layer.set_read_limits(this, given.limits);
        Ok(())
    }

    fn get_read_buffer_limits(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        limits_as_tuple(this.py(), self.base().sparse.object(this.py(), READ_LIMITS), self.layer.limits().0)
    }

    fn get_write_buffer_size(&self, this: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(self.layer.unsent(this))
    }

    fn get_read_buffer_size(&self, this: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(self.layer.unread(this))
    }

    fn check_handshake_timeout(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.layer.on_time(this, TimeLimit::Handshake)
    }

    fn check_shutdown_timeout(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.layer.on_time(this, TimeLimit::Shutdown)
    }

    /// `loop.start_tls()` calls this.
    fn begin(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let ([below], [received]) = args.bind("_begin", ["transport"], ["received"])?;
        self.connection_made(this, &below)?;
        // Data that was received before and belongs to TLS.
        match received {
            Some(received) => {
                let received = received.cast::<PyBytes>()?;
                self.inside(this, || self.layer.received(this, received.as_bytes()))
            }
            None => Ok(()),
        }
    }

    fn set_closed_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_truthy()? {
            self.layer.mark_closing();
        }
        Ok(())
    }

    /// The name of the session in `FERRIO_TLS`.
    fn engine_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let name = if self.layer.session().reads_directly() { "direct" } else { "bio" };
        name.into_py_any(this.py())
    }

    fn run_jobs(&self, this: &Bound<'_, PyAny>, jobs: u8) -> PyResult<()> {
        for job in [DeferredWork::Read, DeferredWork::Resume, DeferredWork::Close] {
            if jobs & bit(job) != 0 {
                self.layer.on_deferred(this, job)?;
            }
        }
        Ok(())
    }
}

impl Writable for SslTransport {
    fn write_object(&self, this: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(bytes) = data.cast_exact::<PyBytes>() {
            return self.write_bytes(this, bytes.as_bytes(), || Ok(Chunk::from(bytes.clone())));
        }
        let is_bytes = data.is_instance_of::<PyBytes>() || data.is_instance_of::<PyByteArray>();
        if !is_bytes && !data.is_instance_of::<PyMemoryView>() {
            let kind = data.get_type().name()?.to_string();
            let text = format!("data: expecting a bytes-like instance, got {kind}");
            return Err(PyTypeError::new_err(text));
        }
        let exported = Exported::new(data, false)?;
        let bytes = exported.as_ref();
        self.write_bytes(this, bytes, || Ok(Chunk::Copied(bytes.to_vec())))
    }

    /// As of the transport below, which holds the ciphertext back.
    fn is_closing(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        let mut settled = Ok(());
        self.sides().with_below(this.py(), |state, below| settled = state.settle_stream(below));
        settled?;
        Ok(self.layer.is_closing())
    }
}

impl PythonTransport for SslTransport {
    const HIGH_KIB: usize = 512;

    fn base(&self) -> &BaseTransport {
        &self.sides().base
    }

    fn write_limits(&self) -> Limits {
        self.layer.limits().1
    }

    fn put_write_limits(&self, this: &Bound<'_, PyAny>, limits: Limits) -> PyResult<()> {
        self.layer.set_write_limits(this, limits)
    }
}

impl Io for SslTransport {
    fn turn(&self, this: &Bound<'_, PyAny>, _: Turn) -> PyResult<()> {
        let py = this.py();
        let jobs = self.sides().jobs.take();
        let done = self.inside(this, || self.run_jobs(this, jobs));
        // Not inside the context: the report of an error enters it.
        let told = if jobs & LOST_JOB == 0 { Ok(()) } else { self.sides().tell_lost(this) };
        match done.and(told) {
            Err(error) if !leaves_the_loop(py, &error) => {
                let Some(event_loop) = self.base().event_loop(py) else { return Ok(()) };
                let message = format!("Exception in callback of {}", this.repr()?);
                support::report(&event_loop, &message, &error, &[("transport", this)])
            }
            result => result,
        }
    }
}

impl Native for SslTransport {
    const NAME: &'static CStr = c"ferrio._ferrio.SSLTransport";
    const DOC: &'static CStr = c"A TLS transport. Made by the loop.";
    const BASE_SLOTS: bool = true;

    holds!(sides(), layer.session());

    fn members() -> Members {
        base_members!(SslTransport).and(read_members!(SslTransport, layer)).and(write_members!(SslTransport)).and(
            members! { SslTransport;
                light method c"write" c"Write data; what does not fit now is written later." => write;
                bare c"pause_writing" c"The socket has no room." => no_room_below;
                bare c"resume_writing" c"The socket has room again." => room_below;
                bare c"get_read_buffer_limits" c"The limits of the read buffer: low, high." => get_read_buffer_limits;
                bare c"get_read_buffer_size" c"How many bytes wait to be decrypted." => get_read_buffer_size;
                bare c"_check_handshake_timeout" c"The handshake takes too long." => check_handshake_timeout;
                bare c"_check_shutdown_timeout" c"Closing takes too long." => check_shutdown_timeout;
                method c"writelines" c"Write several pieces of data." => writelines;
                method c"set_read_buffer_limits" c"Set the limits of the read buffer." => set_read_buffer_limits;
                method c"_force_close" c"Close at once, for the reason given." => force_close;
                method c"_begin" c"Begin the handshake over a transport." => begin;
                method c"_test__append_write_backlog" c"Queue data, for tests." => append_to_backlog;
                attribute c"_engine" => engine_attribute;
                shown c"_closed" => layer.is_closing(), set_closed_attribute;
            },
        )
        .and(members! { SslTransport;
            shown c"_transport" => sides().below;
            shown c"_sslcontext" => sides().ssl_context;
            shown c"_sslobj" => sides().object;
            shown c"_established" => sides().established.get();
            shown c"_protocol_paused" => layer.is_full();
        })
    }
}
