//! Why the program ends early: one line of text. Knows nothing of what failed but its name.

use std::fmt;

#[derive(Debug)]
pub(crate) struct Failure(String);

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// A failure with that text.
pub(crate) fn failed<T>(what: impl Into<String>) -> Outcome<T> {
    Err(Failure(what.into()))
}

/// Gives an error of the system the name of what was tried.
pub(crate) trait Named<T> {
    fn named(self, what: &str) -> Outcome<T>;
}

impl<T, E: fmt::Display> Named<T> for Result<T, E> {
    fn named(self, what: &str) -> Outcome<T> {
        self.map_err(|error| Failure(format!("{what}: {error}")))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
