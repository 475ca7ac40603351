//! What can go wrong: a peer's fault, which is a [`Refusal`], and the caller's own, which is a [`Misuse`]. Knows no machine.

use std::fmt;

/// Why a message is not read further: the status that a server answers with, and the reason in words.
///
/// ```
/// use ferrio_http::h1::{Limits, Refusal, server::{Connection, Event}};
///
/// let mut connection = Connection::new(Limits::default());
/// let (_, event) = connection.advance(b"GET / HTTP/1.1\r\n\r\n");
/// let Event::Refuse(refusal) = event else { panic!("no Host") };
/// assert_eq!((refusal.status, refusal.reason), (400, "HTTP/1.1 needs a Host header"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status to answer with: 400, 408, 413, 414, 417, 431, 501 or 505.
    pub status: u16,
    /// What is wrong, in words that may be sent to the peer.
    pub reason: &'static str,
}

impl Refusal {
    /// A request that was begun and not finished. When that is so its caller knows, who has a clock.
    pub const LATE: Self = Self::of(408, "the request did not come in time");

    /// A message that does not follow the grammar.
    pub(super) const fn bad(reason: &'static str) -> Self {
        Self { status: 400, reason }
    }

    pub(super) const fn of(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }
}

/// A call that would have broken the protocol. Nothing was written for it.
///
/// ```
/// use ferrio_http::h1::{Defaults, Limits, server::Connection};
///
/// let mut connection = Connection::new(Limits::default());
/// let misuse = connection.answer(200, [], b"", &Defaults::new(), &mut Vec::new()).unwrap_err();
/// assert_eq!(misuse.to_string(), "an answer without a request");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// A call that has no place here, such as a second head.
    Order(&'static str),
    /// A header that must not be sent.
    Header {
        /// Its name, with what is no text replaced.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A body longer than its Content-Length says.
    TooMuch,
    /// A body shorter than its Content-Length says, by this many bytes.
    TooLittle(u64),
    /// A number that is no status, or that is said by another call.
    Status(u16),
}

impl Misuse {
    #[cold]
    pub(super) fn header(name: &[u8], fault: &'static str) -> Self {
        Self::Header { name: String::from_utf8_lossy(name.get(..64).unwrap_or(name)).into_owned(), fault }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(text) => formatter.write_str(text),
            Self::Header { name, fault } => write!(formatter, "header {name:?}: {fault}"),
            Self::TooMuch => formatter.write_str("the body is longer than its Content-Length says"),
            Self::TooLittle(missing) => {
                write!(formatter, "the body ends {missing} bytes before its Content-Length")
            }
            Self::Status(status) => write!(formatter, "{status} is no status of a final answer"),
        }
    }
}

impl std::error::Error for Misuse {}
