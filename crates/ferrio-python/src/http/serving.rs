//! `Serving`: what the connections of a server share: the application and its loop, limits, headers of every answer.
//!
//! Python code makes one a server (`ferrio.server`), with its settings, and calls `tick` now and then. `connect` makes
//! connections: it is the protocol factory of the server's sockets.

use std::cell::Ref as CellRef;
use std::time::{SystemTime, UNIX_EPOCH};

use ferrio_http::h1::{Defaults, Limits};
use ferrio_http::ws;
use pyo3::exceptions::PyValueError;
use pyo3::types::{PyDict, PyList, PySet, PyString, PyTuple};

use crate::event_loop::state::BaseLoop;
use crate::ffi::call::{call_tuple, new_context};
use crate::ffi::names::HTTP;
use crate::ffi::prelude::*;
use crate::ffi::registry;
use crate::http::connection::HttpConnection;
use crate::http::exchange::Exchange;
use crate::http::scope::HeaderNames;
use crate::http::socket::Wishes;
use crate::http::wsgi::app::WsgiApp;
use crate::tasks::any_future;
use crate::tasks::task::Task;

/// See the module.
#[derive(Default)]
pub(crate) struct Serving {
    pub(crate) app: Slot,
    pub(crate) event_loop: Slot,
    prototype: Slot,
    state: Slot,
    connections: Slot,
    tasks: Slot,
    failed: Slot,
    access: Slot,
    pub(super) root_path: RefCell<String>,
    pub(super) names: HeaderNames,
    pub(super) limits: Cell<Limits>,
    defaults: RefCell<Defaults>,
    dates: Cell<bool>,
    keep_alive: Cell<f64>,
    head_timeout: Cell<f64>,
    body_timeout: Cell<f64>,
    send_timeout: Cell<f64>,
    /// Above so many connections or requests the client is told to come later.
    most_busy: Cell<Option<usize>>,
    /// Of more connections the client is told so, and disconnected. TLS handshakes do not count.
    most_connections: Cell<Option<usize>>,
    /// Each request begins in a context of its own, with nothing in it.
    fresh_contexts: Cell<bool>,
    /// The application is WSGI's, nothing stands in front of it, and it is mounted nowhere.
    is_wsgi: Cell<bool>,
    on_loop: Cell<bool>,
    /// What may change the scope of a request that came through a proxy.
    trusted: Slot,
    /// Who is told of handshakes.
    talks: Slot,
    /// Who is told of connections that begin and end.
    traced: Slot,
    /// The certificate that the server shows, as text.
    certificate: Slot,
    /// uvicorn's counters, if its server is above.
    counts: Slot,
    /// What is wanted of each `WebSocket`; without it there are none.
    pub(super) wishes: Cell<Option<Wishes>>,
    /// Answers that were completed.
    requests: Cell<usize>,
    /// Requests whose application has not ended.
    busy: Cell<usize>,
}

impl Serving {
    /// What scopes are copies of.
    pub(super) fn prototype<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        match self.prototype.bind(py) {
            Some(prototype) => Ok(prototype.cast_into()?),
            None => Ok(PyDict::new(py)),
        }
    }

    /// The extensions that scopes of a connection over TLS have.
    pub(super) fn extensions_over<'py>(
        &self,
        py: Python<'py>,
        tls: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let extensions = PyDict::new(py);
        if let Some(known) = self.prototype(py)?.get_item(intern!(py, "extensions"))? {
            extensions.update(known.cast()?)?;
        }
        let certificate = self.certificate.bind(py);
        extensions
            .set_item("tls", HTTP.helper(py, intern!(py, "tls_extension"))?.call1((tls, certificate))?)?;
        Ok(extensions.into_any())
    }

    /// The application, where that is WSGI's and needs no scope.
    pub(super) fn wsgi<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.is_wsgi.get().then(|| self.app.bind(py)).flatten()
    }

    /// Whether that is called on the loop's own thread.
    pub(super) fn calls_on_loop(&self) -> bool {
        self.on_loop.get()
    }

    /// Gives a scope its own copy of the lifespan's state.
    pub(super) fn add_state(&self, scope: &Bound<'_, PyDict>) -> PyResult<()> {
        let py = scope.py();
        if let Some(state) = self.state.bind(py) {
            scope.set_item(intern!(py, "state"), state.cast::<PyDict>()?.copy()?)?;
        }
        Ok(())
    }

    /// The headers of every answer, with the present date.
    pub(super) fn dated(&self) -> CellRef<'_, Defaults> {
        if self.dates.get()
            && let Ok(mut defaults) = self.defaults.try_borrow_mut()
        {
            defaults.tick(seconds());
        }
        self.defaults.borrow()
    }

    pub(super) fn add(&self, connection: &Bound<'_, PyAny>, state: &HttpConnection) -> PyResult<()> {
        let py = connection.py();
        // uvicorn gives a client that says nothing all the time it wants.
        state.deadline.set(now(py, self)? + self.head_timeout.get());
        self.connections(py)?.add(connection)
    }

    pub(super) fn remove(&self, connection: &Bound<'_, PyAny>) -> PyResult<()> {
        self.connections(connection.py())?.discard(connection).map(drop)
    }

    fn connections<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PySet>> {
        match self.connections.bind(py) {
            Some(connections) => Ok(connections.cast_into()?),
            None => PySet::empty(py),
        }
    }

    /// A request begins.
    pub(super) fn begin(&self) {
        self.busy.set(self.busy.get() + 1);
    }

    /// Whether the request that began last is one too many.
    pub(super) fn is_full(&self, py: Python<'_>) -> PyResult<bool> {
        let Some(most) = self.most_busy.get() else { return Ok(false) };
        Ok(self.busy.get() > most || self.connections(py)?.len() >= most)
    }

    /// Whether one more connection is one too many.
    pub(super) fn is_crowded(&self, py: Python<'_>) -> PyResult<bool> {
        let Some(most) = self.most_connections.get() else { return Ok(false) };
        Ok(self.connections(py)?.len() >= most)
    }

    /// The context of a new request's task, unless it is a copy of the present one.
    pub(super) fn context<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.fresh_contexts.get().then(|| new_context(py)).transpose()
    }

    /// Has what came through a proxy say where it came from.
    pub(super) fn trust(&self, scope: &Bound<'_, PyDict>) -> PyResult<()> {
        self.trusted.bind(scope.py()).map_or(Ok(()), |trusted| trusted.call1((scope,)).map(drop))
    }

    pub(super) fn trusts(&self) -> bool {
        !self.trusted.is_empty()
    }

    pub(super) fn logs(&self) -> bool {
        !self.access.is_empty()
    }

    pub(super) fn head_limit(&self) -> f64 {
        self.head_timeout.get()
    }

    pub(super) fn body_limit(&self) -> f64 {
        self.body_timeout.get()
    }

    pub(super) fn send_limit(&self) -> f64 {
        self.send_timeout.get()
    }

    /// The application of a request has ended.
    pub(super) fn ended(&self) {
        self.busy.set(self.busy.get().saturating_sub(1));
    }

    pub(super) fn note_task(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = task.py();
        let Some(tasks) = self.tasks.bind(py) else { return Ok(()) };
        tasks.call_method1(intern!(py, "add"), (task,))?;
        let discard = tasks.getattr(intern!(py, "discard"))?;
        call_method1(task, intern!(py, "add_done_callback"), &discard).map(drop)
    }

    /// An answer is whole.
    pub(super) fn answered(&self, this: &Bound<'_, PyAny>, connection: &HttpConnection) -> PyResult<()> {
        self.requests.set(self.requests.get() + 1);
        if let Some(counts) = self.counts.bind(this.py()) {
            counts.setattr(intern!(this.py(), "total_requests"), self.requests.get())?;
        }
        connection.deadline.set(now(this.py(), self)? + self.keep_alive.get());
        Ok(())
    }

    pub(super) fn report(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.failed.bind(py).map_or(Ok(()), |failed| failed.call1((kind, value)).map(drop))
    }

    /// Whether no more should be read of a WebSocket with so many messages waiting.
    pub(super) fn is_enough(&self, waiting: usize) -> bool {
        self.wishes.get().is_some_and(|wishes| waiting >= wishes.queue)
    }

    /// Seconds on the loop's clock.
    pub(super) fn now(&self, py: Python<'_>) -> PyResult<f64> {
        now(py, self)
    }

    /// Tells the access log of an answer that begins: `line` is what it says of the request.
    pub(super) fn log(&self, line: &Bound<'_, PyAny>, status: u16) -> PyResult<()> {
        let py = line.py();
        let Some(access) = self.access.bind(py) else { return Ok(()) };
        let values =
            line.cast::<PyTuple>()?.as_sequence().concat(PyTuple::new(py, [status])?.as_sequence())?;
        call_tuple(&access, values.to_tuple()?.as_any()).map(drop)
    }

    /// Tells of a WebSocket's handshake.
    pub(super) fn talk(&self, line: &Bound<'_, PyAny>, outcome: &str) -> PyResult<()> {
        let Some(talks) = self.talks.bind(line.py()) else { return Ok(()) };
        let line = line.cast::<PyTuple>()?;
        talks.call1((line.get_item(0)?, line.get_item(2)?, outcome)).map(drop)
    }

    /// Tells of a connection's beginning or end.
    pub(super) fn trace(&self, py: Python<'_>, client: &Slot, text: &str) -> PyResult<()> {
        self.traced.bind(py).map_or(Ok(()), |traced| traced.call1((client.bind(py), text)).map(drop))
    }

    pub(super) fn tells_of_talks(&self) -> bool {
        !self.talks.is_empty()
    }

    fn connect(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        HttpConnection::create(this, self).map(Bound::unbind)
    }

    /// The tasks of requests whose application has not ended.
    fn tasks_method(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let tasks = PyList::empty(py);
        for task in registry::all(py) {
            let Some(coroutine) = try_state::<Task>(&task).and_then(|task| task.coroutine.bind(py)) else {
                continue;
            };
            let is_ours = Exchange::of(&coroutine)
                .and_then(|exchange| exchange.connection.bind(py))
                .is_some_and(|connection| {
                    try_state::<HttpConnection>(&connection)
                        .is_some_and(|connection| connection.serving.as_ptr() == this.as_ptr())
                });
            // An ended one is there as long as somebody refers to it.
            if is_ours && !any_future::is_done(&task)? {
                tasks.append(task)?;
            }
        }
        Ok(tasks.into_any().unbind())
    }

    /// Closes what is over its time limit.
    fn tick(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let now = now(py, self)?;
        let all: Vec<Bound<'_, PyAny>> = self.connections(py)?.iter().collect();
        all.iter().try_for_each(|object| {
            try_state::<HttpConnection>(object).map_or(Ok(()), |connection| connection.expire(object, now))
        })
    }

    fn requests_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.requests.get().into_py_any(this.py())
    }

    fn busy_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.busy.get().into_py_any(this.py())
    }

    fn set(&self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        let seconds = || value.extract::<Option<f64>>().map(|seconds| seconds.unwrap_or(f64::INFINITY));
        match name {
            "asgi" | "scheme" | "extensions" => self.prototype(py)?.set_item(name, value)?,
            "root_path" => {
                self.prototype(py)?.set_item(name, value)?;
                self.root_path.replace(value.extract()?);
            }
            "state" => self.state.set(value.clone()),
            "headers" => {
                for pair in value.cast::<PyList>()? {
                    let (name, value): (Vec<u8>, Vec<u8>) = pair.extract()?;
                    let added = self.defaults.borrow_mut().add(&name, &value);
                    added.map_err(|misuse| PyValueError::new_err(misuse.to_string()))?;
                }
            }
            "date" => self.dates.set(value.extract()?),
            "keep_alive" => self.keep_alive.set(seconds()?),
            "head_timeout" => self.head_timeout.set(seconds()?),
            "body_timeout" => self.body_timeout.set(seconds()?),
            "send_timeout" => self.send_timeout.set(seconds()?),
            "concurrency" => self.most_busy.set(value.extract()?),
            "most_connections" => self.most_connections.set(value.extract()?),
            "fresh_contexts" => self.fresh_contexts.set(value.extract()?),
            "trusted" if !value.is_none() => self.trusted.set(value.clone()),
            "talks" if !value.is_none() => self.talks.set(value.clone()),
            "traced" if !value.is_none() => self.traced.set(value.clone()),
            "certificate" if !value.is_none() => self.certificate.set(value.clone()),
            "counts" if !value.is_none() => self.counts.set(value.clone()),
            "connections" if !value.is_none() => self.connections.set(value.clone()),
            "most_head" => self.limits.set(Limits { head: value.extract()?, ..self.limits.get() }),
            "most_headers" => self.limits.set(Limits { headers: value.extract()?, ..self.limits.get() }),
            "most_body" => self.limits.set(Limits { body: value.extract()?, ..self.limits.get() }),
            "failed" if !value.is_none() => self.failed.set(value.clone()),
            "access" if !value.is_none() => self.access.set(value.clone()),
            "tasks" if !value.is_none() => self.tasks.set(value.clone()),
            "websocket" if !value.is_none() => self.wishes.set(Some(wishes(value.cast()?)?)),
            "failed" | "access" | "tasks" | "websocket" | "trusted" | "talks" | "traced" | "counts"
            | "connections" | "certificate" => {}
            _ => return Err(PyValueError::new_err(format!("HttpServing: no setting {name:?}"))),
        }
        Ok(())
    }
}

/// What `websocket` of the settings says.
fn wishes(settings: &Bound<'_, PyDict>) -> PyResult<Wishes> {
    let get = |name: &str| settings.get_item(name).map(|value| value.filter(|value| !value.is_none()));
    let seconds = |name: &str| get(name)?.map_or(Ok(f64::INFINITY), |value| value.extract());
    let mut config = ws::Config::default();
    if let Some(size) = get("max_size")? {
        config.max_message_size = size.extract()?;
    }
    let deflate = get("deflate")?.map_or(Ok(true), |value| value.is_truthy())?;
    Ok(Wishes {
        config,
        deflate: deflate.then(ws::handshake::Deflate::default),
        // With none at all nothing would ever be read.
        queue: get("queue")?.map_or(Ok(32), |value| value.extract())?.max(1),
        ping_interval: seconds("ping_interval")?,
        ping_timeout: seconds("ping_timeout")?,
    })
}

/// Seconds on the loop's clock.
fn now(py: Python<'_>, serving: &Serving) -> PyResult<f64> {
    let Some(event_loop) = serving.event_loop.bind(py) else { return Ok(0.0) };
    if let Some(state) = try_state::<BaseLoop>(&event_loop)
        && let Some(time) = state.turn_time()
    {
        return Ok(time.as_secs_f64());
    }
    event_loop.call_method0(intern!(py, "time"))?.extract()
}

/// Seconds since 1970.
fn seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl Constructed for Serving {
    fn init(&self, this: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        let py = this.py();
        let [Some(app), Some(event_loop), settings] =
            given.bind("HttpServing", ["app", "loop", "settings"], 2)?
        else {
            return Ok(());
        };
        self.app.set(app.clone());
        self.event_loop.set(event_loop.clone());
        self.connections.set(PySet::empty(py)?.into_any());
        self.keep_alive.set(5.0);
        self.head_timeout.set(f64::INFINITY);
        self.body_timeout.set(f64::INFINITY);
        self.send_timeout.set(f64::INFINITY);
        self.prototype.set(empty_scope(py)?.into_any());
        if let Some(settings) = settings {
            for (name, value) in settings.cast::<PyDict>()?.iter() {
                self.set(&name.extract::<String>()?, &value)?;
            }
        }
        self.is_wsgi.set(self.root_path.borrow().is_empty() && WsgiApp::is_plain(&app)?);
        self.on_loop.set(try_state::<WsgiApp>(&app).is_some_and(WsgiApp::is_on_loop));
        Ok(())
    }
}

/// Every key of a scope has its place already.
fn empty_scope(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let scope = PyDict::new(py);
    let asgi = PyDict::new(py);
    asgi.set_item("version", "3.0")?;
    asgi.set_item("spec_version", "2.4")?;
    scope.set_item(intern!(py, "type"), intern!(py, "http"))?;
    scope.set_item(intern!(py, "asgi"), asgi)?;
    scope.set_item(intern!(py, "http_version"), intern!(py, "1.1"))?;
    scope.set_item(intern!(py, "scheme"), intern!(py, "http"))?;
    scope.set_item(intern!(py, "root_path"), intern!(py, ""))?;
    for name in ["server", "client", "method", "path", "raw_path", "query_string", "headers"] {
        scope.set_item(PyString::intern(py, name), py.None())?;
    }
    Ok(scope)
}

impl Native for Serving {
    const NAME: &'static CStr = c"ferrio._ferrio.HttpServing";
    const DOC: &'static CStr =
        c"What the connections of an HTTP server share. Its connect() is the protocol factory.";
    const NEW: New = Some(object::new::<Serving>);

    holds!(
        app,
        event_loop,
        prototype,
        state,
        connections,
        tasks,
        failed,
        access,
        trusted,
        talks,
        traced,
        counts,
        certificate
    );

    fn members() -> Members {
        let own = members! { Serving;
            bare c"connect" c"A new connection: a protocol." => connect;
            bare c"tick" c"Close what is over its time limit." => tick;
            bare c"tasks" c"The tasks of requests that are under way." => tasks_method;
            shown c"connections" => connections;
            attribute c"requests" => requests_attribute;
            attribute c"busy" => busy_attribute;
        };
        own.and(object::constructed_slots::<Serving>())
    }
}
