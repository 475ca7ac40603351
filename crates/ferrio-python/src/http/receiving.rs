//! The `receive` of a request: what of its body came, and the news that the client is gone.
//!
//! ```text
//! begin ── a part of the body, or its end ───────▶ {"type": "http.request", ...}
//!   ├───── all was told, and the answer is whole,
//!   │      or the client is gone ────────────────▶ {"type": "http.disconnect"}
//!   └───── nothing yet: waits for a future ─────── go_on: looks again
//! ```

use pyo3::types::PyDict;

use crate::ffi::call::{send_none, throw_into};
use crate::ffi::prelude::*;
use crate::http::connection::{HttpConnection, of_exchange};
use crate::http::exchange::Exchange;
use crate::http::talking;

/// See the module.
pub(crate) struct Receive {
    exchange: Slot,
    /// What iterates over the future that is waited for.
    waiting: Slot,
}

impl Coroutine<Receive> {}

held!(Receive: exchange, waiting);

kind!(Receive, c"ferrio._ferrio.HttpReceive", c"A receive(), to be awaited.", KEPT: usize = 256, LIGHT: bool = false);

/// `receive()` of `exchange`.
pub(crate) fn receive<'py>(exchange: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    args.none("receive")?;
    let steps = Receive { exchange: Slot::new(exchange.clone().into()), waiting: Slot::default() };
    alloc_tracked(exchange.py(), Coroutine::new(steps))
}

impl Receive {
    fn look<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        let object = self.exchange.bind(py);
        let Some(exchange) = object.as_ref().and_then(Exchange::of) else { return Err(gone()) };
        if let Some(socket) = &exchange.socket {
            if let Some(message) = talking::next(socket, py) {
                of_exchange(exchange, py, |connection, object| connection.message_taken(object, socket))?;
                return Ok(Step::Return(message));
            }
            if socket.over.get() {
                return talking::nothing_more(py).map(Step::Return);
            }
        } else if exchange.is_over() {
            let message = PyDict::new(py);
            message.set_item(intern!(py, "type"), intern!(py, "http.disconnect"))?;
            return Ok(Step::Return(message.into_any()));
        } else if let Some((body, more)) = exchange.body.take(py) {
            if exchange.has_room() {
                of_exchange(exchange, py, HttpConnection::body_taken)?;
            }
            return message(py, body, more).map(Step::Return);
        }
        if exchange.socket.is_none() {
            of_exchange(exchange, py, |connection, _| connection.ask_for_body(py))?;
        }
        let event_loop = of_exchange(exchange, py, |connection, _| connection.event_loop(py))?;
        let future = exchange.wait(&event_loop)?;
        self.waiting.set(future.call_method0(intern!(py, "__await__"))?);
        self.step(py)
    }

    fn step<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        let Some(waiting) = self.waiting.bind(py) else { return self.look(py) };
        match send_none(&waiting)? {
            Step::Yield(future) => Ok(Step::Yield(future)),
            Step::Return(_) => {
                drop(self.waiting.take());
                self.look(py)
            }
        }
    }
}

impl Steps for Receive {
    fn name(&self) -> &'static str {
        "receive"
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        self.look(this.py())
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        self.step(this.py())
    }

    fn thrown<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        match self.waiting.bind(py) {
            Some(waiting) => throw_into(&waiting, &raised::value(py, &error)),
            None => Err(error),
        }
    }
}

fn message<'py>(py: Python<'py>, body: Bound<'py, PyAny>, more: bool) -> PyResult<Bound<'py, PyAny>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), intern!(py, "http.request"))?;
    message.set_item(intern!(py, "body"), body)?;
    message.set_item(intern!(py, "more_body"), more)?;
    Ok(message.into_any())
}

/// The collector has emptied it.
fn gone() -> PyErr {
    pyo3::exceptions::PyRuntimeError::new_err("the request is gone")
}
