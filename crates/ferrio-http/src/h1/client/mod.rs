//! A client's side: requests out, answers in. Owns the state of one connection; knows no socket, no clock, no pool.
//!
//! ```text
//!   writing   Idle ──request──▶ Body ──last part──▶ Whole ────┐
//!                                                             ├─▶ Idle, if both sides let it go on
//!   reading   Idle ──request──▶ Head ──Response──▶ Body ──End─┘
//!                               │  ▲
//!                               └──┘ Informational      101, or 2xx to CONNECT ──▶ Upgraded
//!             what cannot be read ──▶ Closed, after Broken
//! ```
//!
//! Rule 1: one request at a time. The next one may begin when [`Connection::can_reuse`] says so.
//! Rule 2: lengths are read as strictly as a server reads them. What is only untidy is let pass: a status line without a
//! phrase, and, where asked for, values that are folded over lines.
//! Rule 3: a request that would break the protocol is not written ([`Misuse`]).

mod reading;
mod writing;

use super::Version;
use super::fields::{Headers, Lines};
use super::length::Length;
use super::limits::Limits;
use super::receiving::Receiver;
use super::sending::Sender;

#[cfg(doc)]
use super::Misuse;

/// The head of an answer, in the bytes that came.
///
/// ```
/// use ferrio_http::h1::{Length, Limits, client::{Connection, Event}};
///
/// let mut connection = Connection::new(Limits::default());
/// connection.request(b"GET", b"/", [(&b"host"[..], &b"a"[..])], Length::Known(0), &mut Vec::new())?;
/// let (_, event) = connection.advance(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
/// let Event::Response(head) = event else { panic!("an answer") };
/// assert_eq!((head.status, head.reason, head.length), (404, &b"Not Found"[..], Length::Known(0)));
/// # Ok::<(), ferrio_http::h1::Misuse>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// 100 to 999.
    pub status: u16,
    /// The phrase, which means nothing; empty where there is none.
    pub reason: &'a [u8],
    /// Of the answer.
    pub version: Version,
    /// In their order.
    pub headers: Headers<'a>,
    /// Of the body. Without one, as to HEAD: `Known(0)`, whatever `Content-Length` says.
    pub length: Length,
}

/// What the bytes that came mean.
///
/// ```
/// use ferrio_http::h1::{Length, Limits, client::{Connection, Event}};
///
/// let mut connection = Connection::new(Limits::default());
/// connection.request(b"GET", b"/", [(&b"host"[..], &b"a"[..])], Length::Known(0), &mut Vec::new())?;
/// let (_, event) = connection.advance(b"SSH-2.0-OpenSSH\r\n");
/// assert!(matches!(event, Event::Broken("the answer does not begin with a status line")));
/// # Ok::<(), ferrio_http::h1::Misuse>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Event<'s, 'i> {
    /// An interim answer: the final one is still to come.
    Informational(Head<'s>),
    /// The final answer begins.
    Response(Head<'s>),
    /// A part of its body, where it lies in the input.
    Data(&'i [u8]),
    /// The answer is whole. These are its trailers, without those that may not stand there.
    End(Headers<'s>),
    /// Nothing can be said before more bytes come. What was not used is given again, with more behind it.
    NeedMore,
    /// What comes from here on is another protocol's, and not used here.
    Upgraded,
    /// The connection ended where it may.
    Closed,
    /// What came is no answer, or the connection ended within one. Nothing more is read.
    Broken(&'static str),
}

/// One connection of a client's. Its states are drawn at the head of this module.
///
/// ```
/// use ferrio_http::h1::{Length, Limits, client::{Connection, Event}};
///
/// let mut connection = Connection::new(Limits::default());
/// let mut out = Vec::new();
/// connection.request(b"POST", b"/x", [(&b"host"[..], &b"a"[..])], Length::Known(2), &mut out)?;
/// connection.body(b"hi", false, &mut out)?;
/// assert_eq!(out, b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi");
///
/// let input = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nho";
/// let (head, event) = connection.advance(input);
/// assert!(matches!(event, Event::Response(head) if head.status == 200));
/// let (_, event) = connection.advance(&input[head..]);
/// assert!(matches!(event, Event::Data(b"ho")));
/// assert!(matches!(connection.advance(b"").1, Event::End(_)));
/// assert!(connection.can_reuse());
/// # Ok::<(), ferrio_http::h1::Misuse>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    /// Whether folded values are read.
    folds: bool,
    /// Of the head, then of the trailers.
    lines: Lines,
    reading: Reading,
    writing: Writing,
    /// Whether both sides let the connection go on. Only ever taken back.
    persists: bool,
    request: Request,
}

#[derive(Debug)]
enum Reading {
    Idle,
    Head,
    Body(Receiver),
    Upgraded,
    Closed,
}

#[derive(Debug)]
enum Writing {
    Idle,
    Body(Sender),
    Whole,
}

/// What of a request the reading of its answer depends on.
#[derive(Clone, Copy, Debug, Default)]
struct Request {
    head: bool,
    connect: bool,
    upgrade: bool,
}

impl Connection {
    /// A connection on which nothing was sent yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            folds: false,
            lines: Lines::default(),
            reading: Reading::Idle,
            writing: Writing::Idle,
            persists: true,
            request: Request::default(),
        }
    }

    /// Reads header values that go on in the next line, as old servers send them: line ends become spaces.
    ///
    /// ```
    /// use ferrio_http::h1::{Length, Limits, client::{Connection, Event}};
    ///
    /// let mut connection = Connection::new(Limits::default()).with_folds();
    /// connection.request(b"GET", b"/", [(&b"host"[..], &b"a"[..])], Length::Known(0), &mut Vec::new())?;
    /// let (_, event) = connection.advance(b"HTTP/1.1 204\r\nx: a\r\n b\r\n\r\n");
    /// assert!(matches!(event, Event::Response(head) if head.headers.find("x") == Some(b"a   b")));
    /// # Ok::<(), ferrio_http::h1::Misuse>(())
    /// ```
    #[must_use]
    pub fn with_folds(mut self) -> Self {
        self.folds = true;
        self
    }

    /// Whether the last exchange is over and another may follow on this connection.
    ///
    /// ```
    /// use ferrio_http::h1::{Limits, client::Connection};
    ///
    /// assert!(Connection::new(Limits::default()).can_reuse());
    /// ```
    #[must_use]
    pub fn can_reuse(&self) -> bool {
        self.persists && matches!((&self.reading, &self.writing), (Reading::Idle, Writing::Idle))
    }

    /// The answer is whole, or the request is: the exchange is over when both are. An answer that comes before the request is
    /// whole leaves the connection unusable, unless the caller sends the rest.
    fn settle(&mut self) {
        if matches!((&self.reading, &self.writing), (Reading::Idle, Writing::Whole)) {
            self.writing = Writing::Idle;
            if !self.persists {
                self.reading = Reading::Closed;
            }
        }
    }
}
