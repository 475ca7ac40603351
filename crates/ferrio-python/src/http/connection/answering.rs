//! Answers go out: heads, bodies, errors.

use ferrio_http::h1::server::Connection as Machine;
use ferrio_http::h1::{Defaults, Frame, Misuse, Refusal};
use pyo3::types::{PyBytes, PyString};

use super::{HttpConnection, ON_ITS_WAY};
use crate::event_loop::run::both;
use crate::ffi::prelude::*;
use crate::http::answer::{Fields, Stage, misused};
use crate::http::exchange::Exchange;

impl HttpConnection {
    /// Sends a part of an answer.
    pub(crate) fn answer(
        &self,
        this: &Bound<'_, PyAny>,
        exchange: &Exchange,
        body: &Bound<'_, PyBytes>,
        more: bool,
    ) -> PyResult<()> {
        let py = this.py();
        let data = body.as_bytes();
        let large = self.is_large(data.len());
        let mut out = self.out.take();
        let written = if exchange.answer.was_sent() {
            self.with_machine(|machine| {
                if large {
                    return machine.frame(data.len(), more, &mut out).map(Some);
                }
                machine.body(data, more, &mut out).map(|()| None)
            })?
        } else {
            let fields = exchange.answer.headers(py)?;
            self.with_serving(py, |serving, _| {
                let defaults = serving.dated();
                self.with_machine(|machine| {
                    begin(machine, exchange, &fields, (data, large), more, &defaults, &mut out)
                })
            })?
        };
        let frame = match written {
            Ok(frame) => frame,
            Err(misuse) => {
                self.out.replace(out);
                return Err(misused(&misuse));
            }
        };
        let began = !exchange.answer.was_sent();
        exchange.answer.set(if more { Stage::Body } else { Stage::Whole });
        self.out.replace(out);
        // The client's answer does not depend on the log.
        let logged = if began { self.log(py, exchange, exchange.answer.status()) } else { Ok(()) };
        let sent = if let Some(frame) = frame {
            let before = self.out.take();
            let data = if frame.send { body.clone() } else { PyBytes::new(py, b"") };
            self.below.write_around(py, &before, &data, frame.suffix)
        } else if self.reads.get() && self.follows.get() {
            self.flush_much(py)
        } else {
            self.flush(py)
        };
        let ended = if more { Ok(()) } else { self.answered(this, exchange) };
        both(py, logged, both(py, sent, ended))
    }

    /// Sends the head of an answer whose body is a file of `size` bytes, which whoever calls sends past the machine: whether there is
    /// one to be sent, as there is not to HEAD. `None` where a file cannot be sent like that.
    pub(crate) fn begin_file(
        &self,
        py: Python<'_>,
        exchange: &Exchange,
        size: u64,
    ) -> PyResult<Option<bool>> {
        if !self.below.is_native() || self.reads.get() || exchange.answer.stage() != Stage::Begun {
            return Ok(None);
        }
        let fields = exchange.answer.headers(py)?;
        if fields.has("transfer-encoding") {
            return Ok(None);
        }
        let length = size.to_string();
        let own = (!fields.has("content-length")).then_some((&b"content-length"[..], length.as_bytes()));
        let mut out = self.out.take();
        let begun = self.with_serving(py, |serving, _| {
            self.with_machine(|machine| {
                let status = exchange.answer.status();
                let count = usize::try_from(size).unwrap_or(usize::MAX);
                let fields = fields.iter().chain(own);
                machine.respond_framed(status, fields, count, true, &serving.dated(), &mut out)
            })
        });
        self.out.replace(out);
        let frame = begun?.map_err(|misuse| misused(&misuse))?;
        exchange.answer.set(Stage::Body);
        let logged = self.log(py, exchange, exchange.answer.status());
        both(py, logged, self.flush(py))?;
        Ok(Some(frame.send))
    }

    /// The answer is whole: on to the next request, or to the end.
    pub(super) fn answered(&self, this: &Bound<'_, PyAny>, exchange: &Exchange) -> PyResult<()> {
        let py = this.py();
        exchange.tell(py)?;
        self.with_serving(py, |serving, object| serving.answered(object, self))?;
        if self.with_machine(|machine| machine.is_closed())? {
            return self.part(py, exchange);
        }
        if self.with_machine(|machine| machine.has_promised())? {
            self.deadline.set(self.with_serving(py, |serving, _| serving.now(py))? + ON_ITS_WAY);
        }
        if self.reads.get() {
            return Ok(());
        }
        if self.rest.borrow().is_empty() {
            return self.read_on(this);
        }
        self.go_on_later(this)
    }

    /// Answers with all that there is, and ends the connection.
    pub(crate) fn answer_whole(
        &self,
        this: &Bound<'_, PyAny>,
        exchange: &Exchange,
        status: u16,
        fields: &[(Vec<u8>, Vec<u8>)],
        body: &[u8],
    ) -> PyResult<()> {
        let py = this.py();
        let close = (&b"connection"[..], &b"close"[..]);
        let fields = fields.iter().map(|(name, value)| (&**name, &**value)).chain([close]);
        let mut out = self.out.take();
        let answered = self.with_serving(py, |serving, _| {
            self.with_machine(|machine| machine.answer(status, fields, body, &serving.dated(), &mut out))
        });
        self.out.replace(out);
        answered?.map_err(|misuse| misused(&misuse))?;
        exchange.answer.set(Stage::Whole);
        let logged = self.log(py, exchange, status);
        both(py, logged, both(py, self.flush(py), self.answered(this, exchange)))
    }

    pub(super) fn refuse(&self, this: &Bound<'_, PyAny>, refusal: Refusal) -> PyResult<()> {
        let py = this.py();
        let current = self.exchange.bind(py);
        if let Some(exchange) = current.as_ref().and_then(Exchange::of) {
            exchange.lose(py)?;
        }
        self.with_serving(py, |serving, _| {
            let mut out = self.out.take();
            let told = self.with_machine(|machine| machine.refuse(refusal, &serving.dated(), &mut out));
            self.out.replace(out);
            told?;
            serving.report(py, intern!(py, "refused"), PyString::new(py, refusal.reason).as_any())
        })?;
        self.linger(py)
    }

    /// The application will not finish its answer: the client gets an error, or the end of the connection.
    pub(crate) fn fail(&self, this: &Bound<'_, PyAny>, exchange: &Exchange) -> PyResult<()> {
        let py = this.py();
        if exchange.answer.was_sent() || exchange.is_lost() {
            return self.part(py, exchange);
        }
        let headers = [(&b"content-type"[..], &b"text/plain; charset=utf-8"[..]), (b"connection", b"close")];
        let mut out = self.out.take();
        let answered = self.with_serving(py, |serving, _| {
            self.with_machine(|machine| {
                machine.answer(500, headers, b"Internal Server Error", &serving.dated(), &mut out)
            })
        });
        self.out.replace(out);
        exchange.answer.set(Stage::Whole);
        answered?.map_err(|misuse| misused(&misuse))?;
        let logged = self.log(py, exchange, 500);
        both(py, logged, both(py, self.flush(py), self.answered(this, exchange)))
    }

    pub(crate) fn hint(&self, py: Python<'_>, links: &[Bound<'_, PyBytes>]) -> PyResult<()> {
        let mut out = self.out.take();
        let fields = links.iter().map(|link| (&b"link"[..], link.as_bytes()));
        let written = self.with_machine(|machine| machine.informational(103, fields, &mut out));
        self.out.replace(out);
        written?.map_err(|misuse| misused(&misuse))?;
        self.flush(py)
    }

    /// Tells a client that waits for it to send the body.
    pub(crate) fn ask_for_body(&self, py: Python<'_>) -> PyResult<()> {
        let mut out = self.out.take();
        let asked = self.with_machine(|machine| machine.continue_(&mut out));
        self.out.replace(out);
        if asked? { self.flush(py) } else { Ok(()) }
    }
}

/// Begins an answer, which may be all of it. A body that is `large` is left to the caller.
fn begin(
    machine: &mut Machine,
    exchange: &Exchange,
    fields: &Fields<'_>,
    (data, large): (&[u8], bool),
    more: bool,
    defaults: &Defaults,
    out: &mut Vec<u8>,
) -> Result<Option<Frame>, Misuse> {
    let status = exchange.answer.status();
    // An application that says both means the chunks, as it does to uvicorn.
    let chunked = fields.has("transfer-encoding");
    let fields =
        || fields.iter().filter(move |(name, _)| !(chunked && name.eq_ignore_ascii_case(b"content-length")));
    let has = |name: &str| fields().any(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
    // An answer to HEAD says the length of what it leaves out only if the application does.
    let unknown = exchange.answer.bodiless && data.is_empty() && !has("content-length");
    if !more && !large && !unknown {
        return machine.answer(status, fields(), data, defaults, out).map(|()| None);
    }
    let own = (!more && !chunked && large && !has("content-length")).then(|| data.len().to_string());
    let own = own.iter().map(|length| (&b"content-length"[..], length.as_bytes()));
    let frame = machine.respond_framed(status, fields().chain(own), data.len(), more, defaults, out)?;
    if large {
        return Ok(Some(frame));
    }
    if frame.send {
        out.extend_from_slice(data);
    }
    out.extend_from_slice(frame.suffix);
    Ok(None)
}
