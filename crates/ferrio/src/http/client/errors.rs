//! `Error`: why there is no answer, or not all of it: which request, which phase, what to do.
//!
//! Invariant: no secret is in it. Of an address it has scheme, host, port and path, without user and query.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use http::{Method, StatusCode};

use crate::http::client::address::Address;

/// How far a request has come.
///
/// ```
/// use ferrio::http::client::Phase;
///
/// assert_eq!(Phase::Connect.to_string(), "connecting");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The request is made.
    Build,
    /// It waits for a place among the connections that there may be.
    Pool,
    /// It has its connection opened: names, proxies and TLS included.
    Connect,
    /// It is sent, and its answer's head awaited.
    Head,
    /// A redirect is followed.
    Redirect,
    /// The answer's body is read.
    Body,
    /// The answer was not what it was to be.
    Status,
}

/// Why a request failed. It may go to other threads.
///
/// ```
/// use ferrio::http::Client;
///
/// ferrio::run(async {
///     let error = Client::new().get("http://me:secret@127.0.0.1:1/path?key=secret").send().await.unwrap_err();
///     assert!(error.is_connect() && !error.is_timeout());
///     assert_eq!(error.url(), "http://127.0.0.1:1/path");
///     assert!(error.to_string().starts_with("GET http://127.0.0.1:1/path: connecting: "));
/// });
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    method: Method,
    url: String,
    phase: Phase,
    why: Why,
}

/// What happened.
#[derive(Debug)]
pub(super) enum Why {
    /// In words.
    Text(&'static str),
    /// The time for it is over.
    Timeout,
    Status(StatusCode),
    Other(Box<dyn StdError + Send + Sync>),
}

impl Error {
    pub(super) fn new(method: &Method, address: Option<&Address>, phase: Phase, why: Why) -> Self {
        let url = address.map_or_else(|| "?".to_owned(), Address::shown);
        Error(Box::new(Inner { method: method.clone(), url, phase, why }))
    }

    /// The address, without what may be secret in it: user and query.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// How far the request came.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// Whether a time limit was over.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.why, Why::Timeout)
    }

    /// Whether there was no connection: nothing of the request was sent.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.0.phase, Phase::Pool | Phase::Connect)
    }

    /// Whether redirects led nowhere, or too far.
    #[must_use]
    pub fn is_redirect(&self) -> bool {
        self.0.phase == Phase::Redirect
    }

    /// Whether the answer's body was cut off, broken or too long.
    #[must_use]
    pub fn is_body(&self) -> bool {
        self.0.phase == Phase::Body
    }

    /// The status, where [`error_for_status`](crate::http::client::Response::error_for_status) was asked, or a WebSocket.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        if let Why::Status(status) = self.0.why { Some(status) } else { None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { method, url, phase, why } = &*self.0;
        match why {
            Why::Status(status) => return write!(f, "{method} {url}: the answer is {status}"),
            Why::Timeout => write!(f, "{method} {url}: timed out while {phase}"),
            Why::Text(text) => write!(f, "{method} {url}: {phase}: {text}"),
            Why::Other(error) => write!(f, "{method} {url}: {phase}: {error}"),
        }?;
        match (why, phase) {
            (Why::Timeout, Phase::Pool) => {
                f.write_str("; give answers back sooner, or allow more connections")
            }
            (Why::Timeout, Phase::Connect | Phase::Head | Phase::Body) => {
                f.write_str("; see the builder's time-outs")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        if let Why::Other(error) = &self.0.why { Some(&**error) } else { None }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error.0.why {
            Why::Timeout => io::ErrorKind::TimedOut,
            Why::Other(inner) => inner.downcast_ref().map_or(io::ErrorKind::Other, io::Error::kind),
            Why::Text(_) | Why::Status(_) => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Build => "making the request",
            Phase::Pool => "waiting for a connection",
            Phase::Connect => "connecting",
            Phase::Head => "waiting for the answer",
            Phase::Redirect => "following redirects",
            Phase::Body => "reading the body",
            Phase::Status => "reading the status",
        })
    }
}
