//! `WsgiApp`: a WSGI application, and what its requests share: the base of `ferrio.server.wsgi.WSGIMiddleware`.

use ferrio_http::h1::server::Head as RequestHead;
use pyo3::types::PyDict;

use super::call::WsgiCall;
use super::environ::{of_connection, of_head, of_scope};
use crate::ffi::names::Names;
use crate::ffi::prelude::*;
use crate::http::scope::{Ends, HeaderNames};

static SERVERS: Names = Names::of("ferrio.server.wsgi");

/// See the module.
#[derive(Default)]
pub(crate) struct WsgiApp {
    pub(super) app: Slot,
    /// What every environment has.
    always: Slot,
    /// What environments call the headers that came before.
    keys: HeaderNames,
    /// The application is called on the loop's own thread.
    pub(super) on_loop: Cell<bool>,
}

impl WsgiApp {
    /// Whether `app` is a `WSGIMiddleware` and nothing else: its requests can do without it.
    pub(crate) fn is_plain(app: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = app.py();
        Ok(try_state::<WsgiApp>(app).is_some()
            && app.get_type().as_any().is(&SERVERS.find(py, intern!(py, "WSGIMiddleware"))?))
    }

    pub(crate) fn is_on_loop(&self) -> bool {
        self.on_loop.get()
    }

    /// What the environments of a connection's requests have.
    pub(crate) fn shared<'py>(
        &self,
        scheme: &Bound<'py, PyAny>,
        ends: &Ends<'_, 'py>,
    ) -> PyResult<Bound<'py, PyDict>> {
        of_connection(&self.dict(scheme.py(), &self.always)?, scheme, ends)
    }

    /// The environment of a request without a body.
    pub(crate) fn environ_of<'py>(
        &self,
        shared: &Bound<'py, PyDict>,
        head: &RequestHead<'_>,
    ) -> PyResult<Bound<'py, PyDict>> {
        of_head(shared, &self.keys, head)
    }

    /// `environ(scope)`
    fn environ(&self, _: &Bound<'_, PyAny>, scope: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = scope.py();
        let scope = scope.cast::<PyDict>()?;
        let environ = of_scope(scope, &self.dict(py, &self.always)?, &self.keys)?;
        Ok(environ.into_any().unbind())
    }

    /// `request(environ, loop, send)`: the coroutine of a request.
    fn request(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [environ, event_loop, send] = args.all("request", ["environ", "loop", "send"])?;
        WsgiCall::create(self, &environ, &event_loop, &send, false).map(Bound::unbind)
    }

    /// An object that the collector has emptied has nothing.
    fn dict<'py>(&self, py: Python<'py>, slot: &Slot) -> PyResult<Bound<'py, PyDict>> {
        slot.bind(py).map_or_else(|| Ok(PyDict::new(py)), |dict| Ok(dict.cast_into()?))
    }
}

impl Constructed for WsgiApp {
    fn init(&self, _: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        let [Some(app), Some(always), Some(on_loop)] =
            given.bind("WsgiApp", ["app", "always", "on_loop"], 3)?
        else {
            return Ok(());
        };
        self.app.set(app.clone());
        self.always.set(always.cast::<PyDict>()?.copy()?.into_any());
        self.on_loop.set(on_loop.is_truthy()?);
        Ok(())
    }
}

impl Native for WsgiApp {
    const NAME: &'static CStr = c"ferrio._ferrio.WsgiApp";
    const DOC: &'static CStr = c"A WSGI application, and what its requests share.";
    const NEW: New = Some(object::new::<WsgiApp>);

    holds!(app, always);

    fn members() -> Members {
        let own = members! { WsgiApp;
            one c"environ" c"A request as WSGI has it, made of its scope. Its body is not there yet." => environ;
            method c"request" c"The coroutine that calls the application and sends its answer." => request;
            shown c"app" => app;
            field c"on_loop" => on_loop;
        };
        own.and(object::constructed_slots::<WsgiApp>())
    }
}
