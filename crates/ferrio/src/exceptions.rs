//! What can go wrong while one waits: `Cancelled`, `Elapsed`, and `JoinError`, which is what a task ended with.

use std::any::Any;
use std::fmt;

/// What was awaited was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled")
    }
}

impl std::error::Error for Cancelled {}

/// A time limit passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time limit has passed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> Self {
        std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}

/// Why a task gave no value. One pointer, since every task and its handle have room for it.
pub struct JoinError(Box<Failure>);

struct Failure {
    name: String,
    cause: Cause,
}

enum Cause {
    Cancelled,
    Panicked(Box<dyn Any + Send>),
    /// A task group has its error, or what it panicked with.
    Failed,
}

impl JoinError {
    /// A task of a group failed, and the group knows why.
    pub(crate) fn failed(name: String) -> Self {
        JoinError::new(name, Cause::Failed)
    }

    pub(crate) fn cancelled(name: String) -> Self {
        JoinError::new(name, Cause::Cancelled)
    }

    pub(crate) fn panicked(name: String, panic: Box<dyn Any + Send>) -> Self {
        JoinError::new(name, Cause::Panicked(panic))
    }

    /// Whether the task was cancelled, or its loop closed before it had ended.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.cause, Cause::Cancelled)
    }

    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.0.cause, Cause::Panicked(_))
    }

    /// What the task panicked with, for `std::panic::resume_unwind`.
    ///
    /// # Errors
    /// The error itself, when the task did not panic, or panicked in a task group, which has the panic then.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        let Failure { name, cause } = *self.0;
        match cause {
            Cause::Panicked(panic) => Ok(panic),
            Cause::Cancelled | Cause::Failed => Err(JoinError::new(name, cause)),
        }
    }

    fn new(name: String, cause: Cause) -> Self {
        JoinError(Box::new(Failure { name, cause }))
    }

    /// What the panic said, where it said anything.
    fn message(&self) -> Option<&str> {
        let Cause::Panicked(panic) = &self.0.cause else { return None };
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { name, cause } = &*self.0;
        match (cause, self.message()) {
            (Cause::Cancelled, _) => write!(f, "{name} was cancelled"),
            (Cause::Failed, _) => write!(f, "{name} failed: its task group has the error"),
            (_, Some(message)) => write!(f, "{name} panicked: {message}"),
            (_, None) => write!(f, "{name} panicked"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}
