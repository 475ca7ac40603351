//! What queues refuse with.

use std::error::Error;
use std::fmt;

/// The queue was shut down. An item that could not be put is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueShutDown<T = ()>(pub T);

/// Why an item could not be put at once. The item is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::enum_variant_names, reason = "asyncio's names")]
pub enum PutError<T> {
    /// There is no room.
    QueueFull(T),
    /// The queue was shut down.
    QueueShutDown(T),
}

/// Why there was no item at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::enum_variant_names, reason = "asyncio's names")]
pub enum GetError {
    /// There is no item.
    QueueEmpty,
    /// There is no item, and the queue was shut down.
    QueueShutDown,
}

impl<T> PutError<T> {
    /// The item that could not be put.
    ///
    /// ```
    /// let queue = ferrio::Queue::new(0);
    /// queue.shutdown(false);
    /// assert_eq!(queue.put_nowait("item").unwrap_err().into_item(), "item");
    /// ```
    #[must_use]
    pub fn into_item(self) -> T {
        match self {
            PutError::QueueFull(item) | PutError::QueueShutDown(item) => item,
        }
    }
}

const SHUT_DOWN: &str = "the queue was shut down";

impl<T> fmt::Display for QueueShutDown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHUT_DOWN)
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutError::QueueFull(_) => "the queue is full",
            PutError::QueueShutDown(_) => SHUT_DOWN,
        })
    }
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GetError::QueueEmpty => "the queue is empty",
            GetError::QueueShutDown => SHUT_DOWN,
        })
    }
}

impl<T: fmt::Debug> Error for QueueShutDown<T> {}

impl<T: fmt::Debug> Error for PutError<T> {}

impl Error for GetError {}
