//! Lines and header fields: found in the caller's bytes, kept as positions, never copied. Owns the search for the end of a head
//! and the rules of one field; knows neither requests nor answers.
//!
//! Invariants: a line is found once, however the bytes are cut (`seen` only grows until `reset`); positions count from the first
//! byte of the head, which the caller keeps until the head is whole; the same bytes give the same result for every cut, because no
//! check looks at a line that is not whole, and no byte beyond a limit is looked at.

use std::ops::Range;

use super::bytes::{control, is_token_byte, trimmed, trimmed_end, trimmed_start};
use super::faults::Refusal;

/// The headers of a message, or its trailers, in the order in which they came: names as they were written, values trimmed.
///
/// ```
/// use ferrio_http::h1::{Limits, server::{Connection, Event}};
///
/// let mut connection = Connection::new(Limits::default());
/// let (_, event) = connection.advance(b"GET / HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\n\r\n");
/// let Event::Request(head) = event else { panic!("a request") };
/// assert_eq!(head.headers.find("x-one"), Some(&b"1"[..]));
/// let names: Vec<_> = head.headers.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, [&b"Host"[..], b"X-One"]);
/// ```
#[derive(Clone, Copy, Default)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    fields: &'a [Field],
}

impl<'a> Headers<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Each name with its value.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        self.fields.iter().map(move |field| (field.name(bytes), field.value(bytes)))
    }

    /// The value of the first header of this name, in any case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'a [u8]> {
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }
}

impl std::fmt::Debug for Headers<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes);
        formatter.debug_map().entries(self.iter().map(|(name, value)| (text(name), text(value)))).finish()
    }
}

/// Where one header is, counted from the beginning of the head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    start: u32,
    name_end: u32,
    value_start: u32,
    value_end: u32,
}

impl Field {
    pub(super) fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        slice(bytes, self.start, self.name_end)
    }

    pub(super) fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        slice(bytes, self.value_start, self.value_end)
    }
}

/// How far a head, or trailers, are read.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Kept between messages, so that only a connection's first head allocates.
    fields: Vec<Field>,
    /// Where the line begins that is not whole yet.
    line: usize,
    /// Where no line can end before.
    seen: usize,
    /// Whether `fields` are of a head that is over.
    stale: bool,
    /// With folded values replaced: the head, copied, which only a client's does.
    unfolded: Vec<u8>,
}

/// What fields may be like.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Bytes up to the end of the last line.
    pub(super) bytes: usize,
    pub(super) headers: usize,
    /// Whether a value may go on in the next line, as old servers write it.
    pub(super) folds: bool,
}

impl Lines {
    pub(super) fn reset(&mut self) {
        self.fields.clear();
        self.unfolded.clear();
        self.line = 0;
        self.seen = 0;
        self.stale = false;
    }

    /// The next whole line, without its end, or none yet. `beyond` says what a line is refused for that ends beyond the limit.
    pub(super) fn next(
        &mut self,
        input: &[u8],
        limit: usize,
        beyond: Refusal,
    ) -> Result<Option<Range<usize>>, Refusal> {
        if self.stale {
            self.reset();
        }
        let window = input.get(..limit).unwrap_or(input);
        loop {
            let Some(at) = control(window, self.seen) else {
                self.seen = window.len().max(self.seen);
                return if self.seen >= limit { Err(beyond) } else { Ok(None) };
            };
            self.seen = at;
            match (window.get(at), window.get(at + 1)) {
                (Some(b'\r'), Some(b'\n')) => {
                    let line = self.line..at;
                    self.line = at + 2;
                    self.seen = at + 2;
                    return Ok(Some(line));
                }
                (Some(b'\r'), None) => return if window.len() >= limit { Err(beyond) } else { Ok(None) },
                (Some(b'\t'), _) => self.seen = at + 1,
                (Some(b'\r'), _) => return Err(Refusal::bad("a carriage return without a line feed")),
                (Some(b'\n'), _) => return Err(Refusal::bad("a line feed without a carriage return")),
                _ => return Err(Refusal::bad("a control byte in a head")),
            }
        }
    }

    /// Reads fields up to the empty line and says where that ends, or none yet.
    pub(super) fn fields(&mut self, input: &[u8], rules: Rules) -> Result<Option<usize>, Refusal> {
        const BEYOND: Refusal = Refusal::of(431, "the headers are too long");
        while let Some(line) = self.next(input, rules.bytes, BEYOND)? {
            if line.is_empty() {
                return Ok(Some(self.line));
            }
            self.field(input, line, rules)?;
        }
        Ok(None)
    }

    /// Replaces what folded values are folded by, in a copy.
    pub(super) fn unfold(&mut self, input: &[u8]) {
        self.unfolded.clear();
        if self.fields.iter().any(|field| field.value(input).contains(&b'\r')) {
            self.unfolded.extend_from_slice(input.get(..self.line).unwrap_or(input));
            for field in &mut self.fields {
                let value = field.value_start as usize..field.value_end as usize;
                let value = self.unfolded.get_mut(value).unwrap_or_default();
                value.iter_mut().filter(|byte| b"\r\n".contains(byte)).for_each(|byte| *byte = b' ');
                field.value_start += small(value.len() - trimmed_start(value).len());
                field.value_end = field.value_start + small(trimmed(value).len());
            }
        }
    }

    /// Drops the fields whose name says so.
    pub(super) fn retain(&mut self, input: &[u8], keep: impl Fn(&[u8]) -> bool) {
        self.fields.retain(|field| keep(field.name(input)));
    }

    /// Whether something of a head is there.
    pub(super) fn begun(&self) -> bool {
        self.seen > 0
    }

    /// Whether no line was found yet.
    pub(super) fn at_first(&self) -> bool {
        self.line == 0
    }

    /// As `reset`, but the fields can still be read: another head follows the one that they are of.
    pub(super) fn begin_again(&mut self) {
        self.line = 0;
        self.seen = 0;
        self.stale = true;
    }

    pub(super) fn headers<'a>(&'a self, input: &'a [u8]) -> Headers<'a> {
        Headers { bytes: if self.unfolded.is_empty() { input } else { &self.unfolded }, fields: &self.fields }
    }

    fn field(&mut self, input: &[u8], line: Range<usize>, rules: Rules) -> Result<(), Refusal> {
        let text = input.get(line.clone()).unwrap_or_default();
        let name = text.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(text.len());
        match text.get(name) {
            Some(b':') if name > 0 => {}
            Some(b' ' | b'\t') if name == 0 => {
                return self.fold(line.start + text.trim_ascii_end().len(), rules);
            }
            Some(b' ' | b'\t') => {
                return Err(Refusal::bad("a space in a header's name, or before its colon"));
            }
            None => return Err(Refusal::bad("a header without a colon")),
            _ => return Err(Refusal::bad("a header's name is empty, or no token")),
        }
        if self.fields.len() >= rules.headers {
            return Err(Refusal::of(431, "too many headers"));
        }
        if self.fields.capacity() == 0 {
            self.fields.reserve(FIRST);
        }
        let rest = trimmed_start(text.get(name + 1..).unwrap_or_default());
        let start = line.end - rest.len();
        self.fields.push(Field {
            start: small(line.start),
            name_end: small(line.start + name),
            value_start: small(start),
            value_end: small(start + trimmed_end(rest).len()),
        });
        Ok(())
    }

    /// A line that begins with a space: the value before it goes on to here, where that is allowed.
    fn fold(&mut self, end: usize, rules: Rules) -> Result<(), Refusal> {
        match self.fields.last_mut() {
            Some(last) if rules.folds => {
                last.value_end = small(end);
                Ok(())
            }
            _ => Err(Refusal::bad("a line of the head begins with a space: headers are not folded")),
        }
    }
}

fn slice(bytes: &[u8], start: u32, end: u32) -> &[u8] {
    bytes.get(start as usize..end as usize).unwrap_or_default()
}

/// Headers that there is room for at first: a browser sends 12 to 16, and growing to that from 4 costs three allocations.
const FIRST: usize = 16;

/// A position. Beyond four gigabytes a head is empty text rather than wrong text: no limit is meant to go there.
fn small(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_were_searched_are_not_searched_again() {
        let input = b"GET /a HTTP/1.1\r\nHost: b\r\nX: \tc\r\n\r\n";
        let mut lines = Lines::default();
        let rules = Rules { bytes: 1000, headers: 10, folds: false };
        for there in 1..input.len() {
            assert_eq!(lines.fields_after_first(&input[..there], rules), None);
            let ends_in_return = input[there - 1] == b'\r';
            assert_eq!(lines.seen, there - usize::from(ends_in_return), "after {there} bytes");
        }
        assert_eq!(lines.fields_after_first(input, rules), Some(input.len()));
        assert_eq!(lines.headers(input).find("x"), Some(&b"c"[..]));
    }

    impl Lines {
        fn fields_after_first(&mut self, input: &[u8], rules: Rules) -> Option<usize> {
            if self.at_first() {
                self.next(input, 1000, Refusal::bad("")).unwrap()?;
            }
            self.fields(input, rules).unwrap()
        }
    }
}
