//! What goes out: heads, bodies, interim answers, refusals. Knows of what comes in only what the request was.

use super::heading::{Pair, write_given};
use super::{Answering, Connection, Reading};
use crate::h1::bytes::decimal;
use crate::h1::defaults::Defaults;
use crate::h1::faults::{Misuse, Refusal};
use crate::h1::sending::{Frame, Sender, bodies, field, whole};
use crate::h1::status as statuses;

impl Connection {
    /// Appends the head of an answer, whose body comes by [`body`](Self::body), [`frame`](Self::frame) or
    /// [`trailers`](Self::trailers).
    ///
    /// A `Content-Length` among the headers is kept, and kept to. Without one the body goes in chunks, to HTTP/1.0 until the
    /// connection ends. `Transfer-Encoding: chunked` asks for chunks; `Connection: close` ends the connection with this answer.
    /// With 101 the connection is [`Upgraded`](super::Event::Upgraded), and so it is with 2xx to CONNECT.
    ///
    /// ```
    /// use ferrio_http::h1::{Defaults, Limits, server::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.advance(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// let mut out = Vec::new();
    /// connection.respond(200, [], &Defaults::new(), &mut out)?;
    /// connection.body(b"hello", false, &mut out)?;
    /// assert_eq!(out, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse`] where no head is due, for a status that is none, and for a header that must not be sent. Nothing is written
    /// then, so that another answer can be.
    pub fn respond<'h>(
        &mut self,
        status: u16,
        headers: impl IntoIterator<Item = Pair<'h>>,
        defaults: &Defaults,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.begin(status, headers, None, defaults, out).map(|_| ())
    }

    /// Appends the head of an answer, and what comes before the first `length` bytes of its body, which the caller sends by itself:
    /// [`respond`](Self::respond) and [`frame`](Self::frame) in one.
    ///
    /// ```
    /// use ferrio_http::h1::{Defaults, Limits, server::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.advance(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// let (defaults, mut out) = (Defaults::new(), Vec::new());
    /// let long = [(&b"content-length"[..], &b"1"[..])];
    /// assert!(connection.respond_framed(200, long, 2, true, &defaults, &mut out).is_err() && out.is_empty());
    /// connection.answer(500, [], b"", &defaults, &mut out)?;
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As either of them, but nothing is written then, so that another answer can be.
    pub fn respond_framed<'h>(
        &mut self,
        status: u16,
        headers: impl IntoIterator<Item = Pair<'h>>,
        length: usize,
        more: bool,
        defaults: &Defaults,
        out: &mut Vec<u8>,
    ) -> Result<Frame, Misuse> {
        let mark = out.len();
        self.begin(status, headers, None, defaults, out)?;
        let Answering::Body(sender) = &mut self.answering else {
            // Another protocol follows, and no body.
            return Ok(Frame { send: false, suffix: b"" });
        };
        let framed = sender.frame(length, more, out);
        if framed.is_err() {
            out.truncate(mark);
            self.answering = Answering::Due;
        } else if !more {
            self.answered();
        }
        framed
    }

    /// Appends a whole answer, with a `Content-Length` unless its headers have one.
    ///
    /// # Errors
    ///
    /// As [`respond`](Self::respond), and where the headers say another length.
    pub fn answer<'h>(
        &mut self,
        status: u16,
        headers: impl IntoIterator<Item = Pair<'h>>,
        body: &[u8],
        defaults: &Defaults,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        let mark = out.len();
        // Of a usual head: one growth rather than several.
        out.reserve(body.len() + 256);
        let mut sender = self.begin(status, headers, Some(body.len() as u64), defaults, out)?;
        if let Some(sender) = &mut sender
            && let Err(misuse) = sender.body(body, false, out)
        {
            out.truncate(mark);
            return Err(misuse);
        }
        if sender.is_some() {
            self.answered();
        }
        Ok(())
    }

    bodies! {
        /// ```
        /// use ferrio_http::h1::{Defaults, Limits, server::Connection};
        ///
        /// let mut connection = Connection::new(Limits::default());
        /// connection.advance(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        /// let mut out = Vec::new();
        /// connection.respond(200, [], &Defaults::new(), &mut out)?;
        /// connection.trailers([(&b"x-sum"[..], &b"1"[..])], &mut out)?;
        /// assert!(out.ends_with(b"\r\n\r\n0\r\nx-sum: 1\r\n\r\n"));
        /// # Ok::<(), ferrio_http::h1::Misuse>(())
        /// ```
        trailers
    }

    /// Appends an interim answer, such as 103. Nothing is written to HTTP/1.0, which knows none.
    ///
    /// ```
    /// use ferrio_http::h1::{Limits, server::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.advance(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// let mut out = Vec::new();
    /// connection.informational(103, [(&b"link"[..], &b"</a>"[..])], &mut out)?;
    /// assert_eq!(out, b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse`] after the final head, for another status, for a header that must not be sent.
    pub fn informational<'h>(
        &mut self,
        status: u16,
        headers: impl IntoIterator<Item = Pair<'h>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.due()?;
        if !(100..200).contains(&status) || status == 101 {
            return Err(Misuse::Status(status));
        }
        if self.request.old {
            return Ok(());
        }
        self.request.expecting &= status != 100;
        whole(out, |out| {
            statuses::line(status, out);
            for (name, value) in headers {
                let framed = [&b"content-length"[..], b"transfer-encoding"];
                if framed.iter().any(|one| name.eq_ignore_ascii_case(one)) {
                    return Err(Misuse::header(name, "an interim answer has no body"));
                }
                field(name, value, out)?;
            }
            out.extend_from_slice(b"\r\n");
            Ok(())
        })
    }

    /// Appends `100 Continue` if the client waits for it: once, before any of its body came and before the final head. Says
    /// whether it did.
    ///
    /// ```
    /// use ferrio_http::h1::{Limits, server::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.advance(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    /// let mut out = Vec::new();
    /// assert!(connection.continue_(&mut out) && !connection.continue_(&mut out));
    /// assert_eq!(out, b"HTTP/1.1 100 Continue\r\n\r\n");
    /// ```
    pub fn continue_(&mut self, out: &mut Vec<u8>) -> bool {
        let waits = self.request.expecting && matches!(self.answering, Answering::Due);
        if waits {
            self.request.expecting = false;
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        waits
    }

    /// Appends the answer to a refused request, if none has begun, and ends the connection. Says whether it did.
    ///
    /// ```
    /// use ferrio_http::h1::{Defaults, Limits, server::{Connection, Event}};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// let (_, event) = connection.advance(b"GET\r\n\r\n");
    /// let Event::Refuse(refusal) = event else { panic!("no request") };
    /// let mut out = Vec::new();
    /// assert!(connection.refuse(refusal, &Defaults::new(), &mut out) && connection.is_closed());
    /// assert!(out.starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
    /// assert!(out.ends_with(b"connection: close\r\n\r\nthe request line has no target"));
    /// ```
    pub fn refuse(&mut self, refusal: Refusal, defaults: &Defaults, out: &mut Vec<u8>) -> bool {
        let unanswered = !self.has_begun();
        self.persists = false;
        self.answering = Answering::Idle;
        self.reading = Reading::Closed;
        if unanswered {
            statuses::line(refusal.status, out);
            defaults.write(defaults.given(b"content-type"), out);
            out.extend_from_slice(b"content-type: text/plain\r\ncontent-length: ");
            decimal(refusal.reason.len() as u64, out);
            out.extend_from_slice(b"\r\nconnection: close\r\n\r\n");
            if !self.request.head {
                out.extend_from_slice(refusal.reason.as_bytes());
            }
        }
        unanswered
    }

    fn due(&self) -> Result<(), Misuse> {
        match self.answering {
            Answering::Due => Ok(()),
            Answering::Idle => Err(Misuse::Order("an answer without a request")),
            Answering::Body(_) => Err(Misuse::Order("a second head for one request")),
        }
    }

    /// Appends a head. The sender of the body is handed back where the whole body is at hand (`size`), and kept otherwise.
    fn begin<'h>(
        &mut self,
        status: u16,
        headers: impl IntoIterator<Item = Pair<'h>>,
        size: Option<u64>,
        defaults: &Defaults,
        out: &mut Vec<u8>,
    ) -> Result<Option<Sender>, Misuse> {
        self.due()?;
        if !(200..1000).contains(&status) && status != 101 {
            return Err(Misuse::Status(status));
        }
        let switches = status == 101;
        if switches && !self.request.upgrade {
            return Err(Misuse::Order("101 to a request that does not ask to switch"));
        }
        if switches && !self.is_read() {
            return Err(Misuse::Order("101 before the request's body is read"));
        }
        let switches = switches || self.request.connect && (200..300).contains(&status);
        let sender = whole(out, |out| {
            statuses::line(status, out);
            let framing = write_given(headers, defaults, out)?;
            self.write_own(status, &framing, size, switches, out)
        })?;
        self.request.expecting = false;
        if switches {
            self.answering = Answering::Idle;
            self.reading = Reading::Upgraded;
        } else if size.is_some() {
            return Ok(Some(sender));
        } else {
            self.answering = Answering::Body(sender);
        }
        Ok(None)
    }

    fn send<T>(
        &mut self,
        out: &mut Vec<u8>,
        more: bool,
        write: impl FnOnce(&mut Sender, &mut Vec<u8>) -> Result<T, Misuse>,
    ) -> Result<T, Misuse> {
        let Answering::Body(sender) = &mut self.answering else {
            return Err(Misuse::Order(match self.answering {
                Answering::Due => "a body before its head",
                _ => "a body after its end",
            }));
        };
        let written = whole(out, |out| write(sender, out));
        if written.is_err() {
            self.persists = false;
        }
        if !more || matches!(written, Err(Misuse::TooMuch | Misuse::TooLittle(_))) {
            self.answered();
        }
        written
    }
}
