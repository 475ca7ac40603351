//! What transports and servers call: the callbacks of a protocol, shutting down, time limits.

use ferrio_http::h1::Refusal;
use ferrio_http::ws;
use pyo3::types::{PyBytes, PyString, PyTuple};

use super::{HttpConnection, LINGER, Machine};
use crate::event_loop::run::both;
use crate::ffi::buffers::Exported;
use crate::ffi::prelude::*;
use crate::http::exchange::Exchange;
use crate::net::protocols::delivery::{Delivery, LayerProtocol};

/// What a connection too many is told.
const CROWDED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

impl HttpConnection {
    fn connected(&self, this: &Bound<'_, PyAny>, transport: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        self.below.set(transport)?;
        self.below.gather(py);
        self.client.set(address(transport, intern!(py, "peername"))?);
        self.server.set(address(transport, intern!(py, "sockname"))?);
        let tls = call_method1(transport, intern!(py, "get_extra_info"), intern!(py, "ssl_object"))?;
        if !tls.is_none() {
            let extensions =
                self.with_serving(py, |serving, _| serving.extensions_over(py, &tls).map(Bound::unbind))?;
            self.extensions.set(extensions.into_bound(py));
        }
        self.with_serving(py, |serving, _| {
            serving.trace(py, &self.client, "HTTP connection made")?;
            // Not before the handshake: any number of clients can be in theirs.
            if serving.is_crowded(py)? {
                self.closing.set(true);
                return both(py, self.below.write(py, CROWDED), self.below.tell(py, intern!(py, "close")));
            }
            serving.add(this, self)
        })
    }

    fn lost(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        self.closing.set(true);
        self.below.leave();
        let current = self.exchange.take().map(|exchange| exchange.into_bound(py));
        let is_socket =
            current.as_ref().and_then(Exchange::of).is_some_and(|exchange| exchange.socket.is_some());
        let removed = self.with_serving(py, |serving, _| {
            serving.remove(this)?;
            let text = if is_socket { "WebSocket connection lost" } else { "HTTP connection lost" };
            serving.trace(py, &self.client, text)
        });
        let told = current.as_ref().and_then(Exchange::of).map_or(Ok(()), |exchange| exchange.lose(py));
        both(py, removed, both(py, told, self.room.free(py)))
    }

    fn loop_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.event_loop(this.py()).map(Bound::unbind)
    }

    fn close_timeout_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.close_timeout.get().into_py_any(this.py())
    }

    fn set_close_timeout_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close_timeout.set(value.extract()?);
        Ok(())
    }

    fn connection_made_method(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [transport] = args.all("connection_made", ["transport"])?;
        self.connected(this, &transport)
    }

    fn data_received_method(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [data] = args.all("data_received", ["data"])?;
        match data.cast::<PyBytes>() {
            Ok(data) => self.feed(this, &mut data.as_bytes().to_vec()),
            Err(_) => self.feed(this, &mut Exported::new(&data, false)?.as_ref().to_vec()),
        }
    }

    fn eof_received_method(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(())
    }

    fn connection_lost_method(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [_reason] = args.all("connection_lost", ["exc"])?;
        self.lost(this)
    }

    fn pause_writing_method(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.room.fill();
        Ok(())
    }

    fn resume_writing_method(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.has_room(this)
    }

    /// The next answer says that it is the last.
    fn retire(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.with_machine(Machine::retire)
    }

    /// An idle connection ends now, a busy one with its answer.
    fn shutdown(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let current = self.exchange.bind(py);
        if let Some(exchange) = current.as_ref().and_then(Exchange::of)
            && let Some(socket) = exchange.socket.as_ref().filter(|_| !self.closing.get())
        {
            return self.shut_socket(this, exchange, socket);
        }
        let closed = self.with_machine(|machine| {
            machine.shut_down();
            machine.is_closed() || !(machine.is_answering() || machine.has_promised())
        })?;
        if closed { self.close(py) } else { Ok(()) }
    }

    /// Closes a connection whose time is over.
    pub(crate) fn expire(&self, this: &Bound<'_, PyAny>, now: f64) -> PyResult<()> {
        let py = this.py();
        if self.lingers.get() && self.below.holds_data(py)? {
            // The moment begins when all has left, however slowly that goes: a large answer would be cut short.
            self.deadline.set(now + LINGER);
        } else if now >= self.deadline.get() {
            return self.put_out(this);
        }
        if let Some(limit) = self.send_limit(py)?
            && self.below.stuck_since(py, now)?.is_some_and(|since| now >= since + limit)
        {
            return self.below.tell(py, intern!(py, "abort"));
        }
        let current = self.exchange.bind(py);
        let Some(exchange) = current.as_ref().and_then(Exchange::of) else { return Ok(()) };
        let Some(socket) = exchange.socket.as_ref().filter(|socket| now >= socket.next_ping.get()) else {
            return Ok(());
        };
        let Some(wishes) = self.with_serving(py, |serving, _| Ok(serving.wishes.get()))? else {
            return Ok(());
        };
        let mut is_gone = false;
        self.frames(py, |out| {
            is_gone = socket.ping(now, &wishes, out);
            Ok(())
        })?;
        if !is_gone {
            return Ok(());
        }
        socket.end(py, ws::code::INTERNAL_ERROR, None)?;
        exchange.tell(py)?;
        self.close(py)
    }
}

impl HttpConnection {
    /// The time of the present phase is over.
    fn put_out(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        if self.closing.get() {
            // Who was told to go, and does not read what is to be sent first, is put out.
            self.below.tell(py, intern!(py, "abort"))
        } else if self.is_asking(py)? {
            self.refuse(this, Refusal::LATE)
        } else {
            self.close(py)
        }
    }

    /// Whether the client has begun a request that is not whole: its head, or a body to which no answer is complete.
    fn is_asking(&self, py: Python<'_>) -> PyResult<bool> {
        let current = self.exchange.bind(py);
        let exchange = current.as_ref().and_then(Exchange::of);
        let sends = exchange.is_some_and(|exchange| exchange.is_awaited() && !exchange.is_over());
        Ok(sends || self.with_machine(|machine| machine.is_heading())?)
    }
}

/// An address as ASGI has it: host and port, or a path and None.
fn address<'py>(transport: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    let py = transport.py();
    let found = call_method1(transport, intern!(py, "get_extra_info"), name)?;
    if let Ok(tuple) = found.cast::<PyTuple>()
        && tuple.len() >= 2
    {
        return Ok(tuple.get_slice(0, 2).into_any());
    }
    match found.cast::<PyString>() {
        Ok(path) if name == "sockname" && !path.is_empty()? => {
            Ok((path, py.None()).into_pyobject(py)?.into_any())
        }
        _ => Ok(py.None().into_bound(py)),
    }
}

impl LayerProtocol for HttpConnection {
    fn connection_made(&self, this: &Bound<'_, PyAny>, below: &Bound<'_, PyAny>) -> PyResult<()> {
        self.connected(this, below)
    }

    fn data_received(&self, this: &Bound<'_, PyAny>, data: &mut [u8]) -> PyResult<()> {
        self.feed(this, data)
    }

    fn eof_received(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(false)
    }

    fn pause_writing(&self) {
        self.room.fill();
    }

    fn resume_writing(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.has_room(this)
    }

    fn connection_lost(&self, this: &Bound<'_, PyAny>, _: Option<Py<PyAny>>) {
        if let Err(error) = self.lost(this) {
            error.write_unraisable(this.py(), Some(this));
        }
    }

    fn is_below_stream(&self, _: Python<'_>) -> PyResult<bool> {
        Ok(false)
    }
}

impl Io for HttpConnection {
    fn turn(&self, this: &Bound<'_, PyAny>, _: Turn) -> PyResult<()> {
        self.go_on(this)
    }
}

/// The delivery to `protocol`, if that is an `HttpConnection`.
pub(crate) fn delivery_to(protocol: &Bound<'_, PyAny>) -> Option<Delivery> {
    as_layer(protocol).map(|_| Delivery::Layer(as_layer))
}

fn as_layer<'a>(protocol: &'a Bound<'_, PyAny>) -> Option<&'a dyn LayerProtocol> {
    try_state::<HttpConnection>(protocol).map(|state| state as &dyn LayerProtocol)
}

impl Native for HttpConnection {
    const NAME: &'static CStr = c"ferrio._ferrio.HttpConnection";
    const DOC: &'static CStr = c"A connection of an HTTP server. Made by HttpServing.connect().";

    holds!(serving, below, room, exchange, client, server, environ, context, extensions);

    fn members() -> Members {
        members! { HttpConnection;
            method c"connection_made" c"The transport is ready." => connection_made_method;
            method c"data_received" c"Bytes came." => data_received_method;
            bare c"eof_received" c"The client sends no more." => eof_received_method;
            method c"connection_lost" c"The connection is gone." => connection_lost_method;
            bare c"pause_writing" c"Too much waits to be sent." => pause_writing_method;
            bare c"resume_writing" c"There is room again." => resume_writing_method;
            bare c"retire" c"The next answer is the last, and says so." => retire;
            bare c"shutdown" c"End now if idle, else after the answer." => shutdown;
            bare c"_go_on" c"Read what waited." => go_on;
            shown c"transport" => below.transport;
            attribute c"loop" => loop_attribute;
            attribute c"close_timeout" => close_timeout_attribute, set_close_timeout_attribute;
            shown c"client" => client;
            shown c"server" => server;
        }
    }
}
