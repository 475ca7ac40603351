//! `Fetch`: a request under way: what `session.get(url)` returns, to be awaited or entered.
//!
//! ```text
//! begin ── sent natively, perhaps after a wait in line ──▶ waits for the head ──▶ the answer
//!   ├─ session._open(route) ───┤      └─── asks for more ───▶ session._settle(answer) ──▶ what that returns
//!   │                          └─── the connection was stale ─┐
//!   └───── anything else ─────────────────────────────────────┴─▶ session._request(...) ──▶ what that returns
//! ```
//!
//! What is handed over on the way keeps the moment by which it has to be over: `_resume()` and `_settle()` are told.
//! Nothing is sent before the first step, as with any coroutine.

use pyo3::exceptions::PyTimeoutError;
use pyo3::types::{PyBytes, PyDict};

use crate::ffi::call::{send_none, throw_into};
use crate::ffi::prelude::*;
use crate::ffi::stop::Stop;
use crate::http::client::answer::ClientAnswer;
use crate::http::client::connection::ClientConnection;
use crate::http::client::options::Options;
use crate::http::client::pool::Pool;
use crate::http::client::routes::{Content, Method, Route};
use crate::http::client::session::{Session, Turn};
use crate::http::client::varied::{Varied, Way};
use crate::http::client::waits::awaited;
use crate::tasks::any_future;
use crate::waiting::locks::Finished;

/// Of a body that is larger Python code warns: it is sent in one piece.
const LARGE: usize = 1 << 20;

/// See the module.
pub(crate) struct Fetch {
    session: Slot,
    method: Slot,
    known: Option<Method>,
    /// It was asked for by a method of that name, and not by `request()`.
    is_named: bool,
    url: Slot,
    /// A dictionary, if there are any.
    options: Slot,
    /// What is sent natively, if that is more than a head.
    body: Slot,
    /// What `json=` has become: a program's function makes it once, whoever sends it.
    json: Slot,
    /// How it differs from its route.
    varied: RefCell<Option<Box<Varied>>>,
    /// Answers of 400 and above are errors.
    raises: Cell<bool>,
    /// The answer, also after the end: `__aexit__` releases it.
    answer: Slot,
    /// How it goes natively.
    route: Slot,
    /// Where it is in line: the session may leave it to others meanwhile.
    pool: Slot,
    /// When it has to be over, in the loop's time.
    deadline: Cell<f64>,
    /// What it waits for: a future, or the coroutine of the session's.
    future: Slot,
    inner: Slot,
    /// That coroutine makes a connection.
    opening: Cell<bool>,
    /// One was made for it.
    opened: Cell<bool>,
    stop: Stop,
}

impl Fetch {
    pub(crate) fn create<'py>(
        session: &Bound<'py, PyAny>,
        method: &Bound<'py, PyAny>,
        (known, is_named): (Option<Method>, bool),
        url: &Bound<'py, PyAny>,
        options: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let fetch = Fetch {
            session: Slot::new(session.clone().into()),
            method: Slot::new(method.clone().into()),
            known,
            is_named,
            url: Slot::new(url.clone().into()),
            options: options.map_or_else(Slot::default, |options| Slot::new(options.into_any().into())),
            varied: RefCell::default(),
            raises: Cell::new(false),
            answer: Slot::default(),
            body: Slot::default(),
            json: Slot::default(),
            route: Slot::default(),
            pool: Slot::default(),
            deadline: Cell::new(f64::INFINITY),
            future: Slot::default(),
            inner: Slot::default(),
            opening: Cell::new(false),
            opened: Cell::new(false),
            stop: Stop::default(),
        };
        alloc_tracked(session.py(), Coroutine::new(fetch))
    }

    /// Goes natively if the request is so simple.
    fn set_out<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        let (Some(session), Some(url), Some(method), Some(options)) =
            (self.session.bind(py), self.url.bind(py), self.known, self.read_options(py)?)
        else {
            return self.ask_session(py);
        };
        let state = state_of::<Session>(&session)?;
        let Some((route, target)) = state.plan(&session, method, &url, options.content)? else {
            return self.ask_session(py);
        };
        match Way::of(state_of(&route)?, target, &options)? {
            Way::Pythons => return self.ask_session(py),
            Way::Usual => {}
            Way::Varied(varied) => drop(self.varied.replace(Some(varied))),
        }
        let body = match options.body {
            Some(value) if options.content == Content::Json => {
                let body = call_method1(&session, intern!(py, "_json_body"), &value)?;
                self.json.set(body.clone());
                // That was a program's function, which may do anything.
                if !body.is_instance_of::<PyBytes>() || !state.is_ready(py)? {
                    return self.ask_session(py);
                }
                Some(body)
            }
            other => other,
        };
        if body.as_ref().is_some_and(|body| body.len().is_ok_and(|length| length > LARGE)) {
            return self.ask_session(py);
        }
        drop(self.body.replace(body.map(Ref::from)));
        self.raises.set(options.raises.unwrap_or(state.raises.get()));
        self.deadline.set(state.deadline(py, options.total)?);
        let turn = state.take(py, state_of(&route)?, self.deadline.get(), options.hurries)?;
        self.route.set(route.clone());
        match turn {
            Turn::Now(connection) => self.send(&connection),
            Turn::Later(future, pool) => {
                self.pool.set(pool);
                self.wait_for(future)
            }
            // No time was spent yet: Python's code counts it anew.
            Turn::New if state.opens() => self.open(&session, &route, f64::INFINITY),
            Turn::New => {
                self.deadline.set(f64::INFINITY);
                self.ask_session(py)
            }
        }
    }

    /// Has the session make a connection; `deadline`: by then, where its time runs already.
    fn open<'py>(
        &self,
        session: &Bound<'py, PyAny>,
        route: &Bound<'py, PyAny>,
        deadline: f64,
    ) -> PyResult<Step<'py>> {
        let py = session.py();
        let Some(made) = state_of::<Route>(route)?.made.bind(py) else { return self.ask_session(py) };
        let options = self.options.bind(py).map(Bound::cast_into::<PyDict>).transpose()?;
        let name = intern!(py, "timeout");
        let timeout = options.map(|options| options.get_item(name)).transpose()?.flatten();
        let open = session.getattr(intern!(py, "_open"))?;
        let target = self.varied.borrow().as_ref().and_then(|varied| varied.target_object(py));
        self.inner.set(match timeout {
            Some(timeout) => open.call1((made, target, deadline, timeout))?,
            None => open.call1((made, target, deadline))?,
        });
        self.opening.set(true);
        self.go_on_inside(py)
    }

    fn read_options<'py>(&self, py: Python<'py>) -> PyResult<Option<Options<'py>>> {
        match self.options.bind(py) {
            Some(options) => Options::read(options.cast()?),
            None => Ok(Some(Options::default())),
        }
    }

    fn wait_for<'py>(&self, future: Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        self.future.set(future.clone());
        awaited(&future)?;
        Ok(Step::Yield(future))
    }

    /// Sends the request on that connection.
    fn send<'py>(&self, connection: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = connection.py();
        let (Some(session), Some(route), Some(method)) =
            (self.session.bind(py), self.route.take(), self.known)
        else {
            return self.ask_session(py);
        };
        let (route, body) = (route.into_bound(py), self.body.take().map(|body| body.into_bound(py)));
        let body = body.map(Bound::cast_into::<PyBytes>).transpose()?;
        let state = state_of::<Session>(&session)?;
        let varied = self.varied.take();
        let answer = state.send(&session, connection, state_of(&route)?, varied, method, body.as_ref())?;
        if let Some(connection) = try_state::<ClientConnection>(connection) {
            connection.limit(py, self.deadline.get())?;
        }
        self.answer.set(answer.clone());
        self.look(&answer)
    }

    /// It was in line, and something was granted: a connection, or room to make one.
    fn go_on_from_line<'py>(&self, future: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = future.py();
        let granted = any_future::result(future)?;
        let (session, route) = (self.session.bind(py), self.route.bind(py));
        match try_state::<ClientConnection>(&granted) {
            Some(connection) if connection.is_usable() => return self.send(&granted),
            // It ended meanwhile.
            Some(_) => drop(self.pool.take()),
            None => self.give_back(future)?,
        }
        match (session, route) {
            // The options are not read again: their program may have changed them since.
            (Some(session), Some(route)) if Self::goes_on(&session)? => {
                self.route.set(route.clone());
                self.open(&session, &route, self.deadline.get())
            }
            _ => self.ask_session(py),
        }
    }

    /// Whether the session is what it was when the request began.
    fn goes_on(session: &Bound<'_, PyAny>) -> PyResult<bool> {
        let state = state_of::<Session>(session)?;
        Ok(state.opens() && state.is_ready(session.py())?)
    }

    fn give_back(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = future.py();
        let (Some(pool), Some(route)) = (self.pool.take(), self.route.take()) else { return Ok(()) };
        let (pool, route) = (pool.into_bound(py), route.into_bound(py));
        let key = state_of::<Route>(&route)?.key.bind(py);
        key.map_or(Ok(()), |key| state_of::<Pool>(&pool)?.unpark(&pool, &key, future))
    }

    /// The exception of a request whose time was over before there was a connection.
    fn late(&self, py: Python<'_>) -> Option<PyErr> {
        let (session, url) = (self.session.bind(py)?, self.url.bind(py)?);
        let late = session.getattr_opt(intern!(py, "_late")).ok()??;
        Some(late.call1((url,)).map_or_else(|error| error, PyErr::from_value))
    }

    /// Waits for the head, or goes on with it.
    fn look<'py>(&self, answer: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = answer.py();
        let state = state_of::<ClientAnswer>(answer)?;
        match state.has_begun(answer) {
            Ok(true) if self.asks_for_more(state) => {
                let session = self.session.bind(py).unwrap_or_else(|| py.None().into_bound(py));
                let options = self.options_now(&session)?;
                let settle = session.getattr(intern!(py, "_settle"))?;
                self.inner.set(settle.call((answer, self.deadline.get()), options.as_ref())?);
                self.go_on_inside(py)
            }
            Ok(true) => Ok(Step::Return(answer.clone())),
            Ok(false) => self.wait_for(state.park(py)?),
            Err(_) if self.may_repeat(py, state) => self.ask_session(py),
            Err(_) if self.may_repeat_once(py, state) => self.go_on_in_python(py, true),
            Err(error) => Err(error),
        }
    }

    /// Whether the answer is not what the caller wants yet, or a cookie came with it.
    fn asks_for_more(&self, answer: &ClientAnswer) -> bool {
        let status = answer.status().unwrap_or_default();
        (status >= 400 && self.raises.get())
            || matches!(status, 301 | 302 | 303 | 307 | 308)
            || answer.has(b"set-cookie")
            || answer.has(b"content-encoding")
    }

    /// Whether the connection had ended before it saw the request, which may be sent again.
    fn may_repeat(&self, py: Python<'_>, answer: &ClientAnswer) -> bool {
        self.known.is_some_and(Method::is_idempotent) && answer.was_stale(py)
    }

    /// Whether a new connection had ended so.
    fn may_repeat_once(&self, py: Python<'_>, answer: &ClientAnswer) -> bool {
        self.opened.get() && self.known.is_some_and(Method::is_idempotent) && answer.was_ended_by_server(py)
    }

    /// `session._request(method, url, **options)`
    fn ask_session<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        self.go_on_in_python(py, false)
    }

    /// `_resume` with the deadline of a request that has one already; `is_last`: it may not be sent once more.
    fn go_on_in_python<'py>(&self, py: Python<'py>, is_last: bool) -> PyResult<Step<'py>> {
        drop((self.answer.take(), self.route.take(), self.varied.take()));
        let (Some(session), Some(method), Some(url)) =
            (self.session.bind(py), self.method.bind(py), self.url.bind(py))
        else {
            return Ok(Step::Return(py.None().into_bound(py)));
        };
        let mut options = self.options_now(&session)?;
        let deadline = self.deadline.get();
        let inner = if deadline < f64::INFINITY || is_last {
            let resume = session.getattr(intern!(py, "_resume"))?;
            resume.call((method, url, deadline, is_last), options.as_ref())?
        } else {
            if self.is_named && !state_of::<Session>(&session)?.has_own_request(&session)? {
                options = self.named_options(py, options)?;
            }
            session.getattr(intern!(py, "_request"))?.call((method, url), options.as_ref())?
        };
        self.inner.set(inner);
        self.go_on_inside(py)
    }

    /// The options, with what was made of `json=` in its place.
    fn options_now<'py>(&self, session: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let py = session.py();
        let options = self.options.bind(py).map(Bound::cast_into::<PyDict>).transpose()?;
        let (Some(json), Some(given)) = (self.json.bind(py), &options) else { return Ok(options) };
        let options = given.copy()?;
        options.del_item(intern!(py, "json"))?;
        let payload = call_method1(session, intern!(py, "_json_payload"), &json)?;
        options.set_item(intern!(py, "data"), payload)?;
        Ok(Some(options))
    }

    /// The options as aiohttp's method of that name gives them to a `_request` which is not the session's own.
    fn named_options<'py>(
        &self,
        py: Python<'py>,
        options: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let (name, value) = match self.known {
            Some(Method::Get | Method::Options) => ("allow_redirects", true.into_py_any(py)?),
            Some(method) if method.has_body() => ("data", py.None()),
            _ => return Ok(options),
        };
        let options = options.map_or_else(|| Ok(PyDict::new(py)), |options| options.copy())?;
        if !options.contains(name)? {
            options.set_item(name, value)?;
        }
        Ok(Some(options))
    }

    /// A step of the session's coroutine.
    fn go_on_inside<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        let Some(inner) = self.inner.bind(py) else { return Ok(Step::Return(py.None().into_bound(py))) };
        self.noted(send_none(&inner)?)
    }

    /// Keeps the answer, if there is one, or goes on with the connection.
    fn noted<'py>(&self, step: Step<'py>) -> PyResult<Step<'py>> {
        match step {
            Step::Return(connection) if self.opening.replace(false) => {
                drop(self.inner.take());
                self.opened.set(true);
                self.send(&connection)
            }
            Step::Return(answer) => {
                self.answer.set(answer.clone());
                Ok(Step::Return(answer))
            }
            Step::Yield(future) => Ok(Step::Yield(future)),
        }
    }

    /// Releases the answer.
    fn exit(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some(answer) = self.answer.take().map(|answer| answer.into_bound(py)) else {
            return Finished::create(py);
        };
        match try_state::<ClientAnswer>(&answer) {
            Some(state) if has_own_release(&answer)? => state.release(py)?,
            _ => drop(answer.call_method0(intern!(py, "release"))?),
        }
        Finished::create(py)
    }
}

/// Whether an answer is released natively: a subclass may have more to do, such as to end an upload.
fn has_own_release(answer: &Bound<'_, PyAny>) -> PyResult<bool> {
    static OWN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (py, name) = (answer.py(), intern!(answer.py(), "release"));
    let own =
        OWN.get_or_try_init(py, || type_object::<ClientAnswer>(py)?.getattr(name).map(Bound::unbind))?;
    Ok(answer.get_type().getattr(name)?.is(own))
}

impl Coroutine<Fetch> {
    fn aenter(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(this.clone().unbind())
    }

    fn aexit(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.all("__aexit__", ["exc_type", "exc", "tb"])?;
        self.steps.exit(this.py())
    }
}

held!(Fetch: session, method, url, options, body, json, answer, route, pool, future, inner);

kind!(Fetch, c"ferrio._ferrio.HttpFetch", c"A request under way.", KEPT: usize = 256);

impl Steps for Fetch {
    const QUIET: bool = false;

    fn name(&self) -> &'static str {
        "ClientSession._request"
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        self.set_out(this.py())
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let future = self.future.take().map(|future| future.into_bound(py));
        if let Some(future) = future.filter(|_| !self.route.is_empty()) {
            return self.go_on_from_line(&future);
        }
        match self.answer.bind(py) {
            Some(answer) if self.inner.is_empty() => self.look(&answer),
            _ => self.go_on_inside(py),
        }
    }

    fn thrown<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        if let Some(inner) = self.inner.bind(py) {
            return self.noted(throw_into(&inner, &raised::value(py, &error))?);
        }
        // What its place in line failed with is thrown in here, as by any future.
        let is_late = !self.route.is_empty() && error.is_instance_of::<PyTimeoutError>(py);
        let late = if is_late { self.late(py) } else { None };
        self.leave(py)?;
        Err(late.unwrap_or(error))
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(inner) = self.inner.bind(py) {
            return inner.call_method0(intern!(py, "close")).map(drop);
        }
        if let Some(future) = self.future.take().filter(|_| !self.route.is_empty()) {
            return self.give_back(&future.bind(py));
        }
        let answer = self.answer.take().map(|answer| answer.into_bound(py));
        answer.as_ref().and_then(try_state::<ClientAnswer>).map_or(Ok(()), |answer| answer.release(py))
    }

    /// The answer stays, for `__aexit__`.
    fn end(&self, _: Python<'_>) {
        for slot in [
            &self.session,
            &self.method,
            &self.url,
            &self.options,
            &self.body,
            &self.json,
            &self.pool,
            &self.future,
            &self.inner,
        ] {
            slot.empty();
        }
    }

    fn stop(&self) -> Option<&Stop> {
        Some(&self.stop)
    }

    fn members() -> Members {
        members! { Coroutine<Fetch>;
            light bare c"__aenter__" c"Send the request." => aenter;
            light method c"__aexit__" c"Release the answer." => aexit;
            shown c"cr_await" => steps.inner;
        }
    }
}
