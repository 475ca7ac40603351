//! `StreamWriter`: a transport to write to, and the protocol that knows when there is room.
//!
//! `write` calls our transports natively. `wait_closed` and `start_tls` are asyncio's own Python code, since they run once in a
//! connection. `drain` is in `draining`.

use std::cell::Cell;
use std::ffi::CStr;

use ferrio_engine::transport::{Socket, WritePipe};
use pyo3::exceptions::PyAssertionError;
use pyo3::ffi as raw;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::ffi::args::Args;
use crate::ffi::heap_type::{Native, Visitor, try_state};
use crate::ffi::held::kept;
use crate::ffi::known::Place;
use crate::ffi::members::{Members, fields, members, put};
use crate::ffi::object::{self, Constructed};
use crate::ffi::reference::Slot;
use crate::net::base_transport::Writable;
use crate::net::sslproto::SslTransport;
use crate::net::streams::reader::pending;
use crate::net::streams::{STREAM_READER, arguments};
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
        let [Some(data)] = args.bind("write", ["data"], 1)? else { return Ok(()) };
        let py = this.py();
        let transport = self.transport(py);
        match self.calls.get() {
            Some(calls) => (calls.write)(&transport, &data),
            None => transport.call_method1(intern!(py, "write"), (data,)).map(drop),
        }
    }

    fn writelines(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [Some(data)] = args.bind("writelines", ["data"], 1)? else { return Ok(()) };
        self.transport(this.py()).call_method1(intern!(this.py(), "writelines"), (data,)).map(drop)
    }

    fn write_eof(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.transport(this.py()).call_method0(intern!(this.py(), "write_eof")).map(Bound::unbind)
    }

    fn can_write_eof(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.transport(this.py()).call_method0(intern!(this.py(), "can_write_eof")).map(Bound::unbind)
    }

    fn close(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.transport(this.py()).call_method0(intern!(this.py(), "close")).map(Bound::unbind)
    }

    fn closing(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.transport(this.py()).call_method0(intern!(this.py(), "is_closing")).map(Bound::unbind)
    }

    fn extra(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [name, default] = args.bind("get_extra_info", ["name", "default"], 1)?;
        let method = intern!(this.py(), "get_extra_info");
        self.transport(this.py()).call_method1(method, (name, default)).map(Bound::unbind)
    }

    fn transport_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.transport.object(this.py()))
    }

    fn set_transport_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set(value)
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

    fn slots(&self) -> [&Slot; 5] {
        let StreamWriter { transport, protocol, reader, event_loop, complete, .. } = self;
        [transport, protocol, reader, event_loop, complete]
    }
}

impl Constructed for StreamWriter {
    fn init(
        &self,
        this: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        names: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let parameters = ["transport", "protocol", "reader", "loop"];
        let [Some(transport), Some(protocol), Some(reader), Some(event_loop)] =
            arguments("StreamWriter.__init__", args, names, parameters, parameters.len())?
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
    const NEW: Option<raw::newfunc> = Some(object::new::<StreamWriter>);

    kept!();

    fn members() -> Members {
        let own = members! { StreamWriter;
            light {
                c"write" c"Write data; what does not fit now is written later." => write,
            }
            bare {
                c"drain" c"Wait until there is room for more. A coroutine." => drain,
                c"write_eof" c"Write no more, after what was written." => write_eof,
                c"can_write_eof" c"Whether write_eof() can be called." => can_write_eof,
                c"close" c"Close the transport, after what was written." => close,
                c"is_closing" c"Whether it is closing or closed." => closing,
            }
            methods {
                c"writelines" c"Write several pieces of data." => writelines,
                c"get_extra_info" c"What the transport knows about itself." => extra,
            }
            attributes {
                c"transport" => transport_attribute;
                c"_transport" => transport_attribute, set_transport_attribute;
                c"_complete_fut" => complete_attribute, set_complete_attribute;
            }
        };
        let fields = fields! { StreamWriter;
            objects {
                c"_protocol" => protocol,
                c"_reader" => reader,
                c"_loop" => event_loop,
            }
        };
        own.and(fields).and(object::constructed_slots::<StreamWriter>())
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        self.slots().into_iter().for_each(|slot| visitor.raw(slot.as_ptr()));
    }

    fn clear(&self) {
        // The transport is dropped below.
        self.calls.set(None);
        self.slots().into_iter().for_each(|slot| drop(slot.take()));
    }
}
