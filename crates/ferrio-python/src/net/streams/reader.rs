//! `StreamReader`: what was received, until somebody reads it.
//!
//! ```text
//! feed_data, or the transport itself ──▶ buffer ──▶ a read operation
//!            │ above 2 × limit                          │ down to limit
//!            └▶ pause_reading()                         └▶ resume_reading()
//! ```
//!
//! At most one coroutine waits at a time, on the future `waiter`. All attributes of asyncio's class are there, so that derived
//! classes find them. The methods that read are in `reading`.

use std::io;

use pyo3::exceptions::{PyAssertionError, PyNotImplementedError, PyRuntimeError, PyValueError};
use pyo3::types::{PyByteArray, PyType};

use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::event_loop::which::loop_or_current;
use crate::ffi::answer::put;
use crate::ffi::buffers::Exported;
use crate::ffi::prelude::*;
use crate::net::protocols::delivery::{Read, Reader};
use crate::net::streams::STREAM_READER;
use crate::net::streams::buffer::Buffer;
use crate::tasks::any_future::{is_cancelled, settle};
use crate::tasks::futures::Future;

/// The methods that asyncio's methods call on the reader.
const CALLED: [&str; 9] = [
    "feed_data",
    "feed_eof",
    "set_exception",
    "read",
    "readline",
    "readuntil",
    "_wait_for_data",
    "_wakeup_waiter",
    "_maybe_resume_transport",
];

/// asyncio's `_DEFAULT_LIMIT`.
const DEFAULT_LIMIT: usize = 64 * 1024;

/// See the module.
#[derive(Default)]
pub(crate) struct StreamReader {
    buffer: Buffer,
    limit: Cell<usize>,
    /// The limit as it was given.
    limit_object: Slot,
    event_loop: Slot,
    waiter: Slot,
    exception: Slot,
    transport: Slot,
    source_traceback: Slot,
    eof: Cell<bool>,
    paused: Cell<bool>,
    plain: Cell<bool>,
}

impl StreamReader {
    /// See the module `streams`.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain.get()
    }

    pub(crate) fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.get()
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.eof.get()
    }

    /// The exception that reading raises, if there is one.
    pub(crate) fn failure<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.exception.bind(py)
    }

    fn pause(&self, py: Python<'_>) -> PyResult<()> {
        let Some(transport) = self.transport.bind(py) else { return Ok(()) };
        match transport.call_method0(intern!(py, "pause_reading")) {
            Ok(_) => {
                self.paused.set(true);
                Ok(())
            }
            // The transport cannot be paused: everything is buffered, and the transport is not asked again.
            Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => {
                drop(self.transport.take());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        self.paused.set(false);
        let Some(transport) = self.transport.bind(py) else { return Ok(()) };
        transport.call_method0(intern!(py, "resume_reading")).map(drop)
    }

    /// After data was read: resumes the transport if there is room again.
    pub(crate) fn maybe_resume(&self, py: Python<'_>) -> PyResult<()> {
        if self.paused.get() && self.buffer.len(py)? <= self.limit.get() { self.resume(py) } else { Ok(()) }
    }

    /// Makes the future that is completed when data comes, for the coroutine of `method`.
    pub(crate) fn wait<'py>(&self, py: Python<'py>, method: &str) -> PyResult<Bound<'py, PyAny>> {
        if !self.waiter.is_empty() {
            let text =
                format!("{method}() called while another coroutine is already waiting for incoming data");
            return Err(PyRuntimeError::new_err(text));
        }
        if self.eof.get() {
            return Err(PyAssertionError::new_err("_wait_for_data after EOF"));
        }
        if self.paused.get() {
            self.resume(py)?;
        }
        let future = pending(&self.event_loop(py)?)?;
        self.waiter.set(future.clone());
        Ok(future)
    }

    /// Nobody waits any more.
    pub(crate) fn forget_waiter(&self) {
        drop(self.waiter.take());
    }

    fn event_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.event_loop
            .bind(py)
            .ok_or_else(|| PyRuntimeError::new_err("StreamReader.__init__() was not called"))
    }

    /// Completes the future of who waits, unless that was cancelled. One that is done otherwise is an error, as in asyncio.
    fn wake(&self, py: Python<'_>, exception: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let Some(waiter) = self.waiter.take() else { return Ok(()) };
        let waiter = waiter.into_bound(py);
        if is_cancelled(&waiter)? { Ok(()) } else { settle(&waiter, exception) }
    }

    /// `feed_eof`.
    pub(crate) fn end(&self, py: Python<'_>) -> PyResult<()> {
        self.eof.set(true);
        self.wake(py, None)
    }

    /// `set_exception`.
    pub(crate) fn fail(&self, exception: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = exception.py();
        put(&self.exception, exception);
        self.wake(py, Some(exception))
    }

    /// `set_transport`.
    pub(crate) fn attach(&self, transport: &Bound<'_, PyAny>) -> PyResult<()> {
        if !self.transport.is_empty() {
            return Err(PyAssertionError::new_err("Transport already set"));
        }
        self.transport.set(transport.clone());
        Ok(())
    }

    fn set_exception(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Option<Py<PyAny>>> {
        let [exception] = args.all("set_exception", ["exc"])?;
        if !self.is_plain() {
            return self.theirs(this, "set_exception", args).map(Some);
        }
        self.fail(&exception).map(|()| None)
    }

    fn feed_eof(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Option<Py<PyAny>>> {
        args.none("feed_eof")?;
        if self.is_plain() {
            self.end(this.py()).map(|()| None)
        } else {
            self.theirs(this, "feed_eof", args).map(Some)
        }
    }

    fn at_eof(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.eof.get() && self.buffer.len(this.py())? == 0)
    }

    fn feed_data(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Option<Py<PyAny>>> {
        let [data] = args.all("feed_data", ["data"])?;
        if self.is_plain() {
            self.feed(this, &data).map(|()| None)
        } else {
            self.theirs(this, "feed_data", args).map(Some)
        }
    }

    /// Calls asyncio's own method, which calls the methods of the subclass.
    pub(super) fn theirs(
        &self,
        this: &Bound<'_, PyAny>,
        name: &str,
        args: Args<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        let method = STREAM_READER.theirs(this.py())?.getattr(name)?;
        args.pass_on(&method, Some(this)).map(Bound::unbind)
    }

    fn size_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.buffer.len(this.py())
    }

    fn buffer_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(self.buffer.share(this.py()).unbind())
    }

    fn set_buffer_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.buffer.replace(value);
        Ok(())
    }

    fn set_limit_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        // What is not such a number counts as larger than all.
        self.limit.set(value.extract().unwrap_or(usize::MAX));
        self.limit_object.set(value.clone());
        Ok(())
    }
}

impl Reader for StreamReader {
    fn fill(
        &self,
        this: &Bound<'_, PyAny>,
        room: Option<usize>,
        read: &mut Read<'_>,
    ) -> PyResult<io::Result<usize>> {
        self.buffer.receive(this.py(), room, read)
    }

    /// Wakes who waits, and pauses the transport if there is too much data.
    fn filled(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        self.wake(py, None)?;
        if self.paused.get() || self.transport.is_empty() {
            return Ok(());
        }
        if self.buffer.len(py)? > self.limit.get().saturating_mul(2) {
            return self.pause(py);
        }
        Ok(())
    }

    fn feed(&self, this: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        if self.eof.get() {
            return Err(PyAssertionError::new_err("feed_data after feed_eof"));
        }
        if !data.is_truthy()? {
            return Ok(());
        }
        if let Ok(exported) = Exported::new(data, false) {
            self.buffer.append(py, exported.as_ref())?;
        } else {
            // A sequence of numbers, for example.
            let bytes = PyByteArray::new(py, b"");
            bytes.call_method1(intern!(py, "extend"), (data,))?;
            self.buffer.append(py, &bytes.to_vec())?;
        }
        self.filled(this)
    }
}

/// A pending future of `event_loop`, which may be of any kind.
pub(crate) fn pending<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static LOOP: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = event_loop.py();
    if try_state::<BaseLoop>(event_loop).is_some()
        && event_loop.get_type().is(LOOP.known(py, "ferrio.unix_events", "Loop")?)
    {
        return Future::create(event_loop);
    }
    event_loop.call_method0(intern!(py, "create_future"))
}

impl Constructed for StreamReader {
    fn init(&self, this: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        let py = this.py();
        let [limit, event_loop] = given.bind("StreamReader.__init__", ["limit", "loop"], 0)?;
        match limit {
            None => {
                self.limit.set(DEFAULT_LIMIT);
                self.limit_object.set(DEFAULT_LIMIT.into_pyobject(py)?.into_any());
            }
            Some(limit) => {
                if limit.le(0)? {
                    return Err(PyValueError::new_err("Limit cannot be <= 0"));
                }
                self.set_limit_attribute(&limit)?;
            }
        }
        let event_loop = loop_or_current(py, event_loop)?;
        self.buffer.empty();
        self.eof.set(false);
        self.paused.set(false);
        for slot in [&self.waiter, &self.exception, &self.transport] {
            drop(slot.take());
        }
        if support::is_debug(&event_loop)? {
            self.source_traceback.set(support::caller(py)?);
        }
        self.event_loop.set(event_loop);
        self.plain.set(STREAM_READER.keeps(this, &CALLED)?);
        Ok(())
    }
}

impl Native for StreamReader {
    const NAME: &'static CStr = c"ferrio._ferrio.StreamReader";
    const DOC: &'static CStr = c"The native part of ferrio.StreamReader.";
    const NEW: New = Some(object::new::<StreamReader>);

    holds!(buffer, waiter, exception, event_loop, transport, limit_object, source_traceback);

    fn members() -> Members {
        let own = members! { StreamReader;
            light method c"read" c"Read up to n bytes, or everything up to the end. A coroutine." => read;
            light method c"readline" c"Read a line, with its newline. A coroutine." => readline;
            light method c"readexactly" c"Read exactly n bytes. A coroutine." => readexactly;
            light method c"readuntil" c"Read up to a separator, or the first of several in a tuple, and that. A coroutine." => readuntil;
            light method c"feed_data" c"Put data at the end of the buffer." => feed_data;
            bare c"at_eof" c"Whether everything was read and no more will come." => at_eof;
            method c"set_exception" c"Raise an exception in whoever reads." => set_exception;
            method c"feed_eof" c"No more data will come." => feed_eof;
            attribute c"_size" => size_attribute;
            attribute c"_buffer" => buffer_attribute, set_buffer_attribute;
            shown c"_limit" => limit_object, set_limit_attribute;
            field c"_loop" => event_loop;
            field c"_waiter" => waiter;
            field c"_exception" => exception;
            field c"_transport" => transport;
            field c"_source_traceback" => source_traceback;
            field c"_eof" => eof;
            field c"_paused" => paused;
        };
        own.and(object::constructed_slots::<StreamReader>())
            .and(object::async_iterator_slots::<StreamReader>())
    }
}
