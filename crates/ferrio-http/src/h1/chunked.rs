//! The chunked coding, as it comes in (RFC 9112, 7.1). Owns the state of one body; knows nothing of what the body is for.
//!
//! ```text
//!  Size ──;──▶ Name ──=──▶ Value / Quoted / Escaped ──▶ Quoted's end
//!   │           │  (spaces only inside an extension)       │
//!   └────CR─────┴──────────────────CR──────────────────────┘
//!                      ▼
//!                   SizeEnd ──LF──▶ Data ──▶ DataEnd ──CR──▶ DataLf ──LF──▶ Size
//!                      └───LF, size 0──▶ Trailers ──empty line──▶ the end
//! ```
//!
//! Invariant: every byte is looked at once; only trailers are kept by the caller until they are whole.

use super::bytes::is_token_byte;
use super::faults::Refusal;
use super::fields::{Lines, Rules};
use super::limits::Limits;
use super::receiving::Piece;

/// How far a chunked body is read.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// Of the chunk: what its size line said so far, then how much of its data is to come.
    size: u64,
    digits: u8,
    /// Of the body: the bytes of all its chunks so far.
    total: u64,
    /// Of the body: the bytes of its extensions so far.
    extensions: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Size,
    /// After a semicolon, before the name.
    BeforeName,
    Name,
    /// After a name and a space: `=` or the next `;`.
    AfterName,
    BeforeValue,
    Value,
    Quoted,
    Escaped,
    /// After a value that is done: the next `;`.
    AfterValue,
    /// After a closing quote, which may end the line.
    Closed,
    SizeEnd,
    Data,
    DataEnd,
    DataLf,
    Trailers,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { state: State::Size, size: 0, digits: 0, total: 0, extensions: 0 }
    }

    /// Whether all data of a chunk has come, and nothing of what is behind it was looked at.
    pub(super) fn ends_chunk(&self) -> bool {
        self.state == State::DataEnd
    }

    pub(super) fn advance<'i>(
        &mut self,
        input: &'i [u8],
        lines: &mut Lines,
        limits: &Limits,
    ) -> Result<(usize, Piece<'i>), Refusal> {
        let mut at = 0;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            match self.state {
                State::Data if !rest.is_empty() => {
                    let size = usize::try_from(self.size).unwrap_or(usize::MAX).min(rest.len());
                    self.size -= size as u64;
                    if self.size == 0 {
                        self.state = State::DataEnd;
                    }
                    return Ok((at + size, Piece::Data(rest.get(..size).unwrap_or_default())));
                }
                State::Trailers => {
                    let rules = Rules { bytes: limits.trailers, headers: limits.headers, folds: false };
                    return Ok(match lines.fields(rest, rules)? {
                        Some(size) => {
                            lines.retain(rest, may_trail);
                            (at + size, Piece::End { trailers: at })
                        }
                        None => (at, Piece::More),
                    });
                }
                _ => match rest.first() {
                    Some(byte) => self.step(*byte, lines, limits)?,
                    None => return Ok((at, Piece::More)),
                },
            }
            at += 1;
        }
    }

    fn step(&mut self, byte: u8, lines: &mut Lines, limits: &Limits) -> Result<(), Refusal> {
        self.state = match (self.state, byte) {
            (State::Size, _) if byte.is_ascii_hexdigit() => return self.digit(byte),
            (State::Size, b';') if self.digits > 0 => State::BeforeName,
            (State::Size, b'\r') if self.digits > 0 => State::SizeEnd,
            (State::Size, _) => return Err(Refusal::bad("a chunk's size is no plain hexadecimal number")),
            (State::SizeEnd, b'\n') => return self.sized(lines, limits),
            (State::DataEnd, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => {
                self.size = 0;
                self.digits = 0;
                State::Size
            }
            (State::DataEnd | State::DataLf, _) => {
                return Err(Refusal::bad("a chunk does not end where its size says"));
            }
            (State::SizeEnd, _) => {
                return Err(Refusal::bad("a carriage return without a line feed in a chunk"));
            }
            (state, byte) => {
                self.extensions += 1;
                if self.extensions > limits.extensions {
                    return Err(Refusal::bad("the chunk extensions are too long"));
                }
                extension(state, byte).ok_or(Refusal::bad("a chunk extension does not follow the grammar"))?
            }
        };
        Ok(())
    }

    fn digit(&mut self, byte: u8) -> Result<(), Refusal> {
        if self.digits == 16 {
            return Err(Refusal::bad("a chunk's size has more than 16 digits"));
        }
        self.digits += 1;
        self.size = self.size << 4 | u64::from(char::from(byte).to_digit(16).unwrap_or_default());
        Ok(())
    }

    /// At the end of a size line. A body that grows too long is refused here, before its bytes come.
    fn sized(&mut self, lines: &mut Lines, limits: &Limits) -> Result<(), Refusal> {
        self.total = self.total.saturating_add(self.size);
        if limits.body.is_some_and(|limit| self.total > limit) {
            return Err(Refusal::of(413, "the body is too long"));
        }
        self.state = if self.size == 0 { State::Trailers } else { State::Data };
        lines.reset();
        Ok(())
    }
}

/// The state after one byte of an extension, or none where the grammar has no such byte.
fn extension(state: State, byte: u8) -> Option<State> {
    let space = byte == b' ' || byte == b'\t';
    Some(match state {
        State::BeforeName | State::Name if is_token_byte(byte) => State::Name,
        State::BeforeValue | State::Value if is_token_byte(byte) => State::Value,
        State::BeforeName | State::BeforeValue if space => state,
        State::BeforeValue if byte == b'"' => State::Quoted,
        State::Name | State::AfterName if byte == b'=' => State::BeforeValue,
        State::Name | State::AfterName if space => State::AfterName,
        State::Value | State::Closed | State::AfterValue if space => State::AfterValue,
        State::Name | State::AfterName | State::Value | State::Closed | State::AfterValue if byte == b';' => {
            State::BeforeName
        }
        State::Name | State::Value | State::Closed if byte == b'\r' => State::SizeEnd,
        State::Quoted if byte == b'"' => State::Closed,
        State::Quoted if byte == b'\\' => State::Escaped,
        State::Quoted | State::Escaped if byte == b'\t' || byte >= b' ' && byte != 0x7f => State::Quoted,
        _ => return None,
    })
}

/// Whether a trailer is handed on: not what frames, routes, authenticates or changes a message (RFC 9110, 6.5.1).
pub(super) fn may_trail(name: &[u8]) -> bool {
    const NEVER: [&str; 30] = [
        "age",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "expires",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "location",
        "max-forwards",
        "proxy-authenticate",
        "proxy-authorization",
        "range",
        "retry-after",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
    ];
    !NEVER.iter().any(|never| name.eq_ignore_ascii_case(never.as_bytes()))
}
