//! What comes in: `advance` and its parts. Knows of answers only whether one is due.

use super::request::RequestLine;
use super::{Answering, Connection, Event, Reading, Request};
use crate::h1::Version;
use crate::h1::faults::Refusal;
use crate::h1::fields::{Headers, Rules};
use crate::h1::length::Length;
use crate::h1::receiving::{Piece, Receiver};

impl Connection {
    /// Looks at what came: how many bytes are used, and what they mean. Called again with the rest until it says
    /// [`Event::NeedMore`], or one of the events that stay.
    ///
    /// A head is used when it is whole; until then the same bytes are given again with more behind them, and are not searched
    /// again.
    pub fn advance<'s, 'i: 's>(&'s mut self, input: &'i [u8]) -> (usize, Event<'s, 'i>) {
        match self.reading {
            Reading::Head => self.head(input),
            Reading::Body { .. } if self.is_answering() => self.content(input),
            Reading::Body { .. } => self.drain(input),
            Reading::Ended => (0, Event::Blocked),
            Reading::Upgraded => (0, Event::Upgraded),
            Reading::Closed => (0, Event::Closed),
        }
    }

    /// The peer sends nothing more. Between requests that is [`Event::Closed`]; within one it is refused, and the
    /// application's answer, if one is due, may still be written.
    ///
    /// ```
    /// use ferrio_http::h1::{Limits, server::{Connection, Event}};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.advance(b"GET / HT");
    /// assert!(matches!(connection.end_of_input(), Event::Refuse(why) if why.status == 400));
    /// ```
    pub fn end_of_input(&mut self) -> Event<'static, 'static> {
        self.persists = false;
        match self.reading {
            Reading::Head if self.lines.begun() => {
                self.stop(Refusal::bad("the connection ended within a head"))
            }
            Reading::Body { .. } if self.is_answering() && !self.is_read() => {
                self.stop(Refusal::bad("the connection ended within a body"))
            }
            Reading::Body { .. } | Reading::Ended if self.is_answering() => Event::Blocked,
            Reading::Upgraded => Event::Upgraded,
            _ => {
                self.reading = Reading::Closed;
                Event::Closed
            }
        }
    }

    fn head<'s, 'i: 's>(&'s mut self, input: &'i [u8]) -> (usize, Event<'s, 'i>) {
        let end = match self.lines_of(input) {
            Ok(Some(end)) => end,
            Ok(None) => return (0, Event::NeedMore),
            Err(refusal) => return (0, self.stop(refusal)),
        };
        let Some(line) = self.line.take() else { return (0, Event::NeedMore) };
        // Destructured, since the head borrows the lines while the rest changes.
        let Self { limits, lines, reading, answering, persists, request, .. } = self;
        let refused = match line.head(input, lines.headers(input)) {
            Ok(head) if !matches!((head.length, limits.body), (Length::Known(size), Some(limit)) if size > limit) =>
            {
                *reading = Reading::Body { receiver: Receiver::new(head.length), unwanted: 0 };
                *answering = Answering::Due;
                *persists &= head.keep_alive;
                *request = Request {
                    old: head.version == Version::Http10,
                    head: head.method == b"HEAD",
                    connect: head.method == b"CONNECT",
                    upgrade: head.upgrade.is_some(),
                    expecting: head.expect_continue,
                };
                return (end, Event::Request(head));
            }
            Ok(_) => Refusal::of(413, "the body is too long"),
            Err(refusal) => refusal,
        };
        *persists = false;
        *reading = Reading::Closed;
        (0, Event::Refuse(refused))
    }

    /// Reads lines as far as they are there, and says where the head ends.
    fn lines_of(&mut self, input: &[u8]) -> Result<Option<usize>, Refusal> {
        const BEYOND: Refusal = Refusal::of(414, "the request line is too long");
        if self.line.is_none() {
            self.request = Request::default();
            let limit = self.limits.request_line.min(self.limits.head);
            let line = loop {
                let next = self.lines.next(input, limit, BEYOND).map_err(|why| endless(why, input, limit))?;
                let Some(line) = next else { return Ok(None) };
                // One empty line before a request is skipped: some clients end a body with one (RFC 9112, 2.2).
                if !line.is_empty() || line.start > 0 {
                    break line;
                }
            };
            let start = line.start;
            let text = input.get(line).unwrap_or_default();
            self.request.head = text.starts_with(b"HEAD ");
            self.line = Some(RequestLine::of(text, start, self.tunnels)?);
        }
        let rules = Rules { bytes: self.limits.head, headers: self.limits.headers, folds: false };
        self.lines.fields(input, rules)
    }

    fn content<'s, 'i: 's>(&'s mut self, input: &'i [u8]) -> (usize, Event<'s, 'i>) {
        let Self { limits, lines, reading, request, persists, .. } = self;
        let Reading::Body { receiver, .. } = reading else { return (0, Event::NeedMore) };
        match receiver.advance(input, lines, limits) {
            Ok((used, Piece::Data(data))) => {
                request.expecting = false;
                (used, Event::Data(data))
            }
            Ok((used, Piece::End { trailers })) => {
                *reading = Reading::Ended;
                request.expecting = false;
                let headers: Headers<'s> = lines.headers(input.get(trailers..).unwrap_or_default());
                (used, Event::End(headers))
            }
            Ok((used, Piece::More)) => {
                request.expecting &= used == 0;
                (used, Event::NeedMore)
            }
            Err(refusal) => {
                *persists = false;
                *reading = Reading::Closed;
                (0, Event::Refuse(refusal))
            }
        }
    }

    /// Reads on after the answer, up to the limit, for a client that sends its body before it looks at answers.
    fn drain<'s, 'i: 's>(&'s mut self, input: &'i [u8]) -> (usize, Event<'s, 'i>) {
        let mut at = 0;
        while let Reading::Body { receiver, unwanted } = &mut self.reading {
            let rest = input.get(at..).unwrap_or_default();
            match receiver.advance(rest, &mut self.lines, &self.limits) {
                Ok((used, Piece::More)) => return (at + used, Event::NeedMore),
                Ok((used, Piece::Data(data))) => {
                    at += used;
                    *unwanted += data.len() as u64;
                    if *unwanted > self.limits.drain {
                        self.reading = Reading::Closed;
                    }
                }
                Ok((used, Piece::End { .. })) => {
                    at += used;
                    self.next();
                }
                // Answered already: there is nobody to tell.
                Err(_) => self.reading = Reading::Closed,
            }
        }
        let (used, event) = self.advance(input.get(at..).unwrap_or_default());
        (at + used, event)
    }

    fn stop(&mut self, refusal: Refusal) -> Event<'static, 'static> {
        self.persists = false;
        self.reading = Reading::Closed;
        Event::Refuse(refusal)
    }
}

/// A first line without an end and without a space is no long target: it is no request at all.
fn endless(refusal: Refusal, input: &[u8], limit: usize) -> Refusal {
    let method = refusal.status == 414 && !input.iter().take(limit).any(|byte| *byte == b' ');
    if method { Refusal::bad("the method is too long") } else { refusal }
}
