//! How a task runs: one step of its coroutine, and what becomes of what that yields.
//!
//! ```text
//!             soon                       step                       yields a future
//! (created) ───────▶ queued in the ring ──────▶ coroutine.send(None) ───────────────▶ waits as a `Waiter` of it
//!                          ▲    ▲                     │ yields None                        │
//!                          │    └─────────────────────┘                                    │ done, cancelled
//!                          └───────────────────────────────────────────────────────────────┘ wake_soon
//! ```
//!
//! A queued step is one word of the loop's ring: no handle, no bound method, no `call_soon`. Where the loop is not ours,
//! or wants to know (debug mode, a replaced `call_soon`), a `Wakeup` object is scheduled as a callback instead. asyncio's
//! rules for what a coroutine may yield, and their texts, are kept.

use std::ffi::CStr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::awaited_by;
use crate::base_events::{self, BaseLoop};
use crate::exceptions::{asyncio_error, is_cancelled, leaves_the_loop};
use crate::ffi::call::{Sent, in_context, is_generator, send_none, throw_into};
use crate::ffi::current::{self, Last};
use crate::ffi::heap_type::{Native, Place, Visitor, try_state, type_object};
use crate::ffi::instances::alloc;
use crate::ffi::members::{Members, members};
use crate::ffi::object::{Called, called_slots};
use crate::ffi::reference::{Ref, Slot};
use crate::ffi::word::Word;
use crate::futures::exact_outcome;
use crate::outcome::{Outcome, direct};
use crate::support;
use crate::tasks::{Task, cancel_future};

/// Queues the next step of a task.
pub(crate) fn soon(task: &Task, this: &Bound<'_, PyAny>) -> PyResult<()> {
    let event_loop = task.outcome.alive(this.py())?;
    if let Some(state) = direct(&event_loop) {
        state.engine()?.call_soon(Word::step(this.clone()));
        return Ok(());
    }
    let wakeup = Wakeup::create(this)?;
    let context = Ref::from(task.context_of(this.py()));
    base_events::call_soon(&event_loop, wakeup.into(), None, context)
}

/// Queues the next step of the task that waited for `future`, which is done.
pub(crate) fn wake_soon(task: Ref, future: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = future.py();
    if let Some(state) = direct(event_loop) {
        state.engine()?.call_soon(Word::step(task.into_bound(py)));
        return Ok(());
    }
    let task = task.bind(py);
    let context = try_state::<Task>(&task).map(|state| Ref::from(state.context_of(py)));
    let Some(context) = context else { return Ok(()) };
    base_events::call_soon(event_loop, Wakeup::create(&task)?.into(), Some(future), context)
}

/// How a task that waits for a future stands in that future's list of callbacks.
pub(crate) fn as_callback(task: &Bound<'_, PyAny>) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
    let context = try_state::<Task>(task).map(|state| state.context_of(task.py()).unbind());
    Ok((Wakeup::create(task)?.unbind(), context.unwrap_or_else(|| task.py().None())))
}

/// A queued step: in the task's context. Only what leaves the loop is an error here.
pub(crate) fn run(task: &Task, this: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = this.py();
    let event_loop = task.outcome.alive(py)?;
    let state = try_state::<BaseLoop>(&event_loop);
    let last = state.map(|state| &state.last_task);
    let result = in_context(&task.context_of(py), || resume(task, this, last));
    if let Some(last) = last.filter(|_| result.is_err()) {
        last.forget(&event_loop)?;
    }
    match result {
        Err(error) if !leaves_the_loop(py, &error) => {
            support::helper(py, intern!(py, "step_failed"))?.call1((this, error.value(py))).map(drop)
        }
        result => result,
    }
}

/// A step with what became of what the task waited for.
fn resume(task: &Task, this: &Bound<'_, PyAny>, last: Option<&Last>) -> PyResult<()> {
    let py = this.py();
    if let Some(error) = task.error.take() {
        return step(task, this, Some(error.into_bound(py)), last);
    }
    let Some(waited) = task.waits_for.bind(py) else { return step(task, this, None, last) };
    let error = match exact_outcome(&waited) {
        Some(outcome) => outcome.error(py)?,
        None => foreign_error(&waited)?,
    };
    drop(waited);
    step(task, this, error, last)
}

/// What a future that is not exactly ours has to throw.
fn foreign_error<'py>(future: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = future.py();
    match future.call_method0(intern!(py, "result")) {
        Ok(_) => Ok(None),
        Err(error) => Ok(Some(error.into_value(py).into_bound(py).into_any())),
    }
}

/// One step, as the current task.
fn step(
    task: &Task,
    this: &Bound<'_, PyAny>,
    error: Option<Bound<'_, PyAny>>,
    last: Option<&Last>,
) -> PyResult<()> {
    let py = this.py();
    if !task.outcome.is_pending() {
        let error = error.unwrap_or_else(|| py.None().into_bound(py));
        let text = format!("__step(): already done: {} {}", this.repr()?, error.repr()?);
        return Err(asyncio_error(py, intern!(py, "InvalidStateError"), &text));
    }
    let event_loop = task.outcome.alive(py)?;
    current::enter(&event_loop, this, last)?;
    let result = run_and_handle(task, this, error);
    let left = current::leave(&event_loop, this, last);
    result.and(left)
}

/// The step itself: sends or throws, and does what the answer asks for.
pub(crate) fn run_and_handle(
    task: &Task,
    this: &Bound<'_, PyAny>,
    error: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    let py = this.py();
    let error = if task.must_cancel.get() { Some(cancellation(task, this, error)?) } else { error };
    drop(task.waits_for.take());
    let Some(coroutine) = task.coroutine.bind(py) else {
        return Err(PyRuntimeError::new_err("uninitialized Task object"));
    };
    let sent = match &error {
        None => send_none(&coroutine),
        Some(error) => throw_into(&coroutine, error),
    };
    let result = match sent {
        Ok(Sent::Yielded(yielded)) => return wait_for(task, this, yielded),
        Ok(Sent::Returned(value)) => returned(task, this, &value),
        Err(error) => raised(task, this, error),
    };
    task.let_go();
    result
}

/// What a step throws because the task is to be cancelled.
fn cancellation<'py>(
    task: &Task,
    this: &Bound<'py, PyAny>,
    error: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = this.py();
    task.must_cancel.set(false);
    match error {
        Some(error) if is_cancelled(py, &PyErr::from_value(error.clone())) => Ok(error),
        _ => task.outcome.cancelled_error(py),
    }
}

fn returned(task: &Task, this: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if task.must_cancel.replace(false) {
        // Cancelled right before its coroutine came to its end.
        let message = task.outcome.cancel_message(this.py());
        let message = message.as_ref().map(|message| message.bind(this.py()));
        return task.outcome.cancel(this, message).map(drop);
    }
    task.outcome.finish(this, value)
}

fn raised(task: &Task, this: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
    let py = this.py();
    if is_cancelled(py, &error) {
        task.outcome.keep_cancelled_error(error.into_value(py).into_bound(py).into_any());
        return task.outcome.cancel(this, None).map(drop);
    }
    let leaves = leaves_the_loop(py, &error);
    // Before Python 3.12 an exception has its traceback only once it is a value.
    let error = error.into_value(py).into_bound(py).into_any();
    task.outcome.fail(this, &error)?;
    if leaves { Err(PyErr::from_value(error)) } else { Ok(()) }
}

/// The coroutine yielded: a future to wait for, or None to be run again soon. All else is a mistake, which it is told.
fn wait_for(task: &Task, this: &Bound<'_, PyAny>, yielded: Bound<'_, PyAny>) -> PyResult<()> {
    let py = this.py();
    if yielded.is_none() {
        return soon(task, this);
    }
    if yielded.is(this) {
        return mistake(task, this, format!("Task cannot await on itself: {}", this.repr()?));
    }
    if let Some(outcome) = exact_outcome(&yielded) {
        let event_loop = task.outcome.alive(py)?;
        if !outcome.has_loop(&event_loop) {
            return mistake(task, this, other_loop(this, &yielded)?);
        }
        if !outcome.blocking.replace(false) {
            return mistake(task, this, not_awaited(this, &yielded)?);
        }
        return wait_for_ours(task, this, outcome, &yielded);
    }
    wait_for_foreign(task, this, yielded)
}

fn wait_for_ours(
    task: &Task,
    this: &Bound<'_, PyAny>,
    outcome: &Outcome,
    future: &Bound<'_, PyAny>,
) -> PyResult<()> {
    if outcome.is_pending() {
        outcome.add_task(this);
    } else {
        let event_loop = task.outcome.alive(this.py())?;
        wake_soon(this.clone().into(), future, &event_loop)?;
    }
    task.waits_for.set(future.clone());
    cancel_what_it_waits_for(task, this.py())
}

fn cancel_what_it_waits_for(task: &Task, py: Python<'_>) -> PyResult<()> {
    if task.must_cancel.get()
        && let Some(waited) = task.waits_for.bind(py)
    {
        let message = task.outcome.cancel_message(py);
        if cancel_future(&waited, message.as_ref().map(|message| message.bind(py)))? {
            task.must_cancel.set(false);
        }
    }
    Ok(())
}

/// Anything else that may be a future: it says so by an attribute.
fn wait_for_foreign(task: &Task, this: &Bound<'_, PyAny>, yielded: Bound<'_, PyAny>) -> PyResult<()> {
    let py = this.py();
    let flag = intern!(py, "_asyncio_future_blocking");
    let blocking = yielded.getattr_opt(flag)?;
    let Some(blocking) = blocking.filter(|blocking| !blocking.is_none()) else {
        let text = if is_generator(&yielded) {
            let (this, yielded) = (this.repr()?, yielded.repr()?);
            format!("yield was used instead of yield from for generator in task {this} with {yielded}")
        } else {
            format!("Task got bad yield: {}", yielded.repr()?)
        };
        return mistake(task, this, text);
    };
    let event_loop = task.outcome.alive(py)?;
    let theirs = match yielded.getattr_opt(intern!(py, "get_loop"))? {
        Some(get_loop) => get_loop.call0()?,
        None => yielded.getattr(intern!(py, "_loop"))?,
    };
    if !theirs.is(&event_loop) {
        return mistake(task, this, other_loop(this, &yielded)?);
    }
    if !blocking.is_truthy()? {
        return mistake(task, this, not_awaited(this, &yielded)?);
    }
    yielded.setattr(flag, false)?;
    let names = pyo3::types::PyDict::new(py);
    names.set_item(intern!(py, "context"), task.context_of(py))?;
    let wakeup = Wakeup::create(this)?;
    yielded.call_method(intern!(py, "add_done_callback"), (wakeup,), Some(&names))?;
    awaited_by::note(&yielded, this)?;
    task.waits_for.set(yielded);
    cancel_what_it_waits_for(task, py)
}

fn other_loop(this: &Bound<'_, PyAny>, future: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(format!("Task {} got Future {} attached to a different loop", this.repr()?, future.repr()?))
}

fn not_awaited(this: &Bound<'_, PyAny>, future: &Bound<'_, PyAny>) -> PyResult<String> {
    let (this, future) = (this.repr()?, future.repr()?);
    Ok(format!("yield was used instead of yield from in task {this} with {future}"))
}

/// The next step throws a `RuntimeError` into the coroutine, which did something that no coroutine may.
fn mistake(task: &Task, this: &Bound<'_, PyAny>, text: String) -> PyResult<()> {
    let error = PyRuntimeError::new_err(text).into_value(this.py());
    task.error.set(error.into_bound(this.py()).into_any());
    soon(task, this)
}

/// The next step of a task as a Python callable: `wakeup()`, or `wakeup(future)` when that is done.
pub(crate) struct Wakeup {
    task: Slot,
}

impl Wakeup {
    fn create<'py>(task: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let state = Wakeup { task: Slot::new(task.clone().into()) };
        alloc(&type_object::<Wakeup>(task.py())?, state)
    }

    /// The task.
    pub(crate) fn of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.task.bind(py)
    }

    /// By which reports and asyncio's helpers find the task.
    fn task(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.task.object(this.py()))
    }

    fn name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(pyo3::types::PyString::intern(this.py(), "Task.task_wakeup").into_any().unbind())
    }
}

impl Called for Wakeup {
    /// Called by the loop, in the task's context.
    fn call(&self, arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
        let py = arguments.py();
        let Some(this) = self.task.bind(py) else { return Ok(()) };
        let Some(task) = try_state::<Task>(&this) else { return Ok(()) };
        let Ok(future) = arguments.get_item(0) else { return resume(task, &this, None) };
        let error = if let Some(outcome) = exact_outcome(&future) {
            outcome.error(py)?
        } else {
            awaited_by::forget(&future, &this)?;
            foreign_error(&future)?
        };
        step(task, &this, error, None)
    }
}

impl Native for Wakeup {
    const NAME: &'static CStr = c"ferrio._ferrio.TaskWakeup";
    const DOC: &'static CStr = c"The next step of a task.";

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        let own = members! { Wakeup;
            methods {}
            attributes {
                c"__self__" => task;
                c"__name__" => name;
                c"__qualname__" => name;
            }
        };
        own.and(called_slots::<Wakeup>())
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        visitor.raw(self.task.as_ptr());
    }

    fn clear(&self) {
        drop(self.task.take());
    }
}
