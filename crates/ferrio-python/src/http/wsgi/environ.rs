//! A request as WSGI has it (PEP 3333), made of its head or of its scope: texts whose characters are bytes.

use ferrio_http::h1::Version;
use ferrio_http::h1::server::Head as RequestHead;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::ffi::buffers::latin1;
use crate::ffi::names::Names;
use crate::ffi::prelude::*;
use crate::http::answer::required;
use crate::http::scope::{Ends, HeaderNames, method, unescaped};

static IO: Names = Names::of("io");
static SYS: Names = Names::of("sys");

/// What all requests of a connection have: a copy of `always`, with where they came to, and where from.
pub(super) fn of_connection<'py>(
    always: &Bound<'py, PyDict>,
    scheme: &Bound<'py, PyAny>,
    ends: &Ends<'_, 'py>,
) -> PyResult<Bound<'py, PyDict>> {
    let py = always.py();
    let environ = always.copy()?;
    environ.set_item(intern!(py, "REQUEST_METHOD"), intern!(py, "GET"))?;
    environ.set_item(intern!(py, "SCRIPT_NAME"), intern!(py, ""))?;
    environ.set_item(intern!(py, "PATH_INFO"), intern!(py, "/"))?;
    environ.set_item(intern!(py, "QUERY_STRING"), intern!(py, ""))?;
    environ.set_item(intern!(py, "SERVER_PROTOCOL"), intern!(py, "HTTP/1.1"))?;
    environ.set_item(intern!(py, "wsgi.url_scheme"), scheme)?;
    let filled = |end: &Bound<'py, PyAny>| (!end.is_none()).then(|| end.clone());
    add_ends(&environ, filled(ends.server), filled(ends.client))?;
    Ok(environ)
}

/// The environment of a request without a body that has this head. `shared`: what its connection's have.
pub(super) fn of_head<'py>(
    shared: &Bound<'py, PyDict>,
    keys: &HeaderNames,
    head: &RequestHead<'_>,
) -> PyResult<Bound<'py, PyDict>> {
    let py = shared.py();
    let environ = shared.copy()?;
    // What a connection's have is a plain GET of "/".
    if head.method != b"GET" {
        environ.set_item(intern!(py, "REQUEST_METHOD"), method(py, head.method))?;
    }
    let path = head.path();
    if path.contains(&b'%') {
        environ.set_item(intern!(py, "PATH_INFO"), latin1(py, &unescaped(path))?)?;
    } else if path != b"/" {
        environ.set_item(intern!(py, "PATH_INFO"), latin1(py, path)?)?;
    }
    if !head.query().is_empty() {
        environ.set_item(intern!(py, "QUERY_STRING"), latin1(py, head.query())?)?;
    }
    if head.version == Version::Http10 {
        environ.set_item(intern!(py, "SERVER_PROTOCOL"), intern!(py, "HTTP/1.0"))?;
    }
    add_streams(&environ)?;
    head.headers.iter().try_for_each(|(name, value)| add_header(&environ, keys, name, value))?;
    Ok(environ)
}

/// The environment of a request that has this scope: a copy of `always` with what the request adds. Its body is not there yet.
pub(super) fn of_scope<'py>(
    scope: &Bound<'py, PyDict>,
    always: &Bound<'py, PyDict>,
    keys: &HeaderNames,
) -> PyResult<Bound<'py, PyDict>> {
    let py = scope.py();
    let environ = always.copy()?;
    let text = |name: &Bound<'py, PyString>| required(scope, name);
    environ.set_item(intern!(py, "REQUEST_METHOD"), text(intern!(py, "method"))?)?;
    let root = filled(scope, intern!(py, "root_path"))?.map(|root| root.extract::<String>()).transpose()?;
    let root = root.unwrap_or_default();
    environ.set_item(intern!(py, "SCRIPT_NAME"), latin1(py, root.as_bytes())?)?;
    let path = path(scope)?;
    environ.set_item(
        intern!(py, "PATH_INFO"),
        latin1(py, path.strip_prefix(root.as_bytes()).unwrap_or(&path))?,
    )?;
    let query = text(intern!(py, "query_string"))?;
    environ.set_item(intern!(py, "QUERY_STRING"), latin1(py, query.cast::<PyBytes>()?.as_bytes())?)?;
    let version = text(intern!(py, "http_version"))?;
    if version.eq(intern!(py, "1.1"))? {
        environ.set_item(intern!(py, "SERVER_PROTOCOL"), intern!(py, "HTTP/1.1"))?;
    } else {
        environ.set_item(intern!(py, "SERVER_PROTOCOL"), format!("HTTP/{version}"))?;
    }
    let scheme = filled(scope, intern!(py, "scheme"))?;
    environ.set_item(
        intern!(py, "wsgi.url_scheme"),
        scheme.unwrap_or_else(|| intern!(py, "http").as_any().clone()),
    )?;
    add_ends(&environ, filled(scope, intern!(py, "server"))?, filled(scope, intern!(py, "client"))?)?;
    add_streams(&environ)?;
    let headers = text(intern!(py, "headers"))?;
    let add = |pair: &Bound<'py, PyAny>| {
        let (name, value) = match pair.cast::<PyTuple>() {
            Ok(pair) => (pair.get_item(0)?, pair.get_item(1)?),
            Err(_) => (pair.get_item(0)?, pair.get_item(1)?),
        };
        add_header(&environ, keys, name.cast::<PyBytes>()?.as_bytes(), value.cast::<PyBytes>()?.as_bytes())
    };
    match headers.cast::<PyList>() {
        Ok(list) => list.iter().try_for_each(|pair| add(&pair))?,
        Err(_) => headers.try_iter()?.try_for_each(|pair| add(&pair?))?,
    }
    Ok(environ)
}

/// Where the request came to, and where from.
fn add_ends<'py>(
    environ: &Bound<'py, PyDict>,
    server: Option<Bound<'py, PyAny>>,
    client: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let py = environ.py();
    let (host, port) = match server {
        Some(server) => {
            let (host, port) = (server.get_item(0)?.str()?, server.get_item(1)?);
            (host, if port.is_none() { intern!(py, "80").clone() } else { port.str()? })
        }
        None => (intern!(py, "localhost").clone(), intern!(py, "80").clone()),
    };
    environ.set_item(intern!(py, "SERVER_NAME"), host)?;
    environ.set_item(intern!(py, "SERVER_PORT"), port)?;
    if let Some(client) = client {
        environ.set_item(intern!(py, "REMOTE_ADDR"), client.get_item(0)?.str()?)?;
        environ.set_item(intern!(py, "REMOTE_PORT"), client.get_item(1)?.str()?)?;
    }
    Ok(())
}

/// A body with nothing in it, and where errors go just now.
fn add_streams(environ: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = environ.py();
    environ.set_item(intern!(py, "wsgi.input"), IO.find(py, intern!(py, "BytesIO"))?.call0()?)?;
    environ.set_item(intern!(py, "wsgi.errors"), SYS.find(py, intern!(py, "stderr"))?)
}

fn add_header(environ: &Bound<'_, PyDict>, keys: &HeaderNames, name: &[u8], value: &[u8]) -> PyResult<()> {
    let py = environ.py();
    let key = keys.get(py, name, key);
    if key.is_none() {
        return Ok(());
    }
    let text = latin1(py, value)?;
    match environ.get_item(&key)? {
        None => environ.set_item(key, text),
        Some(before) => {
            let between = if key.eq(intern!(py, "HTTP_COOKIE"))? { "; " } else { "," };
            environ.set_item(key, format!("{before}{between}{text}"))
        }
    }
}

/// What the environment calls a header; nothing for one with `_`, which would pass for one that a proxy sets.
fn key<'py>(py: Python<'py>, name: &[u8]) -> Bound<'py, PyAny> {
    if name.contains(&b'_') {
        return py.None().into_bound(py);
    }
    let mut key = String::from("HTTP_");
    key.extend(
        name.iter().map(|byte| char::from(if *byte == b'-' { b'_' } else { byte.to_ascii_uppercase() })),
    );
    let own = matches!(&*key, "HTTP_CONTENT_TYPE" | "HTTP_CONTENT_LENGTH");
    PyString::new(py, key.strip_prefix("HTTP_").filter(|_| own).unwrap_or(&key)).into_any()
}

/// The path without its escapes, byte for byte; the decoded one has lost bytes that are no UTF-8.
fn path(scope: &Bound<'_, PyDict>) -> PyResult<Vec<u8>> {
    let py = scope.py();
    match filled(scope, intern!(py, "raw_path"))? {
        Some(raw) => Ok(unescaped(raw.cast::<PyBytes>()?.as_bytes())),
        None => Ok(unescaped(required(scope, intern!(py, "path"))?.extract::<String>()?.as_bytes())),
    }
}

/// What a scope says, if that is something.
fn filled<'py>(
    scope: &Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(scope.get_item(name)?.filter(|value| !value.is_none()))
}
