//! Who awaits a future: what `asyncio.capture_call_graph()` and its like ask from Python 3.14 on, and tools from outside.
//!
//! asyncio writes it into each future that a task begins to await, and takes it out again. Ours know their waiters anyway,
//! so of a future nothing is kept: it is read off them when somebody asks. Of a task it is written, too, since tools read
//! it in its memory (`ffi::task_struct`). Who awaits something that waits for several futures, such as what `gather()`
//! returns, awaits those: the task that was the current one then; in releases where asyncio does not say so, whoever awaits
//! what is returned. What asyncio's own code has written into a future of ours counts, too.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::compat;
use crate::event_loop::support;
use crate::ffi::heap_type::{Native, try_state};
use crate::ffi::task_struct;
use crate::tasks::children::{self, ChildDone};
use crate::tasks::futures::{Future, outcome_of};
use crate::tasks::step::Wakeup;
use crate::tasks::task::Task;
use crate::tasks::waiters::Waiter;

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
    if !compat::CALL_GRAPHS || future.get_type_ptr() == Future::place().object() {
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
    support::helper(future.py(), what)?.call1((future, task)).map(drop)
}

/// The tasks that await `future`, whatever release of Python runs: for `ferrio.waiting`.
#[pyfunction]
#[pyo3(name = "_awaited_by")]
pub(crate) fn ask(future: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    attribute(future)
}

/// The tasks that await `future`, as a frozenset; None if there are none.
pub(crate) fn attribute(future: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = future.py();
    let (mut futures, mut tasks) = (vec![future.clone()], Vec::new());
    let mut seen = 0;
    while let Some(next) = futures.get(seen).cloned() {
        seen += 1;
        for waiter in waiters_of(&next) {
            match waiter {
                Sees::Task(task) => tasks.push(task),
                Sees::Parent(parent) => {
                    tasks.extend(children::awaiter(&parent, &next)?);
                    // One that stands between two futures is a waiter of both.
                    let outer = children::outer(&parent)?;
                    futures.extend(outer.filter(|outer| !futures.iter().any(|known| known.is(outer))));
                }
            }
        }
    }
    support::helper(py, intern!(py, "awaited_by"))?.call1((future, tasks)).map(Bound::unbind)
}

/// A waiter, as far as it stands for a task.
enum Sees<'py> {
    Task(Bound<'py, PyAny>),
    Parent(Bound<'py, PyAny>),
}

fn waiters_of<'py>(future: &Bound<'py, PyAny>) -> Vec<Sees<'py>> {
    let py = future.py();
    let see = |waiter: &Waiter| match waiter {
        Waiter::Task(task) => Some(Sees::Task(task.bind(py).to_owned())),
        Waiter::Parent(parent) => Some(Sees::Parent(parent.bind(py).to_owned())),
        Waiter::Callback { callback, .. } => {
            let callback = callback.bind(py);
            match try_state::<Wakeup>(&callback) {
                Some(wakeup) => wakeup.of(py).map(Sees::Task),
                None => try_state::<ChildDone>(&callback)?.of(py).map(Sees::Parent),
            }
        }
    };
    outcome_of(future).map_or_else(Vec::new, |outcome| outcome.map_waiters(see))
}
