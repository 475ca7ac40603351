//! Which task is the current one: kept where asyncio itself looks for it, which differs between releases.
//!
//! Two files of equal names, of which one is compiled: `by_loop` before Python 3.14, `by_thread` from then on. They supply
//! `Last`, `enter`, `leave`, `current`, `running` and `swap`, and know nothing of how a task runs.

#[cfg(not(Py_3_14))]
mod by_loop;
#[cfg(Py_3_14)]
mod by_thread;

#[cfg(not(Py_3_14))]
pub(crate) use by_loop::{Last, current, enter, leave, running, swap};
#[cfg(Py_3_14)]
pub(crate) use by_thread::{Last, current, enter, leave, running, swap};
