//! What goes out: requests. Knows of answers nothing.

use super::{Connection, Reading, Request, Writing};
use crate::h1::Version;
use crate::h1::bytes::{decimal, is_authority, is_target, is_token, names};
use crate::h1::faults::Misuse;
use crate::h1::length::Length;
use crate::h1::sending::{Frame, Sender, bodies, field, whole};

type Pair<'h> = (&'h [u8], &'h [u8]);

impl Connection {
    /// Appends the head of a request. A body of `length` follows by [`body`](Self::body), [`frame`](Self::frame) or
    /// [`trailers`](Self::trailers); `Known(0)` is a request without one.
    ///
    /// The headers have exactly one `Host`, and neither `Content-Length` nor `Transfer-Encoding`, which `length` says.
    ///
    /// ```
    /// use ferrio_http::h1::{Length, Limits, client::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// let mut out = Vec::new();
    /// connection.request(b"GET", b"/a?b", [(&b"host"[..], &b"c"[..])], Length::Known(0), &mut out)?;
    /// assert_eq!(out, b"GET /a?b HTTP/1.1\r\nhost: c\r\n\r\n");
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse`] while another request is under way, and for what must not be sent. Nothing is written then.
    pub fn request<'h>(
        &mut self,
        method: &[u8],
        target: &[u8],
        headers: impl IntoIterator<Item = Pair<'h>>,
        length: Length,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.request_as(Version::Http11, (method, target), headers, length, out)
    }

    /// The same for a server that knows HTTP/1.0 alone, which has no chunks. The connection ends with the answer, unless both
    /// sides say `Connection: keep-alive`.
    ///
    /// ```
    /// use ferrio_http::h1::{Length, Limits, Version, client::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// let (line, headers, mut out) = ((&b"GET"[..], &b"/"[..]), [(&b"host"[..], &b"c"[..])], Vec::new());
    /// connection.request_as(Version::Http10, line, headers, Length::Known(0), &mut out)?;
    /// assert_eq!(out, b"GET / HTTP/1.0\r\nhost: c\r\n\r\n");
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request), and for a body in chunks.
    pub fn request_as<'h>(
        &mut self,
        version: Version,
        (method, target): (&[u8], &[u8]),
        headers: impl IntoIterator<Item = Pair<'h>>,
        length: Length,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        if !self.can_reuse() {
            return Err(Misuse::Order("a request on a connection that is in use, or at its end"));
        }
        if !is_token(method) {
            return Err(Misuse::Order("the method is no token"));
        }
        if !is_target(target) {
            return Err(Misuse::Order(
                "the target is empty, or has a space, a fragment, or bytes that are not ASCII",
            ));
        }
        let mut request =
            Request { head: method == b"HEAD", connect: method == b"CONNECT", ..Request::default() };
        let closes = whole(out, |out| head(&mut request, version, (method, target), headers, length, out))?;
        self.request = request;
        self.persists = !closes;
        self.lines.reset();
        self.reading = Reading::Head;
        self.writing = match length {
            Length::Known(0) => Writing::Whole,
            Length::Known(size) => Writing::Body(Sender::Known(size)),
            _ => Writing::Body(Sender::Chunked),
        };
        Ok(())
    }

    bodies! {
        /// ```
        /// use ferrio_http::h1::{Length, Limits, client::Connection};
        ///
        /// let mut connection = Connection::new(Limits::default());
        /// connection.request(b"PUT", b"/", [(&b"host"[..], &b"a"[..])], Length::Chunked, &mut Vec::new())?;
        /// let mut before = Vec::new();
        /// let frame = connection.frame(255, true, &mut before)?;
        /// assert_eq!((&before[..], frame.suffix), (&b"ff\r\n"[..], &b"\r\n"[..]));
        /// # Ok::<(), ferrio_http::h1::Misuse>(())
        /// ```
        frame
    }

    fn send<T>(
        &mut self,
        out: &mut Vec<u8>,
        more: bool,
        write: impl FnOnce(&mut Sender, &mut Vec<u8>) -> Result<T, Misuse>,
    ) -> Result<T, Misuse> {
        let Writing::Body(sender) = &mut self.writing else {
            return Err(Misuse::Order("a body without a request, or after its end"));
        };
        let written = whole(out, |out| write(sender, out));
        self.persists &= written.is_ok();
        if !more || written.is_err() {
            self.writing = Writing::Whole;
            self.settle();
        }
        written
    }
}

/// Appends a head, and says whether it asks for the connection to end.
fn head<'h>(
    request: &mut Request,
    version: Version,
    (method, target): (&[u8], &[u8]),
    headers: impl IntoIterator<Item = Pair<'h>>,
    length: Length,
    out: &mut Vec<u8>,
) -> Result<bool, Misuse> {
    let is_new = version == Version::Http11;
    if !is_new && length == Length::Chunked {
        return Err(Misuse::Order("HTTP/1.0 has no chunks: the length of the body has to be known"));
    }
    for part in [method, b" ", target, if is_new { b" HTTP/1.1\r\n" } else { b" HTTP/1.0\r\n" }] {
        out.extend_from_slice(part);
    }
    let (mut hosts, mut closes, mut stays, mut switches) = (0, false, is_new, false);
    for (name, value) in headers {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                hosts += 1;
                if !is_authority(value) {
                    return Err(Misuse::header(name, "it is no host and port"));
                }
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => request.upgrade = true,
            10 if name.eq_ignore_ascii_case(b"connection") => {
                closes |= names(value, b"close");
                stays = stays || names(value, b"keep-alive");
                switches |= names(value, b"upgrade");
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                return Err(Misuse::header(name, "the length is said by an argument"));
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                return Err(Misuse::header(name, "the length is said by an argument"));
            }
            _ => {}
        }
        field(name, value, out)?;
    }
    if hosts != 1 {
        return Err(Misuse::header(b"host", "a request has exactly one"));
    }
    request.upgrade &= switches;
    match length {
        // Without it a server may wait for a body, or refuse the request (RFC 9110, 8.6).
        Length::Known(0) if !matches!(method, b"POST" | b"PUT" | b"PATCH") => {}
        Length::Known(size) => {
            out.extend_from_slice(b"content-length: ");
            decimal(size, out);
            out.extend_from_slice(b"\r\n");
        }
        Length::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Length::UntilClose => return Err(Misuse::Order("a request's body does not end with its connection")),
    }
    out.extend_from_slice(b"\r\n");
    Ok(closes || !stays)
}
