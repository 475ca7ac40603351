//! Who awaits a future, for `asyncio.capture_call_graph()` and the like, and for ferrio's own reports: read from its waiters.
//!
//! A task that awaits a parent of futures, such as what `gather()` returns, awaits the children: that is the task that was
//! current when the parent was made. In releases without call graphs it is the task that awaits the parent. What asyncio's
//! own code has written into a future of ours counts, too.

use crate::compat;
use crate::ffi::names::FUTURES;
use crate::ffi::prelude::*;
use crate::tasks::callback::WaiterCallback;
use crate::tasks::outcome::outcome_of;
use crate::tasks::waiters::{Table, Waiter};

/// The tasks that wait for `future` now, themselves or by way of futures that are done by it: for `ferrio.deadlocks`.
/// Unlike `awaited_by`, which says as asyncio does who has called `gather()` and its like, whatever that task is at.
#[pyfunction]
#[pyo3(name = "_waiting_for")]
pub(crate) fn waiting_for<'py>(future: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    let (mut futures, mut tasks) = (vec![future.clone()], Vec::new());
    let mut seen = 0;
    while let Some(next) = futures.get(seen).cloned() {
        seen += 1;
        for (waiter, table) in native_waiters(&next) {
            match (table.outer)(&waiter) {
                Some(outer) if futures.iter().any(|known| known.is(&outer)) => {}
                Some(outer) => futures.push(outer),
                // One that awaits the future itself.
                None => tasks.extend((table.awaiter)(&waiter, &next).filter(|task| task.is(&waiter))),
            }
        }
    }
    tasks
}

/// The tasks that await `future`, as a frozenset; None if there are none.
pub(crate) fn awaited_by(future: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = future.py();
    let (mut futures, mut tasks) = (vec![future.clone()], Vec::new());
    let mut seen = 0;
    while let Some(next) = futures.get(seen).cloned() {
        seen += 1;
        for (waiter, table) in native_waiters(&next) {
            tasks.extend((table.awaiter)(&waiter, &next));
            if !compat::CALL_GRAPHS {
                // A shield is a waiter of both of its futures.
                let outer = (table.outer)(&waiter);
                futures.extend(outer.filter(|outer| !futures.iter().any(|known| known.is(outer))));
            }
        }
    }
    FUTURES.helper(py, intern!(py, "awaited_by"))?.call1((future, tasks)).map(Bound::unbind)
}

/// The native waiters of a future, also those behind a callback.
fn native_waiters<'py>(future: &Bound<'py, PyAny>) -> Vec<(Bound<'py, PyAny>, &'static Table)> {
    let py = future.py();
    let see = |waiter: &Waiter| match waiter {
        Waiter::Native { object, table } => Some((object.bind(py).to_owned(), *table)),
        Waiter::Callback { callback, .. } => try_state::<WaiterCallback>(&callback.bind(py))?.of(py),
    };
    outcome_of(future).map_or_else(Vec::new, |outcome| outcome.map_waiters(see))
}
