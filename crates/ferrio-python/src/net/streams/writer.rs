//! `StreamWriter`: a transport to write to, and the protocol that knows when there is room.
//!
//! `write` calls our transports natively. `wait_closed` and `start_tls` are asyncio's own Python code, since they run once in a
//! connection. `drain` is in `draining`.

use ferrio_engine::transport::{Socket, WritePipe};
use pyo3::exceptions::PyAssertionError;
use pyo3::types::PyType;

use crate::ffi::answer::put;
use crate::ffi::prelude::*;
use crate::net::base_transport::Writable;
use crate::net::sslproto::SslTransport;
use crate::net::streams::STREAM_READER;
use crate::net::streams::reader::pending;
use crate::net::transports::StreamTransport;

/// What is called natively of a transport.
struct Calls {
    write: fn(&Bound<'_, PyAny>, &Bound<'_, PyAny>) -> PyResult<()>,
    is_closing: fn(&Bound<'_, PyAny>) -> PyResult<bool>,
}

impl Calls {
    const fn of<T: Native + Writable>() -> Self {
        Calls {
            write: |this, data| try_state::<T>(this).map_or(Ok(()), |state| state.write_object(this, data)),
            is_closing: |this| try_state::<T>(this).map_or(Ok(true), |state| state.is_closing(this)),
        }
    }
}

/// Emptied before the transport is dropped.
impl Held for Cell<Option<&'static Calls>> {
    fn show(&self, _: &mut Visitor<'_>) {}

    fn empty(&self) {
        self.set(None);
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct StreamWriter {
    transport: Slot,
    /// `None` if the methods of the transport have to be called.
    calls: Cell<Option<&'static Calls>>,
    protocol: Slot,
    reader: Slot,
    event_loop: Slot,
    complete: Slot,
}

impl StreamWriter {
    pub(crate) fn protocol<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.protocol.bind(py)
    }

    pub(crate) fn reader<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.reader.bind(py)
    }

    /// Whether the transport is closing.
    pub(crate) fn is_closing(&self, py: Python<'_>) -> PyResult<bool> {
        let transport = self.transport(py);
        match self.calls.get() {
            Some(calls) => (calls.is_closing)(&transport),
            None => transport.call_method0(intern!(py, "is_closing"))?.is_truthy(),
        }
    }

    fn transport<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.transport.bind(py).unwrap_or_else(|| py.None().into_bound(py))
    }

    /// Sets `_transport`.
    fn set(&self, transport: &Bound<'_, PyAny>) -> PyResult<()> {
        static SOCKET: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        static PIPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        static TLS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let py = transport.py();
        let class = transport.get_type();
        self.calls.set(if class.is(SOCKET.known(py, "ferrio.selector_events", "SocketTransport")?) {
            Some(const { &Calls::of::<StreamTransport<Socket>>() })
        } else if class.is(PIPE.known(py, "ferrio.pipes", "WritePipeTransport")?) {
            Some(const { &Calls::of::<StreamTransport<WritePipe>>() })
        } else if try_state::<SslTransport>(transport).is_some()
            && class.is(TLS.known(py, "ferrio.sslproto", "SSLTransport")?)
        {
            Some(const { &Calls::of::<SslTransport>() })
        } else {
            None
        });
        self.transport.set(transport.clone());
        Ok(())
    }

    fn write(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [data] = args.all("write", ["data"])?;
        let py = this.py();
        let transport = self.transport(py);
        match self.calls.get() {
            Some(calls) => (calls.write)(&transport, &data),
            None => transport.call_method1(intern!(py, "write"), (data,)).map(drop),
        }
    }

    fn writelines(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [data] = args.all("writelines", ["data"])?;
        self.transport(this.py()).call_method1(intern!(this.py(), "writelines"), (data,)).map(drop)
    }

    /// A future that is done. Made when somebody asks for it.
    fn complete_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let py = this.py();
        if self.complete.is_empty()
            && let Some(event_loop) = self.event_loop.bind(py)
        {
            let future = pending(&event_loop)?;
            future.call_method1(intern!(py, "set_result"), (py.None(),))?;
            self.complete.set(future);
        }
        Ok(self.complete.object(py))
    }

    fn set_complete_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        put(&self.complete, value);
        Ok(())
    }
}

impl Constructed for StreamWriter {
    fn init(&self, this: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        let parameters = ["transport", "protocol", "reader", "loop"];
        let [Some(transport), Some(protocol), Some(reader), Some(event_loop)] =
            given.bind("StreamWriter.__init__", parameters, parameters.len())?
        else {
            return Ok(());
        };
        self.set(&transport)?;
        put(&self.protocol, &protocol);
        if !reader.is_none() && !reader.is_instance(STREAM_READER.theirs(this.py())?)? {
            return Err(PyAssertionError::new_err(()));
        }
        put(&self.reader, &reader);
        put(&self.event_loop, &event_loop);
        Ok(())
    }
}

impl Native for StreamWriter {
    const NAME: &'static CStr = c"ferrio._ferrio.StreamWriter";
    const DOC: &'static CStr = c"The native part of ferrio.StreamWriter.";
    const NEW: New = Some(object::new::<StreamWriter>);

    holds!(calls, transport, protocol, reader, event_loop, complete);

    fn members() -> Members {
        let own = members! { StreamWriter;
            light method c"write" c"Write data; what does not fit now is written later." => write;
            bare c"drain" c"Wait until there is room for more. A coroutine." => drain;
            method c"writelines" c"Write several pieces of data." => writelines;
            shown c"_transport" => transport, set;
            attribute c"_complete_fut" => complete_attribute, set_complete_attribute;
            field c"_protocol" => protocol;
            field c"_reader" => reader;
            field c"_loop" => event_loop;
        };
        own.and(object::constructed_slots::<StreamWriter>())
    }
}
