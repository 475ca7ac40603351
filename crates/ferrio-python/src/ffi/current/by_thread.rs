//! The current task from Python 3.14 on: a field of the thread's state, which asyncio's C module writes.
//!
//! Where that field is known (`task_struct`), and all is as it should be, it is written here, which saves a step of a task
//! some hundred instructions. Otherwise asyncio's functions do it, called as C. They refuse a loop that does not run on this
//! thread, in asyncio's own words.

use std::cell::Cell;
use std::ptr;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::ffi::known::Place;
use crate::ffi::task_struct::current_task;

/// What of the current task a loop of ours remembers: whether the thread still names the task that ran last, though it does
/// not run any more. Steps in a row then put one in the place of the other, instead of entering and leaving each time.
///
/// Invariant: nothing but the next step runs while it does, in the same turn or a later one; `forget` comes
/// first. `by_loop` has figures.
#[derive(Debug, Default)]
pub(crate) struct Last(Cell<bool>);

impl Last {
    /// Nobody is the current task of `event_loop`, for those who look.
    pub(crate) fn forget(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.0.replace(false) {
            return swap(event_loop, None).map(drop).or_else(|_| forget_where_another_runs(event_loop));
        }
        Ok(())
    }
}

/// `task` runs from now on.
pub(crate) fn enter(
    event_loop: &Bound<'_, PyAny>,
    task: &Bound<'_, PyAny>,
    last: Option<&Last>,
) -> PyResult<()> {
    static ENTER: Function = Function::named("_enter_task");
    let Some(last) = last.filter(|last| last.0.get()) else {
        if let Some(place) = current_task(event_loop) {
            // SAFETY: the place is this thread's, and owns what is there.
            unsafe {
                if place.read().is_null() {
                    place.write(task.clone().into_ptr());
                    return Ok(());
                }
            }
        }
        return ENTER.call([event_loop, task]).map(drop);
    };
    swap(event_loop, Some(task))?;
    last.0.set(false);
    Ok(())
}

/// `task` does not run any more; the thread may be told later if there is a `last`.
pub(crate) fn leave(
    event_loop: &Bound<'_, PyAny>,
    task: &Bound<'_, PyAny>,
    last: Option<&Last>,
) -> PyResult<()> {
    static LEAVE: Function = Function::named("_leave_task");
    if let Some(last) = last {
        last.0.set(true);
        return Ok(());
    }
    if let Some(place) = current_task(event_loop) {
        // SAFETY: as in `enter`.
        unsafe {
            if place.read() == task.as_ptr() {
                place.write(ptr::null_mut());
                ffi::Py_DECREF(task.as_ptr());
                return Ok(());
            }
        }
    }
    LEAVE.call([event_loop, task]).map(drop)
}

/// The task that runs now on `event_loop`.
pub(crate) fn current<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    match running(event_loop)? {
        None => elsewhere(event_loop),
        some => Ok(some),
    }
}

/// As `current`, of tasks that are not Python code.
pub(crate) fn running<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    static CURRENT: Function = Function::named("current_task");
    match current_task(event_loop) {
        // SAFETY: as in `enter`.
        Some(place) => Ok(unsafe { Bound::from_borrowed_ptr_or_opt(event_loop.py(), place.read()) }),
        None => CURRENT.call([event_loop]),
    }
}

/// asyncio's tasks in Python are known to functions in Python only, which who uses them has put in the place of those in C.
#[cold]
fn elsewhere<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = event_loop.py();
    let task = py.import("asyncio.tasks")?.call_method1(intern!(py, "current_task"), (event_loop,))?;
    Ok(Some(task).filter(|task| !task.is_none()))
}

/// Makes `task` the current one, or nobody, and says who was.
pub(crate) fn swap<'py>(
    event_loop: &Bound<'py, PyAny>,
    task: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    static SWAP: Function = Function::named("_swap_current_task");
    if let Some(place) = current_task(event_loop) {
        let task = task.map_or(ptr::null_mut(), |task| task.clone().into_ptr());
        // SAFETY: as in `enter`.
        return Ok(unsafe { Bound::from_owned_ptr_or_opt(event_loop.py(), place.replace(task)) });
    }
    let nobody = event_loop.py().None();
    SWAP.call([event_loop, task.unwrap_or(nobody.bind(event_loop.py()))])
}

/// A step has left another loop as the running one of this thread, or none, so that asyncio would not hear of ours.
#[cold]
fn forget_where_another_runs(event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = event_loop.py();
    let events = py.import("asyncio.events")?;
    let set_running = events.getattr(intern!(py, "_set_running_loop"))?;
    let running = events.getattr(intern!(py, "_get_running_loop"))?.call0()?;
    set_running.call1((event_loop,))?;
    let forgotten = swap(event_loop, None).map(drop);
    set_running.call1((running,))?;
    forgotten
}

/// A function of asyncio's C module, looked up once.
struct Function {
    name: &'static str,
    object: PyOnceLock<Py<PyAny>>,
}

impl Function {
    const fn named(name: &'static str) -> Self {
        Function { name, object: PyOnceLock::new() }
    }

    /// What it returns, unless that is None.
    fn call<'py, const N: usize>(
        &self,
        arguments: [&Bound<'py, PyAny>; N],
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = arguments[0].py();
        let function = self.object.known(py, "_asyncio", self.name)?;
        let arguments = arguments.map(Bound::as_ptr);
        // SAFETY: ATTACHED, live objects. No code of the program's runs but for the texts of errors.
        let result = unsafe {
            let result = ffi::PyObject_Vectorcall(function.as_ptr(), arguments.as_ptr(), N, ptr::null_mut());
            Bound::from_owned_ptr_or_err(py, result)?
        };
        Ok(if result.is_none() { None } else { Some(result) })
    }
}
