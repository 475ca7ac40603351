//! The head of an answer: what the application gave, what the connection adds, and how the body goes out. Knows of the connection
//! the request and how far that is read; the order of calls is its caller's.

use super::{Connection, Reading};
use crate::h1::Version;
use crate::h1::bytes::decimal;
use crate::h1::defaults::Defaults;
use crate::h1::faults::Misuse;
use crate::h1::length::{Framing, Length};
use crate::h1::receiving::Receiver;
use crate::h1::sending::{Sender, field};

/// A header that an application gives: its name and its value.
pub(super) type Pair<'h> = (&'h [u8], &'h [u8]);

/// Appends the application's headers, but for those that the connection writes by itself from what they say, and the defaults.
pub(super) fn write_given<'h>(
    headers: impl IntoIterator<Item = Pair<'h>>,
    defaults: &Defaults,
    out: &mut Vec<u8>,
) -> Result<Framing, Misuse> {
    let (mut framing, mut given) = (Framing::default(), 0);
    for (name, value) in headers {
        given |= defaults.given(name);
        if !take(&mut framing, name, value)? {
            field(name, value, out)?;
        }
    }
    defaults.write(given, out);
    Ok(framing)
}

impl Connection {
    /// Appends the connection's own headers and the end of the head, and says how the body goes out. `size` is the body's where
    /// all of it is at hand; `switches` says that another protocol follows.
    pub(super) fn write_own(
        &mut self,
        status: u16,
        framing: &Framing,
        size: Option<u64>,
        switches: bool,
        out: &mut Vec<u8>,
    ) -> Result<Sender, Misuse> {
        let bodiless = matches!(status, 204 | 205 | 304) || switches || self.request.head;
        let length = self.length(status, framing, size, switches)?;
        match length {
            Some(Length::Known(size)) => {
                out.extend_from_slice(b"content-length: ");
                decimal(size, out);
                out.extend_from_slice(b"\r\n");
            }
            Some(Length::Chunked) if !bodiless => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            _ => {}
        }
        self.persists &= !framing.close && !self.retiring && self.outlives(length, bodiless);
        out.extend_from_slice(match (switches, self.persists) {
            (true, _) if status == 101 && !framing.upgrade => b"connection: upgrade\r\n\r\n",
            (false, false) => b"connection: close\r\n\r\n",
            (false, true) if self.request.old => b"connection: keep-alive\r\n\r\n",
            _ => &b"\r\n"[..],
        });
        Ok(match length {
            _ if bodiless => Sender::Dropped,
            Some(Length::Known(size)) => Sender::Known(size),
            Some(Length::Chunked) => Sender::Chunked,
            _ => Sender::UntilClose,
        })
    }

    /// How the answer says its length, or none where it says nothing.
    fn length(
        &self,
        status: u16,
        framing: &Framing,
        size: Option<u64>,
        switches: bool,
    ) -> Result<Option<Length>, Misuse> {
        let said = match framing.length(Version::Http11) {
            Ok(said) => said,
            Err(refusal) => return Err(Misuse::header(b"transfer-encoding", refusal.reason)),
        };
        Ok(match (said, size) {
            _ if status == 204 || switches => None,
            _ if status == 205 => Some(Length::Known(0)),
            (Some(Length::Chunked), _) | (None, None) if self.request.old => Some(Length::UntilClose),
            (None, Some(_)) if status == 304 => None,
            (None, Some(size)) => Some(Length::Known(size)),
            (None, None) => Some(Length::Chunked),
            (said, _) => said,
        })
    }

    /// Whether the connection can go on after this answer, as far as bodies are concerned.
    fn outlives(&self, length: Option<Length>, bodiless: bool) -> bool {
        let readable = match &self.reading {
            // A client that was not told to go on may send the body, or not: nobody knows where the next request begins.
            Reading::Body { .. } if self.request.expecting => false,
            Reading::Body { receiver: Receiver::Known(left), .. } => *left <= self.limits.drain,
            Reading::Body { .. } | Reading::Ended => true,
            _ => false,
        };
        readable && (bodiless || length != Some(Length::UntilClose))
    }
}

/// Whether a header is one that the connection writes by itself, from what it says.
fn take(framing: &mut Framing, name: &[u8], value: &[u8]) -> Result<bool, Misuse> {
    if !matches!(name.len(), 10 | 14 | 17) {
        return Ok(false);
    }
    framing.see(name, value).map_err(|refusal| Misuse::header(name, refusal.reason))?;
    Ok(match name.len() {
        10 if name.eq_ignore_ascii_case(b"connection") => {
            let ours = |token: &[u8]| {
                [&b"close"[..], b"keep-alive"].iter().any(|one| token.eq_ignore_ascii_case(one))
            };
            value.split(|byte| *byte == b',').all(|token| ours(token.trim_ascii()))
        }
        14 => name.eq_ignore_ascii_case(b"content-length"),
        17 => name.eq_ignore_ascii_case(b"transfer-encoding"),
        _ => false,
    })
}
