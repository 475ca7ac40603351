//! A server's side: requests in, answers out. Owns the state of one connection; knows no socket, no clock, no application.
//!
//! What is read and what is written go on beside each other, and a request is over when both are:
//!
//! ```text
//!   reading   Head ──Request──▶ Body ──End──▶ Ended ─────┐
//!              ▲                 │ answer is whole first │ answer is whole
//!              │                 ▼                       │
//!              │◀──── up to `Limits::drain` bytes        │
//!              │◀──────────── the connection goes on ────┤
//!              │                                         ├──▶ Closed      it does not
//!              └── Refuse ───────────────────────▶ Closed└──▶ Upgraded    101, or CONNECT
//!
//!   answering Idle ──Request──▶ Due ──respond──▶ Body ──last part──▶ Idle
//!                                └─────answer──────────────────────▶ Idle
//! ```
//!
//! Rule 1: a pipelined request waits ([`Event::Blocked`]) until the answer before it is whole.
//! Rule 2: after a [`Refusal`], nothing more is read, whatever comes.
//! Rule 3: a call that would break the protocol writes nothing, and says so ([`Misuse`]).

mod answering;
mod heading;
mod reading;
mod request;

pub use request::Head;

use super::faults::Refusal;
use super::fields::{Headers, Lines};
use super::limits::Limits;
use super::receiving::Receiver;
use super::sending::Sender;
use request::RequestLine;

#[cfg(doc)]
use super::Misuse;

/// What the bytes that came mean.
///
/// ```
/// use ferrio_http::h1::{Limits, server::{Connection, Event}};
///
/// let mut connection = Connection::new(Limits::default());
/// let input = b"PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nhi";
/// let (head, event) = connection.advance(input);
/// assert!(matches!(event, Event::Request(_)));
/// let (body, event) = connection.advance(&input[head..]);
/// assert!(matches!(event, Event::Data(b"hi")));
/// let (_, event) = connection.advance(&input[head + body..]);
/// assert!(matches!(event, Event::End(trailers) if trailers.is_empty()));
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Event<'s, 'i> {
    /// A request begins.
    Request(Head<'s>),
    /// A part of its body, where it lies in the input.
    Data(&'i [u8]),
    /// The request is whole. These are its trailers, without those that may not stand there.
    End(Headers<'s>),
    /// Nothing can be said before more bytes come. What was not used is given again, with more behind it.
    NeedMore,
    /// The request is read, and its answer is not whole: the next one waits.
    Blocked,
    /// The request is refused, and nothing more is read. [`Connection::refuse`] writes the answer.
    Refuse(Refusal),
    /// What comes from here on is another protocol's, and not used here.
    Upgraded,
    /// Nothing more is read: the connection is to be closed once what was written is sent.
    Closed,
}

/// One connection of a server's. Its states are drawn at the head of this module.
///
/// ```
/// use ferrio_http::h1::{Defaults, Limits, server::{Connection, Event}};
///
/// let mut connection = Connection::new(Limits::default());
/// let (mut input, mut out) = (&b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"[..], Vec::new());
/// let mut targets = Vec::new();
/// loop {
///     let (used, event) = connection.advance(input);
///     input = &input[used..];
///     match event {
///         Event::Request(head) => targets.push(head.target.to_vec()),
///         Event::End(_) => connection.answer(204, [], b"", &Defaults::new(), &mut out)?,
///         Event::NeedMore => break,
///         other => panic!("{other:?}"),
///     }
/// }
/// assert_eq!(targets, [b"/1", b"/2"]);
/// assert_eq!(out, b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
/// # Ok::<(), ferrio_http::h1::Misuse>(())
/// ```
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Connection {
    limits: Limits,
    /// Whether CONNECT is the application's to answer.
    tunnels: bool,
    /// Of the head, then of the trailers.
    lines: Lines,
    /// Of a head that is not whole yet.
    line: Option<RequestLine>,
    reading: Reading,
    answering: Answering,
    /// Whether another request may follow this one. Only ever taken back.
    persists: bool,
    /// The next answer that begins is the last.
    retiring: bool,
    /// See [`Connection::has_promised`].
    promised: bool,
    /// Of the request that is to be answered.
    request: Request,
}

#[derive(Debug)]
enum Reading {
    Head,
    /// `unwanted`: bytes of it that came after the answer was whole.
    Body {
        receiver: Receiver,
        unwanted: u64,
    },
    Ended,
    Upgraded,
    Closed,
}

#[derive(Debug)]
enum Answering {
    Idle,
    Due,
    Body(Sender),
}

/// What of a request its answer depends on.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // Four independent facts.
struct Request {
    /// HTTP/1.0, which knows neither chunks nor interim answers.
    old: bool,
    head: bool,
    connect: bool,
    upgrade: bool,
    /// Whether the client waits for `100 Continue`, and none of its body came.
    expecting: bool,
}

impl Connection {
    /// A connection on which nothing came yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            tunnels: false,
            lines: Lines::default(),
            line: None,
            reading: Reading::Head,
            answering: Answering::Idle,
            persists: true,
            retiring: false,
            promised: false,
            request: Request::default(),
        }
    }

    /// Hands requests for a tunnel (CONNECT) on, which are refused with 501 otherwise. Answered with 2xx, the connection is
    /// [`Event::Upgraded`].
    ///
    /// ```
    /// use ferrio_http::h1::{Limits, server::{Connection, Event}};
    ///
    /// let input = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
    /// let refused = matches!(Connection::new(Limits::default()).advance(input).1, Event::Refuse(why) if why.status == 501);
    /// let mut proxy = Connection::new(Limits::default()).with_tunnels();
    /// assert!(refused && matches!(proxy.advance(input).1, Event::Request(head) if head.target == b"a:443"));
    /// ```
    #[must_use]
    pub fn with_tunnels(mut self) -> Self {
        self.tunnels = true;
        self
    }

    /// The next answer that begins is the last, and says so. Unlike one that is shut down, a connection that is idle waits for its
    /// request.
    ///
    /// ```
    /// use ferrio_http::h1::{Limits, server::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.retire();
    /// assert!(!connection.is_closed());
    /// ```
    pub fn retire(&mut self) {
        self.retiring = true;
        self.promised |= self.persists && self.has_begun();
    }

    /// Has the connection end with the request that is being answered, or at once where there is none: its answer says
    /// `Connection: close`. If that has begun without, the connection ends with the next request: see `has_promised`.
    ///
    /// ```
    /// use ferrio_http::h1::{Limits, server::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.shut_down();
    /// assert!(connection.is_closed());
    /// ```
    pub fn shut_down(&mut self) {
        self.retire();
        let draining = matches!(self.reading, Reading::Body { .. }) && !self.is_answering();
        if draining || (self.is_idle() && !self.promised) {
            self.reading = Reading::Closed;
        }
    }

    /// Whether the connection has to end, and its client could not know when it was told the last answer's head: a request may be on
    /// its way. Who serves it waits a moment for that.
    ///
    /// ```
    /// use ferrio_http::h1::{Defaults, Limits, server::Connection};
    ///
    /// let (mut connection, mut out) = (Connection::new(Limits::default()), Vec::new());
    /// connection.advance(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// connection.respond(200, [], &Defaults::new(), &mut out)?;
    /// connection.shut_down();
    /// connection.body(b"", false, &mut out)?;
    /// assert!(connection.has_promised() && !connection.is_closed());
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    #[must_use]
    pub fn has_promised(&self) -> bool {
        self.promised && self.persists
    }

    /// Whether nothing of a request came: such a connection may be closed at any time.
    ///
    /// ```
    /// use ferrio_http::h1::{Limits, server::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// assert!(connection.is_idle());
    /// connection.advance(b"GET");
    /// assert!(!connection.is_idle());
    /// ```
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.reading, Reading::Head) && !self.lines.begun()
    }

    /// Whether a head has begun to come, and is not whole.
    ///
    /// ```
    /// use ferrio_http::h1::{Limits, server::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.advance(b"GET / HT");
    /// assert!(connection.is_heading());
    /// connection.advance(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(!connection.is_heading());
    /// ```
    #[must_use]
    pub fn is_heading(&self) -> bool {
        matches!(self.reading, Reading::Head) && self.lines.begun()
    }

    /// Whether an answer is to be written, or to be finished.
    ///
    /// ```
    /// use ferrio_http::h1::{Limits, server::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.advance(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(connection.is_answering());
    /// ```
    #[must_use]
    pub fn is_answering(&self) -> bool {
        !matches!(self.answering, Answering::Idle)
    }

    /// Whether the head of the answer is written, so that no other can be.
    ///
    /// ```
    /// use ferrio_http::h1::{Defaults, Limits, server::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.advance(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// connection.respond(200, [], &Defaults::new(), &mut Vec::new())?;
    /// assert!(connection.has_begun());
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    #[must_use]
    pub fn has_begun(&self) -> bool {
        matches!(self.answering, Answering::Body(_))
    }

    /// Whether the connection is to be closed once what was written is sent. Who closes reads on for a moment, or the peer may
    /// lose the end of the answer.
    ///
    /// ```
    /// use ferrio_http::h1::{Defaults, Limits, server::Connection};
    ///
    /// let mut connection = Connection::new(Limits::default());
    /// connection.advance(b"GET / HTTP/1.0\r\n\r\n");
    /// connection.answer(200, [], b"", &Defaults::new(), &mut Vec::new())?;
    /// assert!(connection.is_closed());
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.reading, Reading::Closed) && !self.is_answering()
    }

    /// Whether all of the request's body came.
    fn is_read(&self) -> bool {
        match &self.reading {
            Reading::Body { receiver, .. } => matches!(receiver, Receiver::Known(0)),
            Reading::Ended => true,
            _ => false,
        }
    }

    /// The answer is whole: on to the next request, to what is left of the body, or to the end.
    fn answered(&mut self) {
        self.answering = Answering::Idle;
        let left = match &self.reading {
            Reading::Body { receiver: Receiver::Known(left), .. } => *left,
            _ => 0,
        };
        if matches!(self.reading, Reading::Closed) || !self.persists || left > self.limits.drain {
            self.reading = Reading::Closed;
        } else if self.is_read() {
            self.next();
        }
    }

    fn next(&mut self) {
        self.lines.reset();
        self.line = None;
        self.reading = Reading::Head;
    }
}
