//! `Request`: what is to be read, as `read()` and its siblings were called.
//!
//! Of numbers that are none, errors speak in their own words: those are left to asyncio's methods.

use pyo3::prelude::*;
use pyo3::types::PyInt;

use crate::ffi::reference::Ref;

/// What is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Some,
    All,
    Exactly,
    Until,
    Line,
    /// A line, of which an empty one is the end of an iteration.
    Next,
}

/// What is to be read, and how much of it or up to what.
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) count: isize,
    /// Looked at when it is awaited.
    pub(super) separator: Option<Ref>,
}

impl Request {
    pub(super) fn all() -> Self {
        Request { kind: Kind::All, count: -1, separator: None }
    }

    /// Up to so many bytes; `None` for what is not a number of bytes.
    pub(super) fn some(count: &Bound<'_, PyAny>) -> Option<Self> {
        let count = number(count)?;
        let kind = if count < 0 { Kind::All } else { Kind::Some };
        Some(Request { kind, count, separator: None })
    }

    /// Exactly so many bytes; `None` for what is not a number of bytes.
    pub(super) fn exactly(count: &Bound<'_, PyAny>) -> Option<Self> {
        Some(Request { kind: Kind::Exactly, count: number(count)?, separator: None })
    }

    /// Up to a newline, or what is given.
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

/// A number of bytes, if it is one that there can be. Of other kinds of numbers errors speak in their own words.
fn number(count: &Bound<'_, PyAny>) -> Option<isize> {
    count.cast_exact::<PyInt>().ok()?.extract().ok()
}
