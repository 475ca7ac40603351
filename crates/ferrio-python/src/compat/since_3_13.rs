//! What Python 3.13 changed.

/// A timeout takes a subclass of `CancelledError` for a cancellation.
pub(crate) const CANCELLED_BY_SUBCLASS: bool = cfg!(Py_3_13);

/// A task's request to be cancelled is forgotten with the last count of such requests.
pub(crate) const UNCANCEL_FORGETS: bool = cfg!(Py_3_13);

/// Servers know their connections; before, the number of them.
pub(crate) const SERVERS_KNOW_CLIENTS: bool = cfg!(Py_3_13);

/// `as_completed()` returns an object with methods; before, it is a generator with functions inside.
pub(crate) const COMPLETIONS_ARE_OBJECTS: bool = cfg!(Py_3_13);

/// An empty datagram is sent.
pub(crate) const SENDS_EMPTY: bool = cfg!(Py_3_13);

/// `readuntil()` takes several separators.
pub(crate) const SEVERAL_SEPARATORS: bool = cfg!(Py_3_13);

/// A stream's protocol does not keep the writer that its callback was given.
pub(crate) const FORGETS_WRITER: bool = cfg!(Py_3_13);
