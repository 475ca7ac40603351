//! What reading a body may fail with.

use std::fmt;
use std::io;

/// Why a body could not be read.
///
/// As an answer it is the status that fits: a service may hand it on with `?`.
///
/// ```
/// use ferrio::http::{Body, BodyError};
///
/// ferrio::run(async {
///     let error = Body::from("too much").bytes(3).await.unwrap_err();
///     assert!(matches!(error, BodyError::TooLong(3)));
///     assert_eq!(error.status(), 413);
/// });
/// ```
#[derive(Debug)]
pub enum BodyError {
    /// The client broke the protocol or a limit of the server's. Nothing more is read of this connection.
    Refused {
        /// What to answer with.
        status: u16,
        /// What is wrong.
        reason: &'static str,
    },
    /// It is longer than the caller takes.
    TooLong(usize),
    /// It is no UTF-8.
    NotText,
    /// Its request is answered, or its connection is lost.
    Over,
    /// Whatever makes it failed.
    Io(io::Error),
}

impl BodyError {
    /// The status that tells a client of it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            BodyError::Refused { status, .. } => *status,
            BodyError::TooLong(_) => 413,
            BodyError::NotText | BodyError::Over => 400,
            BodyError::Io(_) => 500,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::Refused { reason, .. } => f.write_str(reason),
            BodyError::TooLong(limit) => write!(f, "the body is longer than {limit} bytes"),
            BodyError::NotText => f.write_str("the body is no UTF-8"),
            BodyError::Over => f.write_str("the request is over: its body cannot be read any more"),
            BodyError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let BodyError::Io(error) = self { Some(error) } else { None }
    }
}

impl From<io::Error> for BodyError {
    fn from(error: io::Error) -> Self {
        BodyError::Io(error)
    }
}

impl From<BodyError> for io::Error {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Io(error) => error,
            BodyError::Over => io::Error::new(io::ErrorKind::ConnectionReset, error),
            _ => io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}
