//! `Socket`: the WebSocket of an exchange, as the application talks to it.
//!
//! ```text
//!   Offered ── websocket.accept ──▶ Open ── websocket.close ─────────────────────────▶ Closed
//!      │                              └────── the client's close, a broken rule ───────▶ Ended
//!      ├────── websocket.close: 403 ───────────────────────────────────────────────────▶ Closed
//!      └────── websocket.http.response.start ──▶ Refusing ── the last part of a body ──▶ Closed
//! ```
//!
//! Frames, pings and closes are `ferrio_http::ws`'s. This file owns the messages that wait for `receive`, and which message of
//! the application's may come when. It calls no transport: what is to be sent goes to a buffer of its connection's.

use std::collections::VecDeque;

use ferrio_http::ws::handshake::{Accepted, Deflate, Offer};
use ferrio_http::ws::{self, Event, Role};
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::ffi::prelude::*;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Offered,
    Refusing,
    Open,
    /// The application closed it.
    Closed,
    /// The client did, or broke a rule, or is gone.
    Ended,
}

/// What a server wants of each `WebSocket`.
#[derive(Clone, Copy)]
pub(crate) struct Wishes {
    pub(crate) config: ws::Config,
    pub(crate) deflate: Option<Deflate>,
    /// So many messages wait for `receive` before no more are read.
    pub(crate) queue: usize,
    pub(crate) ping_interval: f64,
    pub(crate) ping_timeout: f64,
}

/// Status, headers and body.
pub(crate) type WholeAnswer = (u16, Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>);

/// See the module.
pub(crate) struct Socket {
    standing: Cell<Standing>,
    /// The headers that the handshake is about.
    offered: Vec<(Vec<u8>, Vec<u8>)>,
    machine: RefCell<Option<ws::Connection>>,
    messages: RefCell<VecDeque<Ref>>,
    /// The last message was told: there is none after it.
    pub(crate) over: Cell<bool>,
    /// Status, headers and body of an answer that refuses.
    pub(crate) refusal: RefCell<WholeAnswer>,
    /// When the next ping is due, and which one was sent.
    pub(crate) next_ping: Cell<f64>,
    pinged: Cell<Option<[u8; 8]>>,
    ping_interval: Cell<f64>,
}

impl Held for Socket {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.messages.show(visitor);
    }

    fn empty(&self) {
        self.messages.empty();
    }
}

/// What came of bytes that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    Something,
    /// The closing handshake is over: the transport is to be closed.
    End,
    /// The client broke a rule, and may still be sending.
    Broken,
}

impl Socket {
    /// The WebSocket that a request asks for; an answer that refuses it otherwise.
    pub(crate) fn offered(
        method: &[u8],
        headers: &[(&[u8], &[u8])],
    ) -> Result<(Self, Vec<String>), ws::handshake::Refusal> {
        let subprotocols = Offer::read(method, (1, 1), headers)?.subprotocols().map(str::to_owned).collect();
        let about = |name: &[u8]| {
            let name = name.to_ascii_lowercase();
            name.starts_with(b"sec-websocket-") || name == b"upgrade" || name == b"connection"
        };
        let offered = headers.iter().filter(|(name, _)| about(name));
        let socket = Socket {
            standing: Cell::new(Standing::Offered),
            offered: offered.map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
            machine: RefCell::default(),
            messages: RefCell::default(),
            over: Cell::new(false),
            refusal: RefCell::default(),
            next_ping: Cell::new(f64::INFINITY),
            pinged: Cell::new(None),
            ping_interval: Cell::new(f64::INFINITY),
        };
        Ok((socket, subprotocols))
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing.get()
    }

    pub(crate) fn set(&self, standing: Standing) {
        self.standing.set(standing);
    }

    /// What is to be answered to an application that accepts.
    pub(crate) fn accept(&self, subprotocol: Option<&str>, wishes: &Wishes, now: f64) -> Option<Accepted> {
        let headers: Vec<(&[u8], &[u8])> =
            self.offered.iter().map(|(name, value)| (&**name, &**value)).collect();
        let accepted = Offer::read(b"GET", (1, 1), &headers).ok()?.accept(subprotocol, wishes.deflate);
        self.machine.replace(Some(ws::Connection::new(Role::Server, wishes.config, accepted.deflate())));
        self.standing.set(Standing::Open);
        self.ping_interval.set(wishes.ping_interval);
        self.next_ping.set(now + wishes.ping_interval);
        Some(accepted)
    }

    /// Asks the machine; `None` where there is none, or a finalizer found it busy.
    pub(crate) fn with<R>(&self, ask: impl FnOnce(&mut ws::Connection) -> R) -> Option<R> {
        self.machine.try_borrow_mut().ok()?.as_mut().map(ask)
    }

    /// How many messages wait for `receive`.
    pub(crate) fn waiting(&self) -> usize {
        self.messages.borrow().len()
    }

    /// Leaves a message for `receive`.
    pub(crate) fn push(&self, message: Bound<'_, PyAny>) {
        self.messages.borrow_mut().push_back(message.into());
    }

    pub(crate) fn pop(&self) -> Option<Ref> {
        self.messages.borrow_mut().pop_front()
    }

    /// Leaves the news that there is nothing after it, once; with a reason if a frame had one.
    pub(crate) fn end(&self, py: Python<'_>, code: u16, reason: Option<&str>) -> PyResult<()> {
        if self.standing.get() != Standing::Closed {
            self.standing.set(Standing::Ended);
        }
        self.next_ping.set(f64::INFINITY);
        if self.over.replace(true) {
            return Ok(());
        }
        let message = PyDict::new(py);
        message.set_item(intern!(py, "type"), intern!(py, "websocket.disconnect"))?;
        message.set_item(intern!(py, "code"), code)?;
        if let Some(reason) = reason {
            message.set_item(intern!(py, "reason"), reason)?;
        }
        self.push(message.into_any());
        Ok(())
    }

    /// Reads frames; what is to be answered goes to `out`. Says how much was used.
    pub(crate) fn read(
        &self,
        py: Python<'_>,
        bytes: &mut [u8],
        out: &mut Vec<u8>,
    ) -> PyResult<(usize, Came)> {
        let mut used = 0;
        loop {
            let Ok(mut borrowed) = self.machine.try_borrow_mut() else { return Ok((used, Came::Something)) };
            let Some(machine) = borrowed.as_mut() else { return Ok((used, Came::Something)) };
            let (count, event) = machine.advance(bytes.get_mut(used..).unwrap_or_default(), out);
            drop(borrowed);
            used += count;
            match event {
                Event::Text(text) => {
                    self.received(intern!(py, "text"), PyString::new(py, &text).into_any())?;
                }
                Event::Binary(data) => {
                    self.received(intern!(py, "bytes"), PyBytes::new(py, &data).into_any())?;
                }
                Event::Ping(_) => {}
                Event::Pong(payload) => self.ponged(payload),
                Event::Close { code, reason } => {
                    self.end(py, code, Some(reason))?;
                    return Ok((used, Came::End));
                }
                Event::Failed(failed) => {
                    self.end(py, failed.code, Some(failed.reason))?;
                    return Ok((used, Came::Broken));
                }
                Event::NeedMore => return Ok((used, Came::Something)),
                Event::Closed => return Ok((used, Came::End)),
            }
        }
    }

    /// A message came, which an application that closes does not want any more.
    fn received(&self, kind: &Bound<'_, PyString>, data: Bound<'_, PyAny>) -> PyResult<()> {
        if self.standing.get() != Standing::Open {
            return Ok(());
        }
        let py = kind.py();
        let message = PyDict::new(py);
        message.set_item(intern!(py, "type"), intern!(py, "websocket.receive"))?;
        message.set_item(kind, data)?;
        self.push(message.into_any());
        Ok(())
    }

    fn ponged(&self, payload: &[u8]) {
        if let Some(sent) = self.pinged.get().filter(|sent| sent == payload) {
            self.pinged.set(None);
            self.next_ping.set(f64::from_bits(u64::from_be_bytes(sent)) + self.ping_interval.get());
        }
    }

    /// It is time for a ping, or for the end of a peer that did not answer the last one: whether the peer is gone.
    pub(crate) fn ping(&self, now: f64, wishes: &Wishes, out: &mut Vec<u8>) -> bool {
        if self.pinged.get().is_some() {
            let reason = "keepalive ping timeout";
            return self.with(|machine| machine.close(ws::code::INTERNAL_ERROR, reason, out)).is_some();
        }
        let payload = now.to_bits().to_be_bytes();
        let sent = self.with(|machine| machine.ping(&payload, out));
        if matches!(sent, Some(Ok(()))) {
            self.pinged.set(Some(payload));
        }
        if wishes.ping_timeout.is_finite() {
            self.next_ping.set(now + wishes.ping_timeout);
        } else {
            self.pinged.set(None);
            self.next_ping.set(now + wishes.ping_interval);
        }
        false
    }
}

/// What a scope says of a WebSocket beside what it says of every request.
pub(crate) fn describe(
    scope: &Bound<'_, PyDict>,
    subprotocols: &[String],
    extensions: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    let py = scope.py();
    scope.set_item(intern!(py, "type"), intern!(py, "websocket"))?;
    let secure =
        scope.get_item(intern!(py, "scheme"))?.is_some_and(|scheme| scheme.eq("https").unwrap_or(false));
    let scheme = if secure { intern!(py, "wss") } else { intern!(py, "ws") };
    scope.set_item(intern!(py, "scheme"), scheme)?;
    scope.set_item(intern!(py, "subprotocols"), PyList::new(py, subprotocols)?)?;
    scope.del_item(intern!(py, "method"))?;
    let offered = PyDict::new(py);
    if let Some(extensions) = extensions {
        offered.update(extensions.cast()?)?;
    }
    offered.set_item(intern!(py, "websocket.http.response"), PyDict::new(py))?;
    scope.set_item(intern!(py, "extensions"), offered)
}
