//! Who awaits a future, as tools from outside are told from Python 3.14 on.
//!
//! asyncio writes the awaiting task into each future that it awaits, and takes it out again. Our futures know their waiters, so
//! nothing is written: `call_graph` reads the waiters when somebody asks. Into a task the awaiter is written, since tools read
//! it in the task's memory (`ffi::task_struct`).

use pyo3::types::PyString;

use crate::compat;
use crate::ffi::names::FUTURES;
use crate::ffi::prelude::*;
use crate::ffi::task_struct;
use crate::tasks::outcome::outcome_of;
use crate::tasks::task::Task;

/// `task` begins to await `future`, which may be asyncio's own.
#[inline]
pub(crate) fn note(future: &Bound<'_, PyAny>, task: &Bound<'_, PyAny>) -> PyResult<()> {
    match kind(future) {
        Kind::Silent => Ok(()),
        Kind::Task => task_struct::add_awaiter(future, task),
        Kind::Foreign => tell(future, task, intern!(future.py(), "future_add_to_awaited_by")),
    }
}

/// `task` awaits `future` no longer.
pub(crate) fn forget(future: &Bound<'_, PyAny>, task: &Bound<'_, PyAny>) -> PyResult<()> {
    match kind(future) {
        Kind::Silent => Ok(()),
        Kind::Task => task_struct::discard_awaiter(future, task),
        Kind::Foreign => tell(future, task, intern!(future.py(), "future_discard_from_awaited_by")),
    }
}

enum Kind {
    /// A future of ours: its waiters know.
    Silent,
    Task,
    Foreign,
}

#[inline]
fn kind(future: &Bound<'_, PyAny>) -> Kind {
    if !compat::CALL_GRAPHS {
        Kind::Silent
    } else if try_state::<Task>(future).is_some() {
        Kind::Task
    } else if outcome_of(future).is_some() {
        Kind::Silent
    } else {
        Kind::Foreign
    }
}

fn tell(future: &Bound<'_, PyAny>, task: &Bound<'_, PyAny>, what: &Bound<'_, PyString>) -> PyResult<()> {
    FUTURES.helper(future.py(), what)?.call1((future, task)).map(drop)
}
