//! What Python 3.14 changed.

/// Call graphs show who awaits a future.
pub(crate) const CALL_GRAPHS: bool = cfg!(Py_3_14);

/// Tasks of asyncio's class are on a list through their structs.
pub(crate) const TASKS_ARE_LINKED: bool = cfg!(Py_3_14);

/// `create_task()` takes whatever the loop's method takes, and tasks begin at once where they are told to.
pub(crate) const PASSES_NAMES_ON: bool = cfg!(Py_3_14);

/// The last parameter of `create_task()`; an empty name is none.
pub(crate) const EAGER_START: &str = if PASSES_NAMES_ON { "eager_start" } else { "" };

/// The `StopIteration` of a `send()` has what is handled as its context only where a coroutine returned None.
pub(crate) const VALUES_STOP_BARE: bool = cfg!(Py_3_14);

/// What a future raises whose shield was cancelled is not taken for seen.
pub(crate) const SHIELD_LEAVES_UNSEEN: bool = cfg!(Py_3_14);

/// A task group hears at its turn of a task that was done at once, too.
pub(crate) const GROUP_HEARS_LATER: bool = cfg!(Py_3_14);

/// What the callback of a stream's server raises is reported by the stream's protocol; before, by the transport.
pub(crate) const STREAM_REPORTS: bool = cfg!(Py_3_14);

/// The interpreter counts no calls that take no Python frame: it looks at the stack alone.
pub(crate) const COUNTS_NO_CALLS: bool = cfg!(Py_3_14);

/// What `write()` takes, as its error says.
pub(crate) const WRITABLE: &str =
    if cfg!(Py_3_14) { "a bytes, bytearray, or memoryview object" } else { "a bytes-like object" };

/// `writelines()` on a connection that is lost does not look at what it is given.
pub(crate) const LOST_LOOKS_AT_NOTHING: bool = cfg!(Py_3_14);
