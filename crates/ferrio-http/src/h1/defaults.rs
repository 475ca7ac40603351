//! Headers that every answer has: rendered once, dated once a second. Owns their text; knows neither clock nor connection.
//!
//! Invariant: `text` is whole lines, and `entries` says where each begins and ends.

use std::ops::Range;

use super::bytes::{is_token, is_value};
use super::date::http_date;
use super::faults::Misuse;

/// Headers that an answer has unless it has its own of the same name. One value serves all connections of a loop.
///
/// ```
/// use ferrio_http::h1::Defaults;
///
/// let mut defaults = Defaults::new();
/// defaults.add(b"server", b"ferrio")?;
/// defaults.tick(784_111_777);
/// assert_eq!(defaults.as_bytes(), b"server: ferrio\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
/// assert!(defaults.add(b"x", b"a\r\nb: c").is_err());
/// # Ok::<(), ferrio_http::h1::Misuse>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    text: Vec<u8>,
    entries: Vec<Entry>,
    /// Where the date stands, and the second it is of.
    date: Option<(usize, u64)>,
}

#[derive(Clone, Debug)]
struct Entry {
    line: Range<usize>,
    name: usize,
}

impl Defaults {
    /// None at all, not even a date.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one. There may be 64.
    ///
    /// # Errors
    ///
    /// [`Misuse::Header`] for a name or a value that may not be sent, or for a name that frames messages.
    pub fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), Misuse> {
        if !is_token(name) || !is_value(value) {
            return Err(Misuse::header(name, "its name is no token, or its value has control bytes"));
        }
        if [&b"connection"[..], b"content-length", b"transfer-encoding"]
            .iter()
            .any(|one| name.eq_ignore_ascii_case(one))
        {
            return Err(Misuse::header(name, "it is the connection's own"));
        }
        if self.entries.len() == 64 {
            return Err(Misuse::header(name, "there are 64 default headers"));
        }
        let start = self.text.len();
        for part in [name, b": ", value, b"\r\n"] {
            self.text.extend_from_slice(part);
        }
        self.entries.push(Entry { line: start..self.text.len(), name: name.len() });
        Ok(())
    }

    /// Has answers dated, from here on with this second. Called once a second or once a turn: it costs nothing within a second.
    pub fn tick(&mut self, unix_seconds: u64) {
        match &mut self.date {
            Some((_, second)) if *second == unix_seconds => {}
            Some((at, second)) => {
                *second = unix_seconds;
                let place = self.text.iter_mut().skip(*at);
                place.zip(http_date(unix_seconds)).for_each(|(place, byte)| *place = byte);
            }
            None => {
                if self.add(b"date", &http_date(unix_seconds)).is_ok() {
                    self.date = Some((self.text.len() - 31, unix_seconds));
                }
            }
        }
    }

    /// The lines as they are sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// A bit for each of ours that has this name.
    pub(super) fn given(&self, name: &[u8]) -> u64 {
        let same = |entry: &Entry| {
            entry.name == name.len()
                && self.text.get(entry.line.start..).is_some_and(|text| {
                    text.iter().zip(name).all(|(ours, theirs)| ours.eq_ignore_ascii_case(theirs))
                })
        };
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| same(entry))
            .fold(0, |bits, (at, _)| bits | 1 << at)
    }

    /// Appends those whose bit is not set.
    pub(super) fn write(&self, given: u64, out: &mut Vec<u8>) {
        if given == 0 {
            out.extend_from_slice(&self.text);
            return;
        }
        for (at, entry) in self.entries.iter().enumerate() {
            if given >> at & 1 == 0 {
                out.extend_from_slice(self.text.get(entry.line.clone()).unwrap_or_default());
            }
        }
    }
}
