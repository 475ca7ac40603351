//! `StreamReaderProtocol`: what stands between a transport and a reader.
//!
//! If the protocol and its reader are plain, our transports fill the reader's buffer themselves (`delivery_to`). Other
//! transports call the methods of the protocol, as in asyncio.

use ferrio_engine::transport::{ReadPipe, Socket};
use pyo3::exceptions::{PyAssertionError, PyException, PyRuntimeError};
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use crate::compat;
use crate::event_loop::support;
use crate::event_loop::which::loop_or_current;
use crate::ffi::answer::put;
use crate::ffi::call::is_native_coroutine;
use crate::ffi::names::STREAMS;
use crate::ffi::names::TASKS;
use crate::ffi::prelude::*;
use crate::net::protocols::delivery::{Delivery, Reader, Readers};
use crate::net::sslproto::SslTransport;
use crate::net::streams::reader::{StreamReader, pending};
use crate::net::streams::{STREAM_READER_PROTOCOL, STREAM_WRITER};
use crate::net::transports::StreamTransport;
use crate::tasks::any_future::complete;
use crate::tasks::outcome::exact_outcome;

/// asyncio's message.
const CALLBACK_FAILED: &str = "Unhandled exception in client_connected_cb";
/// The methods that are not called where our transports and `drain()` do their work.
const CALLED: [&str; 4] = ["data_received", "eof_received", "_stream_reader", "_drain_helper"];

/// See the module.
#[derive(Default)]
pub(crate) struct StreamReaderProtocol {
    event_loop: Slot,
    /// A weak reference to the reader.
    reader: Slot,
    /// The reader, until a connection keeps it alive.
    strong_reader: Slot,
    source_traceback: Slot,
    transport: Slot,
    /// Up to Python 3.12: the writer that the callback was given.
    writer: Slot,
    task: Slot,
    callback: Slot,
    closed: Slot,
    /// A deque of futures, once somebody has waited.
    drain_waiters: Slot,
    over_ssl: Cell<bool>,
    rejects: Cell<bool>,
    paused: Cell<bool>,
    lost: Cell<bool>,
    plain: Cell<bool>,
}

impl StreamReaderProtocol {
    /// See the module `streams`.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain.get()
    }

    /// Whether `connection_lost` was called.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.get()
    }

    /// Whether the transport has no room for more data.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.get()
    }

    /// The reader, if it is still there.
    fn reader<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(reference) = self.reader.bind(py) else { return Ok(None) };
        match reference.cast::<PyWeakrefReference>() {
            Ok(reference) => Ok(reference.upgrade()),
            // The program set another object.
            Err(_) => Ok(Some(reference.call0()?).filter(|reader| !reader.is_none())),
        }
    }

    fn event_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let unset = || PyRuntimeError::new_err("StreamReaderProtocol.__init__() was not called");
        self.event_loop.bind(py).ok_or_else(unset)
    }

    fn connection_made(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let py = this.py();
        let [transport] = args.all("connection_made", ["transport"])?;
        let transport = &*transport;
        if self.rejects.get() {
            let helper = STREAMS.helper(py, intern!(py, "stream_rejected"))?;
            return helper.call1((this, transport)).map(drop);
        }
        self.transport.set(transport.clone());
        let reader = self.reader(py)?;
        if let Some(reader) = &reader {
            match plain_reader(reader) {
                Some(state) => state.attach(transport)?,
                None => reader.call_method1(intern!(py, "set_transport"), (transport,)).map(drop)?,
            }
        }
        self.over_ssl.set(is_over_ssl(transport)?);
        match self.callback.bind(py) {
            Some(callback) => {
                let none = py.None().into_bound(py);
                self.serve(this, transport, reader.as_ref().unwrap_or(&none), &callback)
            }
            None => Ok(()),
        }
    }

    /// Calls `client_connected_cb`, a function or a coroutine function.
    fn serve(
        &self,
        this: &Bound<'_, PyAny>,
        transport: &Bound<'_, PyAny>,
        reader: &Bound<'_, PyAny>,
        callback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = this.py();
        let event_loop = self.event_loop(py)?;
        let writer = STREAM_WRITER.ours(py)?.call1((transport, this, reader, &event_loop))?;
        if !compat::FORGETS_WRITER {
            self.writer.set(writer.clone());
        }
        let answer = match callback.call1((reader, writer)) {
            Err(error) if compat::STREAM_REPORTS && error.is_instance_of::<PyException>(py) => {
                support::report(&event_loop, CALLBACK_FAILED, &error, &[("transport", transport)])?;
                transport.call_method0(intern!(py, "close"))?;
                drop(self.strong_reader.take());
                return Ok(());
            }
            answer => answer?,
        };
        if is_native_coroutine(&answer) || is_coroutine(&answer)? {
            let task = call_method1(&event_loop, intern!(py, "create_task"), &answer)?;
            self.task.set(task.clone());
            let helper = STREAMS.helper(py, intern!(py, "watch_client"))?;
            helper.call1((event_loop, transport, task))?;
        }
        drop(self.strong_reader.take());
        Ok(())
    }

    fn connection_lost(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let py = this.py();
        let [reason] = args.all("connection_lost", ["exc"])?;
        let error = Some(&*reason).filter(|reason| !reason.is_none());
        if let Some(reader) = self.reader(py)? {
            match (plain_reader(&reader), error) {
                (Some(state), Some(error)) => state.fail(error)?,
                (Some(state), None) => state.end(py)?,
                (None, Some(error)) => drop(reader.call_method1(intern!(py, "set_exception"), (error,))?),
                (None, None) => drop(reader.call_method0(intern!(py, "feed_eof"))?),
            }
        }
        if let Some(closed) = self.closed.bind(py) {
            complete(&closed, error)?;
        }
        self.lost.set(true);
        if self.paused.get() {
            self.wake_drainers(py, error)?;
        }
        for slot in [&self.reader, &self.task, &self.transport] {
            drop(slot.take());
        }
        if !compat::LEAVES_WRITER {
            drop(self.writer.take());
        }
        Ok(())
    }

    fn data_received(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let py = this.py();
        let [data] = args.all("data_received", ["data"])?;
        let Some(reader) = self.reader(py)? else { return Ok(()) };
        match plain_reader(&reader) {
            Some(state) => state.feed(&reader, &data),
            None => call_method1(&reader, intern!(py, "feed_data"), &data).map(drop),
        }
    }

    fn eof_received(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = this.py();
        if let Some(reader) = self.reader(py)? {
            match plain_reader(&reader) {
                Some(state) => state.end(py)?,
                None => reader.call_method0(intern!(py, "feed_eof")).map(drop)?,
            }
        }
        // TLS closes both directions at once.
        Ok(!self.over_ssl.get())
    }

    fn pause_writing(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.paused.replace(true) {
            return Err(PyAssertionError::new_err(()));
        }
        self.log(this, "pauses")
    }

    fn resume_writing(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if !self.paused.replace(false) {
            return Err(PyAssertionError::new_err(()));
        }
        self.log(this, "resumes")?;
        self.wake_drainers(this.py(), None)
    }

    fn log(&self, this: &Bound<'_, PyAny>, what: &str) -> PyResult<()> {
        let py = this.py();
        if support::is_debug(&self.event_loop(py)?)? {
            STREAMS.helper(py, intern!(py, "log_writing"))?.call1((this, what))?;
        }
        Ok(())
    }

    /// Completes the futures of all who wait in `drain()`, with an exception if there is one.
    fn wake_drainers(&self, py: Python<'_>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let Some(waiters) = self.drain_waiters.bind(py) else { return Ok(()) };
        // A copy, since completing one future may remove others.
        let waiters: Vec<_> = waiters.try_iter()?.collect::<PyResult<_>>()?;
        waiters.iter().try_for_each(|waiter| complete(waiter, error))
    }

    fn drain_waiters_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let py = this.py();
        if self.drain_waiters.is_empty() {
            self.drain_waiters.set(known(py, "collections", "deque")?.call0()?);
        }
        Ok(self.drain_waiters.object(py))
    }

    fn set_drain_waiters_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        put(&self.drain_waiters, value);
        Ok(())
    }
}

/// The delivery to `protocol`, if that is a plain one of this type.
pub(crate) fn delivery_to(protocol: &Bound<'_, PyAny>) -> Option<Delivery> {
    static READERS: Readers = Readers {
        of: reader_taking_data,
        state: |reader| try_state::<StreamReader>(reader).map(|state| state as &dyn Reader),
    };
    let state = try_state::<StreamReaderProtocol>(protocol)?;
    state.is_plain().then_some(Delivery::Reader(&READERS))
}

/// The reader of `protocol`, if it is plain and still takes data.
fn reader_taking_data<'py>(protocol: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let reader = try_state::<StreamReaderProtocol>(protocol)?.reader(protocol.py()).ok()??;
    plain_reader(&reader).is_some_and(|state| !state.is_ended()).then_some(reader)
}

fn plain_reader<'a>(reader: &'a Bound<'_, PyAny>) -> Option<&'a StreamReader> {
    try_state::<StreamReader>(reader).filter(|state| state.is_plain())
}

/// Whether there is TLS below. Transports that are not ours are asked.
fn is_over_ssl(transport: &Bound<'_, PyAny>) -> PyResult<bool> {
    if try_state::<StreamTransport<Socket>>(transport).is_some()
        || try_state::<StreamTransport<ReadPipe>>(transport).is_some()
    {
        return Ok(false);
    }
    if try_state::<SslTransport>(transport).is_some() {
        return Ok(true);
    }
    let context = transport.call_method1(intern!(transport.py(), "get_extra_info"), ("sslcontext",))?;
    Ok(!context.is_none())
}

fn is_coroutine(answer: &Bound<'_, PyAny>) -> PyResult<bool> {
    TASKS.helper(answer.py(), intern!(answer.py(), "iscoroutine"))?.call1((answer,))?.is_truthy()
}

impl Constructed for StreamReaderProtocol {
    fn init(&self, this: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        let py = this.py();
        let parameters = ["stream_reader", "client_connected_cb", "loop"];
        let [reader, callback, event_loop] = given.bind("StreamReaderProtocol.__init__", parameters, 1)?;
        let event_loop = loop_or_current(py, event_loop)?;
        let callback = callback.filter(|callback| !callback.is_none());
        if let Some(reader) = reader.filter(|reader| !reader.is_none()) {
            self.reader.set(PyWeakrefReference::new(&reader)?.into_any());
            put(&self.source_traceback, &reader.getattr(intern!(py, "_source_traceback"))?);
            // Kept until there is a connection: then the callback keeps it.
            drop(self.strong_reader.replace(callback.is_some().then(|| reader.into())));
        }
        drop(self.callback.replace(callback.map(Into::into)));
        self.closed.set(pending(&event_loop)?);
        self.event_loop.set(event_loop);
        self.plain.set(STREAM_READER_PROTOCOL.keeps(this, &CALLED)?);
        Ok(())
    }
}

impl Finalized for StreamReaderProtocol {
    /// It is no error if nobody asks how a connection ended.
    fn finalize(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let Some(closed) = self.closed.bind(py) else { return Ok(()) };
        if let Some(outcome) = exact_outcome(&closed) {
            outcome.forget_traceback();
            return Ok(());
        }
        if closed.call_method0(intern!(py, "done"))?.is_truthy()?
            && !closed.call_method0(intern!(py, "cancelled"))?.is_truthy()?
        {
            closed.call_method0(intern!(py, "exception"))?;
        }
        Ok(())
    }
}

impl Native for StreamReaderProtocol {
    const NAME: &'static CStr = c"ferrio._ferrio.StreamReaderProtocol";
    const DOC: &'static CStr = c"The native part of ferrio.StreamReaderProtocol.";
    const NEW: New = Some(object::new::<StreamReaderProtocol>);

    holds!(
        event_loop,
        reader,
        strong_reader,
        source_traceback,
        transport,
        writer,
        task,
        callback,
        closed,
        drain_waiters
    );

    fn members() -> Members {
        let own = members! { StreamReaderProtocol;
            light method c"data_received" c"Data came." => data_received;
            bare c"eof_received" c"The peer sends no more." => eof_received;
            bare c"pause_writing" c"The transport wants no more for now." => pause_writing;
            bare c"resume_writing" c"The transport takes more again." => resume_writing;
            method c"connection_made" c"There is a transport." => connection_made;
            method c"connection_lost" c"The transport is closed." => connection_lost;
            attribute c"_drain_waiters" => drain_waiters_attribute, set_drain_waiters_attribute;
            field c"_loop" => event_loop;
            field c"_stream_reader_wr" => reader;
            field c"_strong_reader" => strong_reader;
            field c"_source_traceback" => source_traceback;
            field c"_transport" => transport;
            field c"_stream_writer" => writer;
            field c"_task" => task;
            field c"_client_connected_cb" => callback;
            field c"_closed" => closed;
            field c"_over_ssl" => over_ssl;
            field c"_reject_connection" => rejects;
            field c"_paused" => paused;
            field c"_connection_lost" => lost;
        };
        own.and(object::constructed_slots::<StreamReaderProtocol>())
            .and(object::finalized_slots::<StreamReaderProtocol>())
    }
}
