//! How long a body is, and by which headers: the rules of RFC 9112, 6, which are the ones that smuggling breaks. Knows no machine.

use super::Version;
use super::bytes::{elements, is_token};
use super::faults::Refusal;
use super::fields::Headers;

/// How the end of a body is found.
///
/// ```
/// use ferrio_http::h1::{Length, Limits, server::{Connection, Event}};
///
/// let mut connection = Connection::new(Limits::default());
/// let (_, event) = connection.advance(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
/// let Event::Request(head) = event else { panic!("a request") };
/// assert_eq!(head.length, Length::Known(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes. A message without a body has none.
    Known(u64),
    /// In chunks, of which the last says so.
    Chunked,
    /// Until the connection ends: only an answer may be so.
    UntilClose,
}

/// What a head says of its own framing.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // Independent facts, each said by a word in a header.
pub(super) struct Framing {
    pub(super) content_length: Option<u64>,
    coded: bool,
    chunked: bool,
    unknown: bool,
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    /// Whether `Connection` names `Upgrade`.
    pub(super) upgrade: bool,
}

impl Framing {
    /// Looks at the headers that are about framing. Others cost one comparison of lengths.
    pub(super) fn of(headers: &Headers<'_>) -> Result<Self, Refusal> {
        let mut framing = Self::default();
        for (name, value) in headers.iter() {
            framing.see(name, value)?;
        }
        Ok(framing)
    }

    pub(super) fn see(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        match name.len() {
            10 if name.eq_ignore_ascii_case(b"connection") => {
                if value == b"keep-alive" {
                    self.keep_alive = true; // What most say, in these bytes.
                    return Ok(());
                }
                for option in elements(value) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
                }
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                once(&mut self.content_length, content_length(value)?, "Content-Length is there twice")?;
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.code(value)?,
            _ => {}
        }
        Ok(())
    }

    /// The length of the body, or none where only the kind of message says it.
    pub(super) fn length(&self, version: Version) -> Result<Option<Length>, Refusal> {
        if !self.coded {
            return Ok(self.content_length.map(Length::Known));
        }
        if version == Version::Http10 {
            return Err(Refusal::bad("HTTP/1.0 has no Transfer-Encoding"));
        }
        if self.content_length.is_some() {
            return Err(Refusal::bad("Transfer-Encoding and Content-Length at once"));
        }
        if self.unknown || !self.chunked {
            return Err(Refusal::of(501, "a Transfer-Encoding other than chunked"));
        }
        Ok(Some(Length::Chunked))
    }

    /// Whether the sender means the connection to go on.
    pub(super) fn persists(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }

    fn code(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.coded = true;
        for coding in elements(value) {
            if self.chunked {
                return Err(Refusal::bad("chunked is not the last Transfer-Encoding, or there twice"));
            }
            if coding.is_empty() {
                return Err(Refusal::bad("Transfer-Encoding has an empty element"));
            }
            if coding.eq_ignore_ascii_case(b"chunked") {
                self.chunked = true;
            } else if is_token(coding.split(|byte| *byte == b';').next().unwrap_or_default()) {
                self.unknown = true;
            } else {
                return Err(Refusal::bad("Transfer-Encoding is no list of codings"));
            }
        }
        Ok(())
    }
}

/// Notes what may be said once only.
pub(super) fn once<T>(place: &mut Option<T>, value: T, twice: &'static str) -> Result<(), Refusal> {
    if place.replace(value).is_some() { Err(Refusal::bad(twice)) } else { Ok(()) }
}

/// Digits alone, without a leading zero: a sign, a list and `0x` are understood differently by different readers.
pub(super) fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    const BAD: Refusal = Refusal::bad("Content-Length is no plain number");
    if value.is_empty() || value.len() > 1 && value.starts_with(b"0") {
        return Err(BAD);
    }
    value.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0')).ok_or(BAD)?;
        number.checked_mul(10).and_then(|number| number.checked_add(digit)).ok_or(BAD)
    })
}
