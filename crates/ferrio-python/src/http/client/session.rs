//! `Session`: the base of `ClientSession`. It knows whether a request may go without a frame of Python, and sends those that may.
//!
//! Everything else is the subclass's: `_request(method, url, **options)`, `_route(method, url)`, and the others that the
//! stub of `HttpSession` lists.

use ferrio_http::h1::{Length, Version};
use pyo3::exceptions::PyTypeError;
use pyo3::types::{PyBytes, PyDict, PyString, PyType};

use crate::event_loop::which::running_loop;
use crate::ffi::object::new;
use crate::ffi::prelude::*;
use crate::http::client::addresses::parted;
use crate::http::client::answer::ClientAnswer;
use crate::http::client::connection::{ClientConnection, Request};
use crate::http::client::fetch::Fetch;
use crate::http::client::pool::Pool;
use crate::http::client::routes::{Content, Method, Route, Routes};
use crate::http::client::varied::Varied;

/// See the module.
#[derive(Default)]
pub(crate) struct Session {
    pool: Slot,
    answer_class: Slot,
    /// Nothing special is asked for: no middleware, no trace, no proxy, no time-out but `total`.
    plain: Cell<bool>,
    /// The `_request` that native requests stand for, if it was said: a program may put its own in its place at any time.
    own_request: Slot,
    /// Answers of 400 and above are errors.
    pub(crate) raises: Cell<bool>,
    /// Seconds that a request may take; None for any.
    total: Cell<Option<f64>>,
    /// Its requests may not wait in line: a limit for that is Python's to keep.
    hurries: Cell<bool>,
    /// It has `_open()`, which makes a connection.
    opens: Cell<bool>,
    /// Says which version the header fields of every request have, if a program may change them; and which one routes are of.
    headers_version: Slot,
    version: Cell<u64>,
    routes: Routes,
}

/// A route, and the target of a request by it, if that is another one.
pub(crate) type Plan<'py> = (Bound<'py, PyAny>, Option<Vec<u8>>);

/// That plan, if it is for native code.
fn native(route: Bound<'_, PyAny>, target: Option<Vec<u8>>) -> Option<Plan<'_>> {
    let is_native = try_state::<Route>(&route).is_some_and(Route::is_native);
    is_native.then_some((route, target))
}

/// Whether it is yarl's.
fn is_url(url: &Bound<'_, PyAny>) -> PyResult<bool> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    Ok(url.get_type().is(CLASS.import(url.py(), "yarl", "URL")?))
}

/// A connection for a request.
pub(crate) enum Turn<'py> {
    /// One that is idle, and now in use.
    Now(Bound<'py, PyAny>),
    /// All are in use: the future of a place in line, which is told of one, and the pool whose line that is.
    Later(Bound<'py, PyAny>, Bound<'py, PyAny>),
    /// One has to be made.
    New,
}

impl Session {
    /// The route of a request, and its target where that is not the route's.
    pub(crate) fn plan<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        method: Method,
        url: &Bound<'py, PyAny>,
        content: Content,
    ) -> PyResult<Option<Plan<'py>>> {
        if !self.is_ready(this.py())?
            || (content != Content::None && !method.has_body())
            || !(url.is_exact_instance_of::<PyString>() || is_url(url)?)
            || !self.has_own_request(this)?
        {
            return Ok(None);
        }
        self.look_at_headers(this.py())?;
        if let Some(route) = self.routes.find(method, url, content)? {
            return Ok(native(route, None));
        }
        // To a URL's first request its route is of no use where a connection has to be made for which Python code makes the request, too.
        if !self.opens.get() && !self.with_pool(this.py(), |pool, _| Ok(pool.is_warm()))? {
            return Ok(None);
        }
        let text = url.extract::<&str>().ok();
        if let Some((base, target)) = text.and_then(parted) {
            let base = PyString::new(this.py(), base).into_any();
            let known = self.routes.find(method, &base, content)?;
            let route = known.map_or_else(|| self.routes.make(this, method, &base, content), Ok)?;
            if let Some(state) = try_state::<Route>(&route).filter(|state| state.is_common) {
                let target = if target.starts_with('/') {
                    target.into()
                } else {
                    [&state.target, target.as_bytes()].concat()
                };
                return Ok(native(route, Some(target)));
            }
        }
        Ok(native(self.routes.make(this, method, url, content)?, None))
    }

    pub(crate) fn opens(&self) -> bool {
        self.opens.get()
    }

    /// Forgets routes with other header fields than the session has now.
    fn look_at_headers(&self, py: Python<'_>) -> PyResult<()> {
        let Some(version) = self.headers_version.bind(py).filter(|version| !version.is_none()) else {
            return Ok(());
        };
        let version = version.call0()?.extract()?;
        if self.version.replace(version) != version {
            self.routes.forget();
        }
        Ok(())
    }

    /// Whether nobody has put another `_request` in the place of the session's: a subclass, or who tests a program.
    pub(crate) fn has_own_request(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = this.py();
        let Some(own) = self.own_request.bind(py) else { return Ok(true) };
        let function = this.getattr(intern!(py, "_request"))?.getattr_opt(intern!(py, "__func__"))?;
        Ok(function.is_some_and(|function| function.is(&own)))
    }

    /// Whether it is plain and not closed, and the pool's loop runs here. Another thread's request is refused by Python code.
    pub(crate) fn is_ready(&self, py: Python<'_>) -> PyResult<bool> {
        if !self.plain.get() {
            return Ok(false);
        }
        self.with_pool(py, |pool, _| {
            let event_loop = pool.event_loop(py)?;
            Ok(!pool.is_closed() && running_loop(py).is_ok_and(|here| here.is(&event_loop)))
        })
    }

    /// When a request that begins now has to be over, with its own limit or the session's; infinite for never.
    pub(crate) fn deadline(&self, py: Python<'_>, total: Option<f64>) -> PyResult<f64> {
        match total.or(self.total.get()) {
            Some(total) if total.is_finite() => {
                self.with_pool(py, |pool, _| pool.now(py)).map(|now| now + total)
            }
            _ => Ok(f64::INFINITY),
        }
    }

    /// Asks the pool for a connection.
    pub(crate) fn take<'py>(
        &self,
        py: Python<'py>,
        route: &Route,
        deadline: f64,
        hurries: bool,
    ) -> PyResult<Turn<'py>> {
        let Some(key) = route.key.bind(py) else { return Ok(Turn::New) };
        self.with_pool(py, |pool, object| {
            if let Some(connection) = pool.take(&key)? {
                return Ok(Turn::Now(connection));
            }
            if !hurries && !self.hurries.get() && pool.is_full(&key)? {
                pool.join(object, &key, deadline).map(|future| Turn::Later(future, object.clone()))
            } else {
                Ok(Turn::New)
            }
        })
    }

    /// Sends a request on a connection that was taken; the answer that is to be filled.
    pub(crate) fn send<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        object: &Bound<'py, PyAny>,
        route: &Route,
        varied: Option<Box<Varied>>,
        method: Method,
        body: Option<&Bound<'py, PyBytes>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let connection = state_of::<ClientConnection>(object)?;
        let sent = self.send_on(this, (connection, object), route, varied, method, body);
        if sent.is_err() && connection.is_usable() {
            connection.with_pool(py, |pool, pool_object| pool.put_back(pool_object, connection, object))?;
        }
        sent
    }

    fn with_pool<'py, R>(
        &self,
        py: Python<'py>,
        ask: impl FnOnce(&Pool, &Bound<'py, PyAny>) -> PyResult<R>,
    ) -> PyResult<R> {
        let object = self.pool.bind(py);
        match object.as_ref().and_then(|object| Some((try_state::<Pool>(object)?, object))) {
            Some((pool, object)) => ask(pool, object),
            None => Err(PyTypeError::new_err("_pool is not set")),
        }
    }

    fn send_on<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        (connection, object): (&ClientConnection, &Bound<'py, PyAny>),
        route: &Route,
        varied: Option<Box<Varied>>,
        method: Method,
        body: Option<&Bound<'py, PyBytes>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let class =
            self.answer_class.bind(py).ok_or_else(|| PyTypeError::new_err("_answer_class is not set"))?;
        let answer = alloc(class.cast::<PyType>()?, ClientAnswer::default())?;
        let state = state_of::<ClientAnswer>(&answer)?;
        state.method.set(method.object(py).into_any());
        state.session.set(this.clone());
        if let Some(made) = route.made.bind(py) {
            state.route.set(made);
        }
        let varied_headers = varied.as_ref().and_then(|varied| varied.headers.as_ref());
        let request = Request {
            method: method.name().as_bytes(),
            target: varied.as_ref().and_then(|varied| varied.target.as_ref()).unwrap_or(&route.target),
            headers: varied_headers.unwrap_or(&route.headers).iter(),
            body,
            length: Length::Known(0),
            version: Version::Http11,
        };
        let exchange = connection.begin(object, request)?;
        state.attach(object, exchange);
        state.varied.replace(varied);
        Ok(answer)
    }

    fn forget_routes(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.routes.forget();
        Ok(())
    }

    /// `_set_up(pool, request, answer_class, raises, total, hurries, plain)`: all that natively sent requests depend on, at once.
    fn set_up(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let names = ["pool", "request", "answer_class", "raises", "total", "hurries", "plain"];
        let [pool, request, answer_class, raises, total, hurries, plain] = args.all("_set_up", names)?;
        self.set_answer_class_attribute(&answer_class)?;
        self.set_total_attribute(&total)?;
        self.pool.set(pool.to_owned());
        self.own_request.set(request.to_owned());
        self.raises.set(raises.is_truthy()?);
        self.hurries.set(hurries.is_truthy()?);
        self.opens.set(true);
        self.plain.set(plain.is_truthy()?);
        Ok(())
    }

    fn total_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.total.get().into_py_any(this.py())
    }

    fn set_total_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.total.set(value.extract()?);
        Ok(())
    }

    /// What is set must be a subclass: instances are made natively.
    fn set_answer_class_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let class = value.cast::<PyType>()?;
        if !class.is_subclass(type_object::<ClientAnswer>(value.py())?.as_any())? {
            return Err(PyTypeError::new_err("_answer_class derives from HttpAnswer"));
        }
        self.answer_class.set(value.clone());
        Ok(())
    }
}

/// The methods of that name.
macro_rules! methods {
    ($($method:ident $name:literal $kind:ident)*) => {
        impl Session {
            $(fn $method(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
                let ([url], options) = args.with_options(concat!("ClientSession.", $name), ["url"])?;
                let method = Method::$kind;
                let options = if method == Method::Head { Some(staying(this.py(), options)?) } else { options };
                let name = method.object(this.py());
                Fetch::create(this, name.as_any(), (Some(method), true), &url, options).map(Bound::unbind)
            })*
        }
    };
}

methods! {
    get "get" Get
    options "options" Options
    head "head" Head
    post "post" Post
    put "put" Put
    patch "patch" Patch
    delete "delete" Delete
}

/// The options of a HEAD, which follows no redirect unless it is told to.
fn staying<'py>(py: Python<'py>, options: Option<Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyDict>> {
    let options = options.unwrap_or_else(|| PyDict::new(py));
    if !options.contains(intern!(py, "allow_redirects"))? {
        options.set_item(intern!(py, "allow_redirects"), false)?;
    }
    Ok(options)
}

impl Session {
    /// `request(method, url, **options)`
    fn request(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let ([method, url], options) = args.with_options("ClientSession.request", ["method", "url"])?;
        Fetch::create(this, &method, (Method::of(&method), false), &url, options).map(Bound::unbind)
    }
}

impl Native for Session {
    const NAME: &'static CStr = c"ferrio._ferrio.HttpSession";
    const DOC: &'static CStr = c"The base of ClientSession.";
    const NEW: New = Some(new::<Session>);

    holds!(pool, answer_class, own_request, headers_version, routes);

    fn members() -> Members {
        members! { Session;
            light method c"get" c"Ask for a resource." => get;
            light method c"options" c"Ask what may be asked." => options;
            light method c"head" c"Ask for the head of an answer." => head;
            light method c"post" c"Send data." => post;
            light method c"put" c"Put data in the place of a resource." => put;
            light method c"patch" c"Change a resource." => patch;
            light method c"delete" c"Delete a resource." => delete;
            method c"request" c"Send a request of any method." => request;
            method c"_set_up" c"What requests depend on." => set_up;
            bare c"_forget_routes" c"What routes depend on has changed." => forget_routes;
            field c"_pool" => pool;
            shown c"_answer_class" => answer_class, set_answer_class_attribute;
            field c"_plain" => plain;
            field c"_raises" => raises;
            field c"_own_request" => own_request;
            field c"_hurries" => hurries;
            field c"_opens" => opens;
            field c"_headers_version" => headers_version;
            attribute c"_total" => total_attribute, set_total_attribute;
        }
    }
}
