//! Who awaits a future: what `asyncio.capture_call_graph()` and its like ask from Python 3.14 on.
//!
//! asyncio writes it into each future that a task begins to await, and takes it out again. Ours know their waiters anyway,
//! so nothing is kept: it is read off them when somebody asks. Who awaits something that waits for several futures,
//! such as what `gather()` returns, awaits those. What asyncio's own code has written into a future of ours counts, too.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::children::{self, ChildDone};
use crate::compat;
use crate::ffi::heap_type::try_state;
use crate::futures::outcome_of;
use crate::step::Wakeup;
use crate::support;
use crate::waiters::Waiter;

/// `task` begins to await `future`, which may be asyncio's own.
pub(crate) fn note(future: &Bound<'_, PyAny>, task: &Bound<'_, PyAny>) -> PyResult<()> {
    tell(future, task, intern!(future.py(), "future_add_to_awaited_by"))
}

/// `task` awaits `future` no longer.
pub(crate) fn forget(future: &Bound<'_, PyAny>, task: &Bound<'_, PyAny>) -> PyResult<()> {
    tell(future, task, intern!(future.py(), "future_discard_from_awaited_by"))
}

fn tell(future: &Bound<'_, PyAny>, task: &Bound<'_, PyAny>, what: &Bound<'_, PyString>) -> PyResult<()> {
    if !compat::CALL_GRAPHS || outcome_of(future).is_some() {
        return Ok(());
    }
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
                    let (awaited, owner) = children::awaited(&parent, &next)?;
                    tasks.extend(owner);
                    // One that stands between two futures is a waiter of both.
                    futures.extend(awaited.filter(|awaited| !futures.iter().any(|known| known.is(awaited))));
                }
            }
        }
    }
    support::helper(py, intern!(py, "awaited_by"))?.call1((futures, tasks)).map(Bound::unbind)
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
