//! What comes in: `advance` and its parts. Knows of the request what its answer depends on.

use super::{Connection, Event, Head, Reading, Request};
use crate::h1::Version;
use crate::h1::faults::Refusal;
use crate::h1::fields::{Headers, Rules};
use crate::h1::length::{Framing, Length};
use crate::h1::receiving::{Piece, Receiver};

impl Connection {
    /// Looks at what came: how many bytes are used, and what they mean. Called again with the rest until it says
    /// [`Event::NeedMore`], or one of the events that stay.
    ///
    /// A head is used when it is whole; until then the same bytes are given again with more behind them, and are not searched
    /// again.
    pub fn advance<'s, 'i: 's>(&'s mut self, input: &'i [u8]) -> (usize, Event<'s, 'i>) {
        match self.reading {
            Reading::Idle if input.is_empty() => (0, Event::NeedMore),
            Reading::Idle => (0, self.stop("bytes came without a request")),
            Reading::Head => self.head(input),
            Reading::Body(_) => self.content(input),
            Reading::Upgraded => (0, Event::Upgraded),
            Reading::Closed => (0, Event::Closed),
        }
    }

    /// How much is still to come of a body whose length is known.
    ///
    /// ```
    /// use ferrio_http::h1::{Length, Limits, client::{Connection, Event}};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.request(b"GET", b"/", [(&b"host"[..], &b"a"[..])], Length::Known(0), &mut Vec::new())?;
    /// connection.advance(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n");
    /// assert_eq!(connection.body_left(), Some(3));
    /// connection.pass_body(3);
    /// assert!(matches!(connection.advance(b"").1, Event::End(_)));
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    #[must_use]
    pub fn body_left(&self) -> Option<u64> {
        match self.reading {
            Reading::Body(Receiver::Known(left)) => Some(left),
            _ => None,
        }
    }

    /// So many bytes of it came, and were put where they belong without [`advance`](Self::advance); at most
    /// [`body_left`](Self::body_left).
    pub fn pass_body(&mut self, count: u64) {
        if let Reading::Body(Receiver::Known(left)) = &mut self.reading {
            *left = left.saturating_sub(count);
        }
    }

    /// The peer sends nothing more, which is how a body ends that has no length.
    ///
    /// ```
    /// use ferrio_http::h1::{Length, Limits, client::{Connection, Event}};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.request(b"GET", b"/", [(&b"host"[..], &b"a"[..])], Length::Known(0), &mut Vec::new())?;
    /// connection.advance(b"HTTP/1.1 200 OK\r\n\r\n");
    /// assert!(matches!(connection.end_of_input(), Event::End(_)));
    /// assert!(!connection.can_reuse());
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    pub fn end_of_input(&mut self) -> Event<'_, 'static> {
        self.persists = false;
        match self.reading {
            Reading::Body(Receiver::UntilClose | Receiver::Known(0)) => {
                self.reading = Reading::Closed;
                Event::End(Headers::default())
            }
            Reading::Head => self.stop("the connection ended before the answer"),
            Reading::Body(_) => self.stop("the connection ended within the answer"),
            Reading::Upgraded => Event::Upgraded,
            Reading::Idle | Reading::Closed => {
                self.reading = Reading::Closed;
                Event::Closed
            }
        }
    }

    /// Whether the [`Event::Data`] that came last ended one of the body's chunks. Chunks mean nothing, but programs exist that
    /// send a message in each.
    ///
    /// ```
    /// use ferrio_http::h1::{Length, Limits, client::{Connection, Event}};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.request(b"GET", b"/", [(&b"host"[..], &b"a"[..])], Length::Known(0), &mut Vec::new())?;
    /// connection.advance(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    /// assert!(matches!(connection.advance(b"3\r\nab"), (_, Event::Data(b"ab"))) && !connection.ends_chunk());
    /// assert!(matches!(connection.advance(b"c"), (_, Event::Data(b"c"))) && connection.ends_chunk());
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    #[must_use]
    pub fn ends_chunk(&self) -> bool {
        matches!(&self.reading, Reading::Body(Receiver::Chunked(chunked)) if chunked.ends_chunk())
    }

    fn head<'s, 'i: 's>(&'s mut self, input: &'i [u8]) -> (usize, Event<'s, 'i>) {
        // Read again for each cut, as the line is short; its bytes are not searched again.
        let read = self.lines_of(input).and_then(|end| match end {
            Some(end) => status_line(input).map(|line| Some((end, line))),
            None => Ok(None),
        });
        let (end, line) = match read {
            Ok(Some(read)) => read,
            Ok(None) => return (0, Event::NeedMore),
            Err(refusal) => return (0, self.stop(refusal.reason)),
        };
        self.lines.unfold(input);
        let framing = match Framing::of(&self.lines.headers(input)) {
            Ok(framing) => framing,
            Err(refusal) => return (0, self.stop(refusal.reason)),
        };
        let Self { limits, lines, reading, persists, request, .. } = self;
        if line.status < 200 && line.status != 101 {
            lines.begin_again();
        }
        let mut head = Head {
            status: line.status,
            reason: line.reason,
            version: line.version,
            headers: lines.headers(input),
            length: Length::Known(0),
        };
        let length = match after(&head, *request, &framing) {
            Ok(After::Interim) => return (end, Event::Informational(head)),
            Ok(After::Switch) => {
                *reading = Reading::Upgraded;
                return (end, Event::Response(head));
            }
            Ok(After::Body(Length::Known(size))) if limits.body.is_some_and(|limit| size > limit) => {
                Err(Refusal::of(413, "the body is too long"))
            }
            Ok(After::Body(length)) => Ok(length),
            Err(refusal) => Err(refusal),
        };
        match length {
            Ok(length) => {
                head.length = length;
                *persists &= length != Length::UntilClose && framing.persists(head.version);
                *reading = Reading::Body(Receiver::new(length));
                (end, Event::Response(head))
            }
            Err(refusal) => {
                *persists = false;
                *reading = Reading::Closed;
                (0, Event::Broken(refusal.reason))
            }
        }
    }

    /// Reads lines as far as they are there, and says where the head ends.
    fn lines_of(&mut self, input: &[u8]) -> Result<Option<usize>, Refusal> {
        const BEYOND: Refusal = Refusal::of(431, "the status line is too long");
        if self.lines.at_first() {
            let Some(line) = self.lines.next(input, self.limits.head, BEYOND)? else { return Ok(None) };
            // Refused at once: what does not speak HTTP may never send an empty line.
            status_line(input.get(line).unwrap_or_default())?;
        }
        let rules = Rules { bytes: self.limits.head, headers: self.limits.headers, folds: self.folds };
        self.lines.fields(input, rules)
    }

    fn content<'s, 'i: 's>(&'s mut self, input: &'i [u8]) -> (usize, Event<'s, 'i>) {
        let Reading::Body(receiver) = &mut self.reading else { return (0, Event::NeedMore) };
        match receiver.advance(input, &mut self.lines, &self.limits) {
            Ok((used, Piece::Data(data))) => (used, Event::Data(data)),
            Ok((used, Piece::More)) => (used, Event::NeedMore),
            Ok((used, Piece::End { trailers })) => {
                self.reading = Reading::Idle;
                self.settle();
                (used, Event::End(self.lines.headers(input.get(trailers..).unwrap_or_default())))
            }
            Err(refusal) => (0, self.stop(refusal.reason)),
        }
    }

    fn stop(&mut self, what: &'static str) -> Event<'static, 'static> {
        self.persists = false;
        self.reading = Reading::Closed;
        Event::Broken(what)
    }
}

struct StatusLine<'a> {
    version: Version,
    status: u16,
    reason: &'a [u8],
}

/// What a final or interim head is followed by.
enum After {
    Interim,
    Switch,
    Body(Length),
}

fn after(head: &Head<'_>, request: Request, framing: &Framing) -> Result<After, Refusal> {
    let success = (200..300).contains(&head.status);
    if head.status == 101 {
        return if request.upgrade {
            Ok(After::Switch)
        } else {
            Err(Refusal::bad("101 to a request that did not ask to switch"))
        };
    }
    if head.status < 200 {
        return Ok(After::Interim);
    }
    if request.connect && success {
        return Ok(After::Switch);
    }
    if request.head || head.status == 204 || head.status == 304 {
        return Ok(After::Body(Length::Known(0)));
    }
    framing.length(head.version).map(|length| After::Body(length.unwrap_or(Length::UntilClose)))
}

/// Reads a status line, which may lack its phrase and the space before that.
fn status_line(bytes: &[u8]) -> Result<StatusLine<'_>, Refusal> {
    const BAD: Refusal = Refusal::bad("the answer does not begin with a status line");
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (version, rest) = match (line.strip_prefix(b"HTTP/1.1 "), line.strip_prefix(b"HTTP/1.0 ")) {
        (Some(rest), _) => (Version::Http11, rest),
        (_, Some(rest)) => (Version::Http10, rest),
        _ => return Err(BAD),
    };
    let ([hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b' ', reason @ ..]
    | [hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9', reason @ ..]) = rest
    else {
        return Err(BAD);
    };
    if rest.len() > 3 && rest.get(3) != Some(&b' ') {
        return Err(BAD);
    }
    let digit = |byte: &u8| u16::from(byte - b'0');
    Ok(StatusLine { version, status: digit(hundreds) * 100 + digit(tens) * 10 + digit(ones), reason })
}
