//! A body as it goes out, and header fields that are checked before they do. Owns what is left of the body; knows neither side.

use super::bytes::{hexadecimal, is_token, is_value};
use super::chunked::may_trail;
use super::faults::Misuse;

/// What goes around a part of a body that the caller sends by itself, so that a long one is not copied.
///
/// ```
/// use ferrio_http::h1::{Defaults, Limits, server::Connection};
///
/// let mut connection = Connection::new(Limits::default());
/// let _ = connection.advance(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
/// let (mut before, data) = (Vec::new(), [7; 1000]);
/// connection.respond(200, [], &Defaults::new(), &mut before)?;
/// let frame = connection.frame(data.len(), false, &mut before)?;
/// assert!(frame.send && before.ends_with(b"\r\n\r\n3e8\r\n"));
/// assert_eq!(frame.suffix, b"\r\n0\r\n\r\n");
/// // The transport writes `before`, `data` and `frame.suffix`, in one call.
/// # Ok::<(), ferrio_http::h1::Misuse>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Frame {
    /// Whether the data is sent at all: not in an answer to HEAD.
    pub send: bool,
    /// What comes after the data.
    pub suffix: &'static [u8],
}

/// How a body goes out.
#[derive(Debug)]
pub(super) enum Sender {
    /// The message has no body: what there is of one is dropped.
    Dropped,
    Known(u64),
    Chunked,
    UntilClose,
}

impl Sender {
    /// Appends what comes before `length` bytes of data.
    pub(super) fn frame(&mut self, length: usize, more: bool, out: &mut Vec<u8>) -> Result<Frame, Misuse> {
        let mut suffix: &'static [u8] = b"";
        match self {
            Self::Dropped | Self::UntilClose => {}
            Self::Known(left) => {
                let rest = left.checked_sub(length as u64).ok_or(Misuse::TooMuch)?;
                if !more && rest > 0 {
                    return Err(Misuse::TooLittle(rest));
                }
                *left = rest;
            }
            Self::Chunked if length == 0 => suffix = if more { b"" } else { b"0\r\n\r\n" },
            Self::Chunked => {
                hexadecimal(length as u64, out);
                out.extend_from_slice(b"\r\n");
                suffix = if more { b"\r\n" } else { b"\r\n0\r\n\r\n" };
            }
        }
        Ok(Frame { send: !matches!(self, Self::Dropped), suffix })
    }

    /// Appends a part of the body.
    pub(super) fn body(&mut self, data: &[u8], more: bool, out: &mut Vec<u8>) -> Result<(), Misuse> {
        let frame = self.frame(data.len(), more, out)?;
        if frame.send {
            out.extend_from_slice(data);
        }
        out.extend_from_slice(frame.suffix);
        Ok(())
    }

    /// Appends the end of the body with trailers, which only chunks have a place for: elsewhere they are dropped.
    pub(super) fn trailers<'h>(
        &mut self,
        fields: impl IntoIterator<Item = (&'h [u8], &'h [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        if !matches!(self, Self::Chunked) {
            return self.body(b"", false, out);
        }
        out.extend_from_slice(b"0\r\n");
        for (name, value) in fields {
            if !may_trail(name) {
                return Err(Misuse::header(name, "it may not stand in trailers"));
            }
            field(name, value, out)?;
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

/// Appends a header, unless its bytes could be taken for something else.
pub(super) fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
    if !is_token(name) {
        return Err(Misuse::header(name, "its name is no token"));
    }
    if !is_value(value) {
        return Err(Misuse::header(name, "its value has a line end or another control byte"));
    }
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Runs `write`, and takes back what it appended if it failed.
pub(super) fn whole<T>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<T, Misuse>,
) -> Result<T, Misuse> {
    let mark = out.len();
    let written = write(out);
    if written.is_err() {
        out.truncate(mark);
    }
    written
}

/// The methods by which a body goes out, of both sides' connections: they have a method `send` that knows where to. An example
/// for one of them may be given.
macro_rules! bodies {
    ($(#[$example:meta])* frame) => {
        crate::h1::sending::bodies! { @ [$(#[$example])*] [] }
    };
    ($(#[$example:meta])* trailers) => {
        crate::h1::sending::bodies! { @ [] [$(#[$example])*] }
    };
    (@ [$(#[$frame:meta])*] [$(#[$trailers:meta])*]) => {
        /// Appends a part of the body; `more` says whether others follow. Dropped where the message has no body, as an answer to
        /// HEAD.
        ///
        /// # Errors
        ///
        /// [`Misuse`] where no body is due, and where it would not have the length that the head says. The connection cannot be
        /// used again then.
        pub fn body(&mut self, data: &[u8], more: bool, out: &mut Vec<u8>) -> Result<(), Misuse> {
            self.send(out, more, |sender, out| sender.body(data, more, out))
        }

        /// Appends what comes before `length` bytes of the body, which the caller sends by itself, and says what comes behind.
        ///
        $(#[$frame])*
        ///
        /// # Errors
        ///
        /// As [`body`](Self::body).
        pub fn frame(&mut self, length: usize, more: bool, out: &mut Vec<u8>) -> Result<Frame, Misuse> {
            self.send(out, more, |sender, out| sender.frame(length, more, out))
        }

        /// Ends the body with trailers, which are dropped where the body does not go in chunks.
        ///
        $(#[$trailers])*
        ///
        /// # Errors
        ///
        /// As [`body`](Self::body), and for a field that may not be a trailer.
        pub fn trailers<'h>(
            &mut self,
            fields: impl IntoIterator<Item = Pair<'h>>,
            out: &mut Vec<u8>,
        ) -> Result<(), Misuse> {
            self.send(out, false, |sender, out| sender.trailers(fields, out))
        }
    };
}
pub(super) use bodies;
