//! What reading may fail with: `ReadError`. Everything else is an `io::Error`.

use std::fmt;
use std::io;

/// Why `read_exact` and `read_until` gave nothing.
#[derive(Debug)]
pub enum ReadError {
    /// The stream ended before all was there. asyncio's `IncompleteReadError`.
    Incomplete {
        /// What was there.
        partial: Vec<u8>,
        /// How many bytes were asked for, where that is known.
        expected: Option<usize>,
    },
    /// The separator is not in as many bytes as the reader keeps. They are still there to be read. asyncio's
    /// `LimitOverrunError`.
    LimitOverrun {
        /// How many bytes were looked at.
        consumed: usize,
    },
    /// The connection failed.
    Io(io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Incomplete { partial, expected: Some(expected) } => {
                write!(f, "{} bytes read on a total of {expected} expected bytes", partial.len())
            }
            ReadError::Incomplete { partial, expected: None } => {
                write!(f, "{} bytes read, and the stream ended before the separator", partial.len())
            }
            ReadError::LimitOverrun { consumed } => {
                write!(
                    f,
                    "no separator in {consumed} bytes; raise the limit with `set_limit`, or read in pieces"
                )
            }
            ReadError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        ReadError::Io(error)
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            ReadError::Incomplete { .. } => io::Error::new(io::ErrorKind::UnexpectedEof, error),
            ReadError::LimitOverrun { .. } => io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}
