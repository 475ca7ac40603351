//! What becomes of a connection that is a WebSocket's: the handshake, frames both ways, pings, and how the connection ends.

use ferrio_http::ws;
use pyo3::types::PyString;

use super::HttpConnection;
use crate::event_loop::run::both;
use crate::ffi::prelude::*;
use crate::http::answer::{Fields, Stage, misused};
use crate::http::exchange::Exchange;
use crate::http::socket::{Came, Socket, Standing};

impl HttpConnection {
    /// Reads what comes of a WebSocket; says how much was used.
    pub(super) fn read_frames(&self, this: &Bound<'_, PyAny>, bytes: &mut [u8]) -> PyResult<usize> {
        let py = this.py();
        let current = self.exchange.bind(py);
        let Some(exchange) = current.as_ref().and_then(Exchange::of) else { return Ok(bytes.len()) };
        let Some(socket) = &exchange.socket else { return Ok(bytes.len()) };
        let mut out = self.out.take();
        let read = socket.read(py, bytes, &mut out);
        self.out.replace(out);
        let (used, came) = read?;
        let answered = !self.out.borrow().is_empty();
        self.flush(py)?;
        exchange.tell(py)?;
        if came == Came::End {
            self.hang_up(py)?;
        } else if came == Came::Broken {
            self.linger(py)?;
        } else if self.with_serving(py, |serving, _| Ok(serving.is_enough(socket.waiting())))?
            || (answered && self.room.is_full())
        {
            // Pings are answered at once: a client that reads no answer must not send more of them.
            self.pause(py)?;
        } else {
            self.read_on(this)?;
        }
        Ok(used)
    }

    /// The application took a message.
    pub(crate) fn message_taken(&self, this: &Bound<'_, PyAny>, socket: &Socket) -> PyResult<()> {
        if self.paused.get() && socket.waiting() == 0 && !self.reads.get() {
            self.read_on(this)
        } else {
            Ok(())
        }
    }

    /// Switches to a WebSocket.
    pub(crate) fn accept(
        &self,
        this: &Bound<'_, PyAny>,
        exchange: &Exchange,
        socket: &Socket,
        subprotocol: Option<&str>,
        fields: &Fields<'_>,
    ) -> PyResult<()> {
        let py = this.py();
        let mut out = self.out.take();
        let switched = self.with_serving(py, |serving, _| {
            let Some(wishes) = serving.wishes.get() else { return Ok(Ok(())) };
            let Some(accepted) = socket.accept(subprotocol, &wishes, serving.now(py)?) else {
                return Ok(Ok(()));
            };
            // As with uvicorn the application decides, whatever was offered: its mistake shows at the client, and is not hidden.
            let unasked = subprotocol.filter(|name| !name.is_empty() && accepted.subprotocol().is_none());
            let unasked = unasked.map(|name| (&b"sec-websocket-protocol"[..], name.as_bytes()));
            let fields = accepted.headers().chain(unasked).chain(fields.iter());
            self.with_machine(|machine| machine.respond(101, fields, &serving.dated(), &mut out))
        });
        self.out.replace(out);
        if let Err(misuse) = switched? {
            // Nothing was sent: the client is still to be answered.
            socket.set(Standing::Offered);
            return Err(misused(&misuse));
        }
        exchange.answer.set(Stage::Body);
        let logged = self.log(py, exchange, 101);
        let sent = self.flush(py);
        let goes_on = if self.reads.get() { Ok(()) } else { self.go_on_later(this) };
        both(py, logged, both(py, sent, goes_on))
    }

    /// Writes what `fill` makes.
    pub(crate) fn frames(
        &self,
        py: Python<'_>,
        fill: impl FnOnce(&mut Vec<u8>) -> PyResult<()>,
    ) -> PyResult<()> {
        let mut out = self.out.take();
        let filled = fill(&mut out);
        self.out.replace(out);
        filled?;
        self.flush(py)
    }

    /// Ends a connection whose WebSocket is over. The client has a while to read what was sent.
    pub(crate) fn hang_up(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_parting() {
            return Ok(());
        }
        self.close(py)?;
        self.deadline.set(self.with_serving(py, |serving, _| serving.now(py))? + self.close_timeout.get());
        Ok(())
    }

    /// The application closed its WebSocket: the client has a while to answer.
    pub(crate) fn await_close(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        self.deadline.set(self.with_serving(py, |serving, _| serving.now(py))? + self.close_timeout.get());
        self.read_on(this)
    }

    /// A request for a WebSocket that is wrong.
    pub(super) fn unfit(&self, this: &Bound<'_, PyAny>, refusal: ws::handshake::Refusal) -> PyResult<()> {
        let py = this.py();
        let mut out = self.out.take();
        let answered = self.with_serving(py, |serving, _| {
            let headers = refusal.headers().chain([(&b"connection"[..], &b"close"[..])]);
            let reason = refusal.reason.as_bytes();
            self.with_machine(|machine| {
                machine.shut_down();
                machine.answer(refusal.status, headers, reason, &serving.dated(), &mut out)
            })
        });
        self.out.replace(out);
        answered?.map_err(|misuse| misused(&misuse))?;
        self.report(py, intern!(py, "refused"), PyString::new(py, refusal.reason).as_any())?;
        self.linger(py)
    }

    /// A WebSocket is told that the server restarts; a handshake fails.
    pub(super) fn shut_socket(
        &self,
        this: &Bound<'_, PyAny>,
        exchange: &Exchange,
        socket: &Socket,
    ) -> PyResult<()> {
        let py = this.py();
        if !exchange.answer.was_sent() {
            return self.fail(this, exchange);
        }
        self.frames(py, |out| {
            let _closing_already = socket.with(|machine| machine.close(ws::code::RESTART, "", out));
            Ok(())
        })?;
        socket.end(py, ws::code::RESTART, None)?;
        exchange.tell(py)?;
        self.hang_up(py)
    }
}
