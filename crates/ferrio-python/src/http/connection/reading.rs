//! Bytes come in: requests are read, exchanges begin, bodies are handed on.

use ferrio_http::h1::server::{Event, Head as RequestHead};
use ferrio_http::h1::{Length, Refusal};
use ferrio_http::ws;
use pyo3::exceptions::PyRuntimeError;
use pyo3::types::{PyDict, PyString};

use super::{HIGH, HttpConnection};
use crate::event_loop::run::both;
use crate::event_loop::state::BaseLoop;
use crate::ffi::call::copy_of;
use crate::ffi::prelude::*;
use crate::http::answer::Answer;
use crate::http::exchange::{Exchange, Kind};
use crate::http::scope::{Ends, came_through_proxy, line, scope};
use crate::http::serving::Serving;
use crate::http::socket::{self, Socket};
use crate::http::wsgi::app::WsgiApp;
use crate::tasks::task::{Options, Task};

/// Of requests that came together so many are begun in one turn, so that one client's do not keep all others waiting.
const MOST_AT_ONCE: usize = 64;

/// A request: its scope or environment, what the access log says of it, what it is.
type Described<'py> = (Bound<'py, PyDict>, Option<Ref>, Kind);

/// What an event of the machine asks for, once nothing is borrowed any more.
enum Next<'py> {
    Begin {
        exchange: Bound<'py, PyAny>,
    },
    Body,
    End,
    More,
    Blocked,
    Refuse(Refusal),
    /// A request for a WebSocket that is wrong.
    Unfit(ws::handshake::Refusal),
    /// What follows is a WebSocket's.
    Frames,
    Closed,
}

impl HttpConnection {
    /// Reads what came, behind what was left.
    pub(super) fn feed(&self, this: &Bound<'_, PyAny>, data: &mut [u8]) -> PyResult<()> {
        if self.closing.get() {
            return Ok(());
        }
        if self.reads.get() {
            self.rest.borrow_mut().extend_from_slice(data);
            return Ok(());
        }
        if !self.rest.borrow().is_empty() {
            self.rest.borrow_mut().extend_from_slice(data);
            return self.read_rest(this);
        }
        let used = self.read(this, data)?;
        self.keep(data.get(used..).unwrap_or_default().to_vec());
        Ok(())
    }

    fn read_rest(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut bytes = self.rest.take();
        let used = self.read(this, &mut bytes)?;
        bytes.drain(..used.min(bytes.len()));
        if bytes.capacity() > HIGH && bytes.len() < HIGH / 2 {
            bytes.shrink_to(HIGH / 2);
        }
        self.keep(bytes);
        Ok(())
    }

    /// Keeps what was not used, in front of what came meanwhile: an application can run its loop within a loop.
    fn keep(&self, mut left: Vec<u8>) {
        let mut rest = self.rest.borrow_mut();
        left.append(&mut rest);
        *rest = left;
    }

    /// Reads requests until there is no more to read, or the next has to wait; says how much was used.
    fn read(&self, this: &Bound<'_, PyAny>, bytes: &mut [u8]) -> PyResult<usize> {
        self.reads.set(true);
        let mut used = 0;
        let result = self.read_all(this, bytes, &mut used);
        self.reads.set(false);
        both(this.py(), result, self.flush(this.py()))?;
        Ok(used)
    }

    fn read_all(&self, this: &Bound<'_, PyAny>, bytes: &mut [u8], used: &mut usize) -> PyResult<()> {
        let py = this.py();
        let mut begun: Option<Bound<'_, PyAny>> = None;
        let mut started = 0;
        loop {
            if begun.is_none() && self.is_congested(py)? {
                return self.pause(py);
            }
            let (count, next) = self.advance(this, bytes.get(*used..).unwrap_or_default(), begun.as_ref())?;
            *used += count;
            match next {
                Next::Begin { exchange } => {
                    begun = Some(exchange);
                    continue;
                }
                Next::Body => continue,
                Next::End => {}
                Next::More => {
                    if let Some(exchange) = begun.take() {
                        self.follows.set(false);
                        self.start(this, &exchange)?;
                    }
                    return self.await_more(this);
                }
                // The next request waits for this one's answer. Until it comes the end may, which is the application's to know.
                Next::Blocked if *used == bytes.len() => return self.await_more(this),
                Next::Blocked => return self.pause(py),
                Next::Refuse(refusal) => {
                    let closed = begun.map_or(Ok(()), |exchange| never_runs(&exchange));
                    return both(py, closed, self.refuse(this, refusal));
                }
                Next::Unfit(refusal) => return self.unfit(this, refusal),
                Next::Frames => {
                    *used += self.read_frames(this, bytes.get_mut(*used..).unwrap_or_default())?;
                    return Ok(());
                }
                Next::Closed => return self.close(py),
            }
            if let Some(exchange) = begun.take() {
                self.follows.set(*used < bytes.len());
                self.start(this, &exchange)?;
                started += 1;
            }
            if self.closing.get() {
                return Ok(());
            }
            if started == MOST_AT_ONCE {
                self.pause(py)?;
                return self.go_on_later(this);
            }
        }
    }

    /// Whether the client does not take what it was sent: the next request waits until it does, or one that sends thousands
    /// and reads nothing would have all of their answers in memory.
    fn is_congested(&self, py: Python<'_>) -> PyResult<bool> {
        self.flush_much(py)?;
        if !self.room.is_full() {
            return Ok(false);
        }
        let current = self.exchange.bind(py);
        Ok(current.as_ref().and_then(Exchange::of).is_none_or(Exchange::is_over))
    }

    /// What is under way is not whole: it is read on, and there is a limit to how long that may take. The limit is the
    /// client's: while its body waits for the application there is none.
    fn await_more(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.closing.get() {
            return Ok(());
        }
        let py = this.py();
        let current = self.exchange.bind(py);
        let exchange = current.as_ref().and_then(Exchange::of).filter(|exchange| !exchange.is_over());
        if exchange.is_some_and(Exchange::is_brimming) {
            self.deadline.set(f64::INFINITY);
            return Ok(());
        }
        self.read_on(this)?;
        self.with_serving(py, |serving, _| {
            if let Some(exchange) = exchange {
                if exchange.is_awaited() {
                    self.deadline.set(serving.now(py)? + serving.body_limit());
                }
            } else if !self.heading.get() && !self.with_machine(|machine| machine.is_idle())? {
                self.heading.set(true);
                self.deadline.set(serving.now(py)? + serving.head_limit());
            }
            Ok(())
        })
    }

    /// What the next bytes mean.
    fn advance<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        bytes: &[u8],
        begun: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(usize, Next<'py>)> {
        let py = this.py();
        let Ok(mut machine) = self.machine.try_borrow_mut() else {
            return Err(PyRuntimeError::new_err("the connection is busy reading"));
        };
        let (used, event) = machine.advance(bytes);
        let next = match event {
            Event::Request(head) => {
                let bodiless = head.method == b"HEAD";
                let (scope, line, kind) =
                    match self.with_serving(py, |serving, _| self.described(py, serving, &head))? {
                        Ok(described) => described,
                        Err(unfit) => return Ok((used, Next::Unfit(unfit))),
                    };
                drop(machine);
                let exchange = Exchange::create(this, scope.into_any(), Answer::to(bodiless), line, kind)?;
                // Here, since even one that never runs says that it ended.
                self.with_serving(py, |serving, _| {
                    serving.begin();
                    Ok(())
                })?;
                self.exchange.set(exchange.clone());
                Next::Begin { exchange }
            }
            Event::Data(data) => {
                drop(machine);
                self.body_came(py, data, begun)?;
                Next::Body
            }
            Event::End(_) => {
                drop(machine);
                self.body_ended(py)?;
                Next::End
            }
            Event::NeedMore => Next::More,
            Event::Blocked => Next::Blocked,
            Event::Refuse(refusal) => Next::Refuse(refusal),
            Event::Upgraded => Next::Frames,
            Event::Closed => Next::Closed,
        };
        Ok((used, next))
    }

    /// The scope of a request, and its WebSocket, if it asks for one that the server has; or its environment.
    fn described<'py>(
        &self,
        py: Python<'py>,
        serving: &Serving,
        head: &RequestHead<'_>,
    ) -> PyResult<Result<Described<'py>, ws::handshake::Refusal>> {
        let wants = head.upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"));
        if !wants || serving.wishes.get().is_none() {
            if let Some(protocol) = head.upgrade {
                let protocol = PyString::new(py, &String::from_utf8_lossy(protocol));
                serving.report(py, intern!(py, "unsupported upgrade"), protocol.as_any())?;
            }
            if let Some((environ, line)) = self.environ(py, serving, head)? {
                return Ok(Ok((environ, line, Kind::Wsgi)));
            }
            let (scope, line) = self.scope(py, serving, head)?;
            return Ok(Ok((scope, line, Kind::Asgi)));
        }
        let headers: Vec<_> = head.headers.iter().collect();
        match Socket::offered(head.method, &headers) {
            Err(refusal) => Ok(Err(refusal)),
            Ok((socket, subprotocols)) => {
                serving.trace(py, &self.client, "Upgrading to WebSocket")?;
                let (scope, line) = self.scope(py, serving, head)?;
                socket::describe(&scope, &subprotocols, scope.get_item(intern!(py, "extensions"))?)?;
                let connect = PyDict::new(py);
                connect.set_item(intern!(py, "type"), intern!(py, "websocket.connect"))?;
                socket.push(connect.into_any());
                Ok(Ok((scope, line, Kind::Socket(Box::new(socket)))))
            }
        }
    }

    /// The environment of a request that has no body, where the application is WSGI's and nothing else has to see the scope.
    fn environ<'py>(
        &self,
        py: Python<'py>,
        serving: &Serving,
        head: &RequestHead<'_>,
    ) -> PyResult<Option<(Bound<'py, PyDict>, Option<Ref>)>> {
        let app = serving.wsgi(py);
        let Some(wsgi) = app.as_ref().and_then(try_state::<WsgiApp>) else { return Ok(None) };
        if head.length != Length::Known(0) || (serving.trusts() && came_through_proxy(head)) {
            return Ok(None);
        }
        if self.environ.is_empty() {
            let none = || py.None().into_bound(py);
            let client = self.client.bind(py).unwrap_or_else(none);
            let server = self.server.bind(py).unwrap_or_else(none);
            let scheme = serving.prototype(py)?.get_item(intern!(py, "scheme"))?.unwrap_or_else(none);
            self.environ.set(wsgi.shared(&scheme, &Ends { client: &client, server: &server })?.into_any());
        }
        let Some(shared) = self.environ.bind(py) else { return Ok(None) };
        let line = serving.logs().then(|| line(py, self.client.bind(py), head)).transpose()?;
        Ok(Some((wsgi.environ_of(shared.cast()?, head)?, line)))
    }

    fn scope<'py>(
        &self,
        py: Python<'py>,
        serving: &Serving,
        head: &RequestHead<'_>,
    ) -> PyResult<(Bound<'py, PyDict>, Option<Ref>)> {
        let none = || py.None().into_bound(py);
        let (client, server) =
            (self.client.bind(py).unwrap_or_else(none), self.server.bind(py).unwrap_or_else(none));
        let prototype = serving.prototype(py)?;
        let root_path = serving.root_path.borrow();
        let scope =
            scope(&prototype, head, &root_path, &Ends { client: &client, server: &server }, &serving.names)?;
        serving.add_state(&scope)?;
        if let Some(extensions) = self.extensions.bind(py) {
            scope.set_item(intern!(py, "extensions"), extensions.cast::<PyDict>()?.copy()?)?;
        }
        if serving.trusts() && came_through_proxy(head) {
            serving.trust(&scope)?;
        }
        let wants_line = serving.logs() || (head.upgrade.is_some() && serving.tells_of_talks());
        let line = wants_line.then(|| line(py, scope.get_item(intern!(py, "client"))?, head)).transpose()?;
        Ok((scope, line))
    }

    /// Has a task run the exchange, from now on.
    fn start(&self, this: &Bound<'_, PyAny>, exchange: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        self.deadline.set(f64::INFINITY);
        self.heading.set(false);
        if self.with_serving(py, |serving, _| serving.is_full(py))? {
            return self.turn_away(this, exchange);
        }
        self.with_serving(py, |serving, _| {
            let context = match serving.context(py)? {
                Some(fresh) => Ref::from(fresh),
                None => copy_of(&self.context.bind(py))?,
            };
            if let Some(state) = Exchange::of(exchange)
                && serving.calls_on_loop()
                && state.is_wsgi
                && state.run_at_once(exchange, &context.bind(py))?
            {
                return Ok(());
            }
            match self.task_of(exchange, &context.bind(py)) {
                Ok(task) => serving.note_task(&task),
                // It would count as busy for ever.
                Err(error) => both(py, Err(error), never_runs(exchange)),
            }
        })
    }

    /// A new task that runs the exchange, from now on where the loop is ours.
    fn task_of<'py>(
        &self,
        exchange: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = exchange.py();
        let event_loop = self.event_loop(py)?;
        match try_state::<BaseLoop>(&event_loop) {
            Some(state) if state.makes_tasks(&event_loop) => {
                let options = Options { name: None, context: Some(context), eager: true };
                Task::create(&event_loop, exchange, options)
            }
            _ => call_method1(&event_loop, intern!(py, "create_task"), exchange),
        }
    }

    /// There are too many.
    fn turn_away(&self, this: &Bound<'_, PyAny>, exchange: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        self.report(py, intern!(py, "busy"), py.None().bind(py))?;
        let Some(state) = Exchange::of(exchange) else { return Ok(()) };
        let plain = (b"content-type".to_vec(), b"text/plain; charset=utf-8".to_vec());
        let answered = self.answer_whole(this, state, 503, &[plain], b"Service Unavailable");
        both(py, never_runs(exchange), answered)
    }

    fn body_came(&self, py: Python<'_>, data: &[u8], begun: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let current = self.exchange.bind(py);
        let Some(exchange) = begun.or(current.as_ref()).and_then(Exchange::of) else { return Ok(()) };
        if exchange.is_over() {
            return Ok(());
        }
        exchange.body.add(py, data);
        if exchange.body.size(py) > HIGH {
            exchange.brim();
            self.pause(py)?;
        }
        exchange.tell(py)
    }

    fn body_ended(&self, py: Python<'_>) -> PyResult<()> {
        let current = self.exchange.bind(py);
        let Some(exchange) = current.as_ref().and_then(Exchange::of) else { return Ok(()) };
        exchange.body.end();
        self.deadline.set(f64::INFINITY);
        exchange.tell(py)
    }

    pub(super) fn go_on(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.closing.get() || self.reads.get() {
            return Ok(());
        }
        self.read_rest(this)
    }

    /// The application took what waited of the body.
    pub(crate) fn body_taken(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.reads.get() { Ok(()) } else { self.await_more(this) }
    }

    /// The client took what it was sent.
    pub(super) fn has_room(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.room.free(this.py())?;
        if self.paused.get() { self.go_on_later(this) } else { Ok(()) }
    }
}

/// Ends the coroutine of an exchange that has not begun.
fn never_runs(exchange: &Bound<'_, PyAny>) -> PyResult<()> {
    call_method0(exchange, intern!(exchange.py(), "close")).map(drop)
}
