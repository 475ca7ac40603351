//! `receive` and `send` of a WebSocket's exchange: which message may come when, and what each does.

use ferrio_http::ws::{self, Misuse};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::types::{PyDict, PyString};

use crate::event_loop::run::both;
use crate::ffi::buffers::Exported;
use crate::ffi::prelude::*;
use crate::http::answer::{Fields, disconnect, optional, required, wrong};
use crate::http::connection::of_exchange;
use crate::http::exchange::Exchange;
use crate::http::socket::{Socket, Standing};
use crate::waiting::locks::Finished;

/// `send(message)` of a WebSocket.
pub(crate) fn send<'py>(exchange: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let [message] = args.all("send", ["message"])?;
    let py = exchange.py();
    let Some(state) = Exchange::of(exchange) else {
        return Finished::create(py).map(|one| one.into_bound(py));
    };
    let Some(socket) = &state.socket else { return Err(disconnect()) };
    take(state, socket, py, &message)?;
    of_exchange(state, py, |connection, _| connection.when_there_is_room(exchange))
}

fn take(exchange: &Exchange, socket: &Socket, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<()> {
    let kind = required(message, intern!(py, "type"))?;
    let is = |name: &Bound<'_, PyString>| kind.is(name) || kind.eq(name).unwrap_or(false);
    match socket.standing() {
        _ if exchange.is_lost() => Err(disconnect()),
        Standing::Ended => Err(disconnect()),
        Standing::Open if is(intern!(py, "websocket.send")) => data(exchange, socket, message),
        Standing::Open if is(intern!(py, "websocket.close")) => close(exchange, socket, message),
        Standing::Offered if is(intern!(py, "websocket.accept")) => accept(exchange, socket, message),
        Standing::Offered if is(intern!(py, "websocket.close")) => {
            *socket.refusal.borrow_mut() = (403, Vec::new(), Vec::new());
            refuse(exchange, socket, py)
        }
        Standing::Offered if is(intern!(py, "websocket.http.response.start")) => {
            begin_refusal(socket, message)
        }
        Standing::Refusing if is(intern!(py, "websocket.http.response.body")) => {
            go_on_refusing(exchange, socket, message)
        }
        Standing::Open => {
            wrong(&kind, "Expected ASGI message 'websocket.send' or 'websocket.close', but got")
        }
        Standing::Offered => wrong(
            &kind,
            "Expected ASGI message 'websocket.accept', 'websocket.close' or 'websocket.http.response.start' but got",
        ),
        Standing::Refusing => wrong(&kind, "Expected ASGI message 'websocket.http.response.body' but got"),
        Standing::Closed => {
            let text = format!("Unexpected ASGI message '{}', after sending 'websocket.close'.", kind.str()?);
            Err(PyRuntimeError::new_err(text))
        }
    }
}

fn accept(exchange: &Exchange, socket: &Socket, message: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = message.py();
    let subprotocol = filled(optional(message, intern!(py, "subprotocol"))?);
    let subprotocol = subprotocol.map(|name| name.extract::<String>()).transpose()?;
    let fields = filled(optional(message, intern!(py, "headers"))?);
    let fields = fields.map_or_else(|| Ok(Fields::default()), |headers| Fields::of(&headers))?;
    of_exchange(exchange, py, |connection, object| {
        connection.accept(object, exchange, socket, subprotocol.as_deref(), &fields)
    })
}

fn data(exchange: &Exchange, socket: &Socket, message: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = message.py();
    let bytes = filled(optional(message, intern!(py, "bytes"))?);
    let text = if bytes.is_none() { filled(optional(message, intern!(py, "text"))?) } else { None };
    of_exchange(exchange, py, |connection, _| {
        connection.frames(py, |out| {
            let sent = match (&bytes, &text) {
                (Some(bytes), _) => {
                    let exported = exported(bytes)?;
                    socket.with(|machine| machine.send_binary(exported.as_ref(), out))
                }
                (None, Some(text)) => {
                    let text = text.cast::<PyString>().map_err(|_| not("text", "a str", text))?.to_str()?;
                    socket.with(|machine| machine.send_text(text, out))
                }
                (None, None) => return Err(PyValueError::new_err("websocket.send needs bytes or text")),
            };
            done(sent)
        })
    })
}

fn close(exchange: &Exchange, socket: &Socket, message: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = message.py();
    let code = filled(optional(message, intern!(py, "code"))?);
    let code = code.map_or(Ok(ws::code::NORMAL), |code| code.extract())?;
    let reason = filled(optional(message, intern!(py, "reason"))?);
    let reason: String = reason.map_or(Ok(String::new()), |reason| reason.extract())?;
    of_exchange(exchange, py, |connection, object| {
        connection.frames(py, |out| {
            done(socket.with(|machine| machine.close(code, &reason, out)))?;
            socket.set(Standing::Closed);
            Ok(())
        })?;
        socket.end(py, code, Some(&reason))?;
        connection.await_close(object)
    })?;
    exchange.tell(py)
}

fn begin_refusal(socket: &Socket, message: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = message.py();
    let status: u16 = required(message, intern!(py, "status"))?.extract()?;
    if !(200..600).contains(&status) {
        return Err(PyRuntimeError::new_err(format!("Invalid HTTP status code '{status}' in response.")));
    }
    let fields = filled(optional(message, intern!(py, "headers"))?);
    let fields = fields.map_or_else(|| Ok(Fields::default()), |headers| Fields::of(&headers))?;
    let fields = fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    *socket.refusal.borrow_mut() = (status, fields, Vec::new());
    socket.set(Standing::Refusing);
    Ok(())
}

fn go_on_refusing(exchange: &Exchange, socket: &Socket, message: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = message.py();
    if let Some(body) = filled(optional(message, intern!(py, "body"))?) {
        let exported = exported(&body)?;
        socket.refusal.borrow_mut().2.extend_from_slice(exported.as_ref());
    }
    let more =
        filled(optional(message, intern!(py, "more_body"))?).map_or(Ok(false), |more| more.is_truthy())?;
    if more { Ok(()) } else { refuse(exchange, socket, py) }
}

/// Answers with what the application wants in the place of a WebSocket.
pub(crate) fn refuse(exchange: &Exchange, socket: &Socket, py: Python<'_>) -> PyResult<()> {
    socket.set(Standing::Closed);
    socket.end(py, ws::code::ABNORMAL, None)?;
    let (status, fields, body) = socket.refusal.take();
    let answered = of_exchange(exchange, py, |connection, object| {
        match connection.answer_whole(object, exchange, status, &fields, &body) {
            // What cannot be sent leaves the client to be answered, which waits.
            Err(error) if !exchange.answer.was_sent() => {
                both(py, Err(error), connection.fail(object, exchange))
            }
            answered => answered,
        }
    });
    both(py, answered, exchange.tell(py))
}

fn exported(data: &Bound<'_, PyAny>) -> PyResult<Exported> {
    Exported::new(data, false).map_err(|_| not("bytes", "bytes", data))
}

fn not(field: &str, wanted: &str, given: &Bound<'_, PyAny>) -> PyErr {
    let kind = given.get_type().qualname().map_or_else(|_| "?".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{field} of a message is {wanted}, not {kind}"))
}

/// What is given, and is not None.
fn filled(given: Option<Bound<'_, PyAny>>) -> Option<Bound<'_, PyAny>> {
    given.filter(|given| !given.is_none())
}

fn done(sent: Option<Result<(), Misuse>>) -> PyResult<()> {
    match sent {
        Some(Ok(())) => Ok(()),
        Some(Err(Misuse::Closing)) | None => Err(disconnect()),
        Some(Err(misuse)) => Err(PyValueError::new_err(misuse.to_string())),
    }
}

/// What `receive` of a WebSocket tells next; `None` if it has to wait.
pub(crate) fn next<'py>(socket: &Socket, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
    socket.pop().map(|message| message.into_bound(py))
}

/// An empty message, for who asks again after the last one.
pub(crate) fn nothing_more(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), intern!(py, "websocket.disconnect"))?;
    message.set_item(intern!(py, "code"), ws::code::ABNORMAL)?;
    Ok(message.into_any())
}
