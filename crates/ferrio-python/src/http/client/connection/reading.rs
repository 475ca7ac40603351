//! Bytes come in: heads, bodies, the end.

use std::io;

use ferrio_http::h1::client::{Event, Head};
use ferrio_http::h1::{Length, Version};
use pyo3::exceptions::PyRuntimeError;
use pyo3::types::PyString;

use super::ClientConnection;
use crate::ffi::prelude::*;
use crate::http::client::exchange::{Heading, Stage};
use crate::http::client::waits::tell;
use crate::http::packed::Packed;
use crate::net::protocols::delivery::Read;
use crate::net::scratch::SCRATCH;

/// Of a body that nobody has asked for, this much is read: a bit less than the transport reads twice. With what it reads once
/// every read would be followed by two system calls, to pause and to go on.
const HIGH: usize = 500 * 1024;

/// What is left of a body is read to where it is kept, if it is no less. For less it is not worth to have memory for it.
const DIRECT: usize = 64 * 1024;

impl ClientConnection {
    /// Reads what came, behind what was left.
    pub(super) fn feed(&self, this: &Bound<'_, PyAny>, data: &[u8]) -> PyResult<()> {
        if self.closing.get() || data.is_empty() {
            return Ok(());
        }
        self.answering.set(true);
        let mut rest = self.rest.take();
        let bytes = if rest.is_empty() {
            data
        } else {
            rest.extend_from_slice(data);
            &rest
        };
        let used = self.read(this, bytes)?;
        match bytes.get(used..) {
            Some(left) if !left.is_empty() => drop(self.rest.replace(left.to_vec())),
            _ => {}
        }
        Ok(())
    }

    /// Reads a large body to where it is kept.
    pub(super) fn receive_body(
        &self,
        this: &Bound<'_, PyAny>,
        read: &mut Read<'_>,
    ) -> Option<PyResult<io::Result<usize>>> {
        if self.stage() != Some(Stage::Body) {
            return None;
        }
        let exchange = self.current()?;
        let left = self.machine.try_borrow().ok()?.body_left()?;
        if left < DIRECT as u64 || self.closing.get() || !self.rest.borrow().is_empty() {
            return None;
        }
        let room = usize::try_from(left).map_or(SCRATCH, |left| left.min(SCRATCH));
        Some(match exchange.fill(this.py(), room, read) {
            Ok(Ok(count)) if count > 0 => self
                .with_machine(|machine| machine.pass_body(count as u64))
                .and_then(|()| self.read(this, b""))
                .map(|_| Ok(count)),
            other => other,
        })
    }

    /// Reads all that can be read; says how much was used.
    fn read(&self, this: &Bound<'_, PyAny>, bytes: &[u8]) -> PyResult<usize> {
        let py = this.py();
        let mut used = 0;
        while !self.closing.get() {
            let exchange = self.current();
            let Ok(mut machine) = self.machine.try_borrow_mut() else {
                return Err(PyRuntimeError::new_err("the connection is busy reading"));
            };
            let (count, event) = machine.advance(bytes.get(used..).unwrap_or_default());
            used += count;
            match (event, exchange) {
                (Event::NeedMore, _) => break,
                (Event::Informational(head), Some(exchange)) => {
                    let fields = Packed::copied(head.headers.iter(), count);
                    let status = head.status;
                    drop(machine);
                    if status == 100 {
                        self.continued.set(true);
                        tell(py, &self.continuing)?;
                    } else {
                        exchange.note_early(status, fields);
                    }
                }
                (Event::Response(head), Some(exchange)) => {
                    exchange.begin(heading(&head, count));
                    drop(machine);
                    tell(py, &self.continuing)?;
                }
                (Event::Data(data), Some(exchange)) => {
                    let ends_chunk = machine.ends_chunk();
                    drop(machine);
                    exchange.add(py, data)?;
                    if ends_chunk {
                        exchange.note_end();
                    }
                }
                (Event::End(trailers), Some(exchange)) => {
                    let trailers = (!trailers.is_empty()).then(|| Packed::copied(trailers.iter(), count));
                    drop(machine);
                    exchange.end(trailers);
                    // Nobody asked for what is behind it.
                    self.doomed.set(used < bytes.len());
                    return self.ended(this).map(|()| used);
                }
                (Event::Upgraded, Some(exchange)) => {
                    drop(machine);
                    exchange.upgraded.set(true);
                    self.pause(py)?;
                    return exchange.tell(py).map(|()| used);
                }
                (Event::Broken(reason), _) => {
                    drop(machine);
                    return self.broken(this, reason).map(|()| used);
                }
                _ => {
                    drop(machine);
                    return self.close(this, "disconnected").map(|()| used);
                }
            }
        }
        self.hand_on(py)?;
        Ok(used)
    }

    /// Tells who waits, and reads no more for now if more waits than should.
    fn hand_on(&self, py: Python<'_>) -> PyResult<()> {
        let Some(exchange) = self.current() else { return Ok(()) };
        if exchange.stage.get() == Stage::Head {
            return Ok(());
        }
        // Who waits will say so, if that was more than enough.
        if exchange.weight() > HIGH && !exchange.wants_all.get() && exchange.waiter.is_empty() {
            self.pause(py)?;
        }
        if exchange.wants_all.get() { Ok(()) } else { exchange.tell(py) }
    }

    /// The answer is whole. If the request is not, that may still become so.
    fn ended(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if !self.sending.get() || self.doomed.get() {
            return self.finish(this);
        }
        self.current().map_or(Ok(()), |exchange| exchange.tell(this.py()))
    }

    fn broken(&self, this: &Bound<'_, PyAny>, reason: &'static str) -> PyResult<()> {
        let kind = if self.stage() == Some(Stage::Body) { "cut" } else { "broken" };
        self.close_for(this, kind, Some(PyString::new(this.py(), reason).into_any()))
    }

    /// The server sends nothing more, for `reason` if there was an error.
    pub(super) fn end_of_input(&self, this: &Bound<'_, PyAny>, reason: Option<Py<PyAny>>) -> PyResult<()> {
        if self.closing.get() {
            return Ok(());
        }
        let py = this.py();
        if let Some(reason) = reason {
            return self.close_for(this, "lost", Some(reason.into_bound(py)));
        }
        let text = self.with_machine(|machine| match machine.end_of_input() {
            Event::Broken(reason) => Some(reason),
            _ => None,
        })?;
        match (text, self.current()) {
            (None, Some(exchange)) if exchange.stage.get() == Stage::Body && !exchange.upgraded.get() => {
                exchange.end(None);
                self.doomed.set(true);
                self.finish(this)
            }
            (text, _) => {
                let kind = if self.stage() == Some(Stage::Body) { "cut" } else { "disconnected" };
                self.close_for(this, kind, text.map(|text| PyString::new(py, text).into_any()))
            }
        }
    }
}

fn heading(head: &Head<'_>, size: usize) -> Heading {
    let reason = (&b""[..], head.reason);
    // Each field is behind two lengths, where it had a colon, a space and a line end.
    let size = size + 4 * (head.headers.len() + 2);
    Heading {
        status: head.status,
        minor: u8::from(head.version == Version::Http11),
        fields: Packed::copied(std::iter::once(reason).chain(head.headers.iter()), size),
        length: if let Length::Known(length) = head.length { Some(length) } else { None },
    }
}
