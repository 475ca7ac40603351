//! What Python 3.15 changed.

/// A future or a task is initialised once; before, `__init__` begins it anew.
pub(crate) const INITIALISED_ONCE: bool = cfg!(Py_3_15);

/// A task refuses a context that is none, and one that could not begin dies in silence.
pub(crate) const CHECKS_CONTEXT: bool = cfg!(Py_3_15);

/// A server has a context, of which each connection gets a copy; what makes transports is told of it.
pub(crate) const SERVER_CONTEXTS: bool = cfg!(Py_3_15);

/// A shield that was cancelled leaves it to the future itself to report what it raises; on 3.14 the loop does.
pub(crate) const SHIELD_REPORTS: bool = cfg!(all(Py_3_14, not(Py_3_15)));

/// An answer of `as_completed()` that is given up can be asked for again.
pub(crate) const COMPLETIONS_COUNT_BACK: bool = cfg!(Py_3_15);

/// A task that cancels its group while it begins at once is cancelled itself.
pub(crate) const GROUP_CANCELS_EAGER: bool = cfg!(Py_3_15);

/// The time limit for closing TLS holds until the transport below is closed, which first sends what waits.
pub(crate) const TLS_CLOSES_IN_TIME: bool = cfg!(Py_3_15);

/// A stream's protocol leaves `_stream_writer` alone when the connection is lost.
pub(crate) const LEAVES_WRITER: bool = cfg!(Py_3_15);
