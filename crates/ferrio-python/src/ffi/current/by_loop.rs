//! The current task before Python 3.14: what the dictionary of asyncio's C module names for a loop.

use std::cell::Cell;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::ffi::known::Place;

/// What of the current task a loop of ours remembers: whether the dictionary still names the task that ran last, though
/// it does not run any more. Steps in a row then change one entry, instead of adding and deleting it each time.
///
/// Invariant: nothing but the next step runs while it does, in the same turn or a later one; `forget` comes first. A
/// task that is forgotten after each step takes 7.9 % more instructions of `gather`; one that is at each end of a turn, when
/// signals were looked for, too, took 17 % more of `sleep_zero`, and 11 % of `future_ping_pong`.
#[derive(Debug, Default)]
pub(crate) struct Last(Cell<bool>);

impl Last {
    /// Nobody is the current task of `event_loop`, for those who look.
    pub(crate) fn forget(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.0.replace(false) { current_tasks(event_loop.py())?.del_item(event_loop) } else { Ok(()) }
    }
}

/// `task` runs from now on.
#[inline]
pub(crate) fn enter(
    event_loop: &Bound<'_, PyAny>,
    task: &Bound<'_, PyAny>,
    last: Option<&Last>,
) -> PyResult<()> {
    let current = current_tasks(event_loop.py())?;
    if last.is_some_and(|last| last.0.replace(false)) {
        return current.set_item(event_loop, task);
    }
    // SAFETY: ATTACHED, live objects; the answer is borrowed from the dictionary, and nothing runs before it is owned.
    let there = unsafe { ffi::PyDict_SetDefault(current.as_ptr(), event_loop.as_ptr(), task.as_ptr()) };
    if there == task.as_ptr() {
        return Ok(());
    }
    if there.is_null() {
        return Err(PyErr::fetch(event_loop.py()));
    }
    // SAFETY: as above.
    let other = unsafe { Bound::from_borrowed_ptr(event_loop.py(), there) };
    let (task, other) = (task.repr()?, other.repr()?);
    let text = format!("Cannot enter into task {task} while another task {other} is being executed.");
    Err(PyRuntimeError::new_err(text))
}

/// `task` does not run any more; the dictionary may be told later if there is a `last`.
#[inline]
pub(crate) fn leave(
    event_loop: &Bound<'_, PyAny>,
    task: &Bound<'_, PyAny>,
    last: Option<&Last>,
) -> PyResult<()> {
    if let Some(last) = last {
        last.0.set(true);
        return Ok(());
    }
    let current = current_tasks(event_loop.py())?;
    let there = current.get_item(event_loop)?;
    if there.as_ref().is_some_and(|there| there.is(task)) {
        return current.del_item(event_loop);
    }
    let other = match there {
        Some(there) => there.repr()?.to_string(),
        None => "None".to_owned(),
    };
    let text = format!("Leaving task {} does not match the current task {other}.", task.repr()?);
    Err(PyRuntimeError::new_err(text))
}

/// The task that runs now on `event_loop`.
pub(crate) fn current<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    current_tasks(event_loop.py())?.get_item(event_loop)
}

/// As `current`.
pub(crate) fn running<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    current(event_loop)
}

/// Makes `task` the current one, or nobody, and says who was.
pub(crate) fn swap<'py>(
    event_loop: &Bound<'py, PyAny>,
    task: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let current = current_tasks(event_loop.py())?;
    let before = current.get_item(event_loop)?;
    match task {
        Some(task) => current.set_item(event_loop, task)?,
        None if before.is_some() => current.del_item(event_loop)?,
        None => {}
    }
    Ok(before)
}

fn current_tasks(py: Python<'_>) -> PyResult<&Bound<'_, PyDict>> {
    static CURRENT: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    CURRENT.known(py, "_asyncio", "_current_tasks")
}
