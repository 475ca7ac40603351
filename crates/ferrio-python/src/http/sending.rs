//! The `send` of a request: which message may come when, and what each does. `answer` draws it.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::types::{PyBytes, PyString};

use crate::ffi::bound_function::BoundFunction;
use crate::ffi::buffers::Exported;
use crate::ffi::names::HTTP;
use crate::ffi::prelude::*;
use crate::http::answer::{Answer, Stage, bytes, disconnect, optional, required, wrong};
use crate::http::connection::of_exchange;
use crate::http::exchange::Exchange;
use crate::http::packed::Packed;
use crate::waiting::locks::Finished;

/// `send(message)` of `exchange`.
pub(crate) fn send<'py>(exchange: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let [message] = args.all("send", ["message"])?;
    let py = exchange.py();
    let Some(state) = Exchange::of(exchange) else {
        return Finished::create(py).map(|one| one.into_bound(py));
    };
    if state.is_lost() {
        return Err(disconnect());
    }
    let kind = required(&message, intern!(py, "type"))?;
    // As text: an application's own literals are other objects than ours, and comparing objects takes twice as long.
    let name = kind.cast::<PyString>().ok().and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if name == "http.response.pathsend" && state.answer.stage() == Stage::Begun {
        return send_path(exchange, state, &message);
    }
    take(state, &message, &kind, name)?;
    of_exchange(state, py, |connection, _| connection.when_there_is_room(exchange))
}

/// The coroutine that sends the file which the message names.
fn send_path<'py>(
    exchange: &Bound<'py, PyAny>,
    state: &Exchange,
    message: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = exchange.py();
    let path = required(message, intern!(py, "path"))?;
    let send = BoundFunction::create(exchange, "send", send)?;
    let begin = BoundFunction::create(exchange, "begin_file", begin_file)?;
    let transport = of_exchange(state, py, |connection, _| Ok(connection.transport(py)))?;
    let limit = of_exchange(state, py, |connection, _| connection.send_limit(py))?;
    let length = state.answer.length(py)?;
    HTTP.helper(py, intern!(py, "pathsend"))?.call1((send, begin, transport, path, length, limit))
}

/// `begin_file(size)`: as `HttpConnection::begin_file`.
fn begin_file<'py>(exchange: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let [size] = args.all("begin_file", ["size"])?;
    let py = exchange.py();
    let size: u64 = size.extract()?;
    let Some(state) = Exchange::of(exchange) else { return Ok(py.None().into_bound(py)) };
    let begun = of_exchange(state, py, |connection, _| connection.begin_file(py, state, size))?;
    begun.into_bound_py_any(py)
}

/// Sends an answer that is whole.
pub(crate) fn send_whole<'py>(
    exchange: &Exchange,
    py: Python<'py>,
    status: u16,
    headers: Packed,
    body: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    if exchange.is_lost() {
        return Err(disconnect());
    }
    exchange.answer.begin_natively(status, headers);
    send_body(exchange, py, body, false)
}

fn take(
    exchange: &Exchange,
    message: &Bound<'_, PyAny>,
    kind: &Bound<'_, PyAny>,
    name: &str,
) -> PyResult<()> {
    let (answer, py) = (&exchange.answer, message.py());
    match answer.stage() {
        Stage::Due if name == "http.response.start" => start(answer, message),
        Stage::Due if name == "http.response.early_hint" => early_hint(exchange, message),
        Stage::Begun | Stage::Body if name == "http.response.body" => {
            let body = optional(message, intern!(py, "body"))?;
            let more = match optional(message, intern!(py, "more_body"))? {
                Some(more) => more.is_truthy()?,
                None => false,
            };
            send_body(exchange, py, body, more)
        }
        Stage::Due => wrong(kind, "Expected ASGI message 'http.response.start', but got"),
        Stage::Begun | Stage::Body => wrong(kind, "Expected ASGI message 'http.response.body', but got"),
        Stage::Whole => {
            let text =
                format!("Unexpected ASGI message '{}' sent, after response already completed.", kind.str()?);
            Err(PyRuntimeError::new_err(text))
        }
    }
}

fn start(answer: &Answer, message: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = message.py();
    let status = required(message, intern!(py, "status"))?;
    answer.begin(status.extract()?, optional(message, intern!(py, "headers"))?);
    Ok(())
}

fn early_hint(exchange: &Exchange, message: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = message.py();
    let links = required(message, intern!(py, "links"))?;
    let links = links.try_iter()?.map(|link| bytes(link?)).collect::<PyResult<Vec<_>>>()?;
    of_exchange(exchange, py, |connection, _| connection.hint(py, &links))
}

fn send_body(
    exchange: &Exchange,
    py: Python<'_>,
    body: Option<Bound<'_, PyAny>>,
    more: bool,
) -> PyResult<()> {
    let body = match body {
        None => PyBytes::new(py, b""),
        Some(body) => match body.cast_into::<PyBytes>() {
            Ok(body) => body,
            Err(other) => {
                let other = other.into_inner();
                let Ok(exported) = Exported::new(&other, false) else {
                    let kind = other.get_type().qualname()?;
                    return Err(PyTypeError::new_err(format!("a body is bytes, not {kind}")));
                };
                PyBytes::new(py, exported.as_ref())
            }
        },
    };
    of_exchange(exchange, py, |connection, object| connection.answer(object, exchange, &body, more))
}
