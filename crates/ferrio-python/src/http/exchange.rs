//! `Exchange`: one request and its answer: what the application was told, and what it has said so far.
//!
//! Its connection refers to it until the next request begins; it refers to the connection for good, since the application may
//! keep `send` and `receive`. It is a coroutine, which `running` has the steps of.

use ferrio_http::ws;

use crate::ffi::prelude::*;
use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::socket::Socket;
use crate::tasks::any_future;

/// See the module.
pub(crate) struct Exchange {
    pub(crate) connection: Slot,
    /// As ASGI describes the request, or its environment where `is_wsgi`.
    pub(crate) scope: Slot,
    /// The application is WSGI's, and nothing stands in front of it.
    pub(crate) is_wsgi: bool,
    /// The application's coroutine.
    pub(super) inner: Slot,
    pub(crate) body: Body,
    pub(crate) answer: Answer,
    /// What the access log says of it, if there is one: client, method, path and version.
    line: Slot,
    /// The WebSocket, if the request asks for one.
    pub(crate) socket: Option<Box<Socket>>,
    /// What each `receive` waits for: one that is cancelled must not take the others along.
    news: RefCell<Vec<Ref>>,
    /// The client is gone, or the server gave up.
    lost: Cell<bool>,
    /// Reading was paused, since more of the body came than was asked for.
    brimming: Cell<bool>,
}

/// What a request is.
pub(crate) enum Kind {
    Asgi,
    Socket(Box<Socket>),
    /// With an environment instead of a scope.
    Wsgi,
}

impl Coroutine<Exchange> {}

held!(Exchange: connection, scope, inner, body, answer, line, socket, news);

kind!(Exchange, c"ferrio._ferrio.HttpExchange", c"A request and its answer.", KEPT: usize = 256, LIGHT: bool = false);

impl Exchange {
    /// A request that began on `connection`.
    pub(crate) fn create<'py>(
        connection: &Bound<'py, PyAny>,
        scope: Bound<'py, PyAny>,
        answer: Answer,
        line: Option<Ref>,
        kind: Kind,
    ) -> PyResult<Bound<'py, PyAny>> {
        let steps = Exchange {
            connection: Slot::new(connection.clone().into()),
            scope: Slot::new(scope.into()),
            is_wsgi: matches!(kind, Kind::Wsgi),
            inner: Slot::default(),
            body: Body::default(),
            answer,
            line: line.map_or_else(Slot::default, Slot::new),
            socket: if let Kind::Socket(socket) = kind { Some(socket) } else { None },
            news: RefCell::default(),
            lost: Cell::new(false),
            brimming: Cell::new(false),
        };
        alloc_tracked(connection.py(), Coroutine::new(steps))
    }

    /// The state of an exchange.
    pub(crate) fn of<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a Exchange> {
        try_state::<Coroutine<Exchange>>(object).map(|coroutine| &coroutine.steps)
    }

    /// What the access log says of it.
    pub(crate) fn line<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.line.bind(py)
    }

    /// Whether the client is still to send of the body.
    pub(crate) fn is_awaited(&self) -> bool {
        self.socket.is_none() && !self.body.has_ended()
    }

    /// Whether nobody waits for anything any more.
    pub(crate) fn is_over(&self) -> bool {
        self.lost.get() || self.answer.is_whole()
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.get()
    }

    /// The client is gone: tells whoever waits.
    pub(crate) fn lose(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(socket) = &self.socket {
            self.lost.set(true);
            socket.end(py, ws::code::ABNORMAL, None)?;
        } else if !self.answer.is_whole() {
            self.lost.set(true);
        }
        self.tell(py)
    }

    /// There is news for `receive`.
    pub(crate) fn tell(&self, py: Python<'_>) -> PyResult<()> {
        let news = self.news.take();
        news.iter().try_for_each(|future| any_future::complete(&future.bind(py), None))
    }

    /// A future that `tell` completes.
    pub(crate) fn wait<'py>(&self, event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        let future = any_future::create(event_loop)?;
        let mut news = self.news.take();
        // An application that asks with a time limit, again and again, leaves those that were cancelled.
        news.retain(|future| !any_future::is_done(&future.bind(py)).unwrap_or(true));
        news.push(future.clone().into());
        self.news.borrow_mut().append(&mut news);
        Ok(future)
    }

    /// More of the body came than should wait: no more is read until it is asked for.
    pub(crate) fn brim(&self) {
        self.brimming.set(true);
    }

    pub(crate) fn is_brimming(&self) -> bool {
        self.brimming.get()
    }

    /// A part of the body was taken; whether more is to be read.
    pub(crate) fn has_room(&self) -> bool {
        self.brimming.replace(false)
    }
}
