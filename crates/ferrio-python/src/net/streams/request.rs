//! `Request`: what one call of `read()`, `readline()`, `readuntil()` or `readexactly()` asks for.
//!
//! A count that is not an int is left to asyncio's methods, which raise the error.

use pyo3::types::PyInt;

use crate::ffi::prelude::*;

/// What is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Some,
    All,
    Exactly,
    Until,
    Line,
    /// A line; an empty one ends the iteration.
    Next,
}

/// What is to be read, and how much of it or up to what.
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) count: isize,
    /// Checked when the coroutine is awaited.
    pub(super) separator: Option<Ref>,
}

impl Request {
    pub(super) fn all() -> Self {
        Request { kind: Kind::All, count: -1, separator: None }
    }

    /// Up to `count` bytes; `None` if `count` is not an int.
    pub(super) fn some(count: &Bound<'_, PyAny>) -> Option<Self> {
        let count = number(count)?;
        let kind = if count < 0 { Kind::All } else { Kind::Some };
        Some(Request { kind, count, separator: None })
    }

    /// Exactly `count` bytes; `None` if `count` is not an int.
    pub(super) fn exactly(count: &Bound<'_, PyAny>) -> Option<Self> {
        Some(Request { kind: Kind::Exactly, count: number(count)?, separator: None })
    }

    /// Up to and with the separator, or a newline.
    pub(super) fn until(separator: Option<&Bound<'_, PyAny>>) -> Self {
        let separator = separator.map(|separator| separator.clone().into());
        Request { kind: Kind::Until, count: -1, separator }
    }

    pub(super) fn line() -> Self {
        Request { kind: Kind::Line, count: -1, separator: None }
    }

    pub(super) fn next() -> Self {
        Request { kind: Kind::Next, count: -1, separator: None }
    }
}

/// `count`, if it is a plain int that fits.
fn number(count: &Bound<'_, PyAny>) -> Option<isize> {
    count.cast_exact::<PyInt>().ok()?.extract().ok()
}
