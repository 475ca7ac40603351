//! How a task runs: one step of its coroutine, and what follows from what the coroutine yields.
//!
//! ```text
//!             soon                       step                       yields a future
//! (created) ───────▶ queued in the ring ──────▶ coroutine.send(None) ───────────────▶ waits as a `Waiter` of it
//!                          ▲    ▲                     │ yields None                        │
//!                          │    └─────────────────────┘                                    │ done, cancelled
//!                          └───────────────────────────────────────────────────────────────┘ wake_soon
//! ```
//!
//! Rule STEPPED: a task that is not done is queued, waits or runs. An error between two steps, if it is no mistake of the
//! caller's, is thrown into the coroutine by the next step (`throw_soon`). If no step can be made, the error ends the task
//! (`end_with`). asyncio only reports such errors, and the task waits for ever. `audit` checks the rule in debug builds.
//!
//! A queued step is one word of the loop's ring: no handle, no bound method, no `call_soon`. If the loop is not ours, is in debug
//! mode or has a replaced `call_soon`, a `WaiterCallback` is scheduled as a callback instead. The rules for what a coroutine
//! may yield, and their error texts, are asyncio's.

use pyo3::exceptions::PyRuntimeError;
use pyo3::types::PyTuple;

use crate::event_loop::exceptions::{asyncio_error, is_cancelled, leaves_the_loop};
use crate::event_loop::queueing::{self, QueueResult};
use crate::event_loop::run::both;
use crate::event_loop::state::BaseLoop;
use crate::ffi::call::{Step, in_context, is_generator, send_none, throw_into};
use crate::ffi::current::{self, Last};
use crate::ffi::names::TASKS;
use crate::ffi::prelude::*;
use crate::ffi::task_struct;
use crate::ffi::word::{Queued, Tag};
use crate::tasks::awaited_by;
use crate::tasks::callback::WaiterCallback;
use crate::tasks::cancelling::cancel_any;
use crate::tasks::outcome::{direct, exact_outcome};
use crate::tasks::task::Task;
use crate::tasks::waiters::Table;

/// Queues the next step of a task. An interrupt is returned apart: the step is queued all the same.
#[inline]
pub(crate) fn queue(task: &Task, this: &Bound<'_, PyAny>) -> QueueResult {
    let event_loop = task.outcome.alive(this.py())?;
    if let Some(state) = direct(&event_loop) {
        return state.push(Word::of::<Task>(this.clone())).map(Ok);
    }
    let wakeup = WaiterCallback::create(this, &WAITING)?;
    queueing::queue(&event_loop, wakeup.into(), None, task.context_of(this.py()).into())
}

/// Queues the next step of the task that waited for `future`, which is done.
fn wake_soon(task: Ref, future: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
    queue_wakeup(task, future, event_loop)?
}

/// As `wake_soon`. An interrupt is returned apart: the step is queued all the same.
#[inline]
fn queue_wakeup(task: Ref, future: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) -> QueueResult {
    let py = future.py();
    if let Some(state) = direct(event_loop) {
        return state.push(Word::of::<Task>(task.into_bound(py))).map(Ok);
    }
    let task = task.bind(py);
    let wakeup = WaiterCallback::create(&task, &WAITING)?;
    queueing::queue(event_loop, wakeup.into(), Some(future), (WAITING.context)(&task)?)
}

/// A task as a waiter: of the future that it awaits, or of the loop that will run it.
pub(crate) static WAITING: Table = Table {
    wake: wake_soon,
    call: called_back,
    callback_name: |_| "Task.task_wakeup",
    context: |task| {
        let context = try_state::<Task>(task).map(|state| state.context_of(task.py()));
        Ok(context.unwrap_or_else(|| task.py().None().into_bound(task.py())).into())
    },
    awaiter: |task, _| Some(task.clone()),
    outer: |_| None,
};

/// `wakeup()`, or `wakeup(future)` when that is done. Called by the loop, in the task's context.
fn called_back(this: &Bound<'_, PyAny>, arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
    let Some(task) = try_state::<Task>(this) else { return Ok(()) };
    let Ok(future) = arguments.get_item(0) else { return resume(task, this, None) };
    let forgotten = match exact_outcome(&future) {
        Some(_) => Ok(()),
        None => awaited_by::forget(&future, this),
    };
    step(task, this, error_of(&future), None).and(forgotten)
}

impl Queued for Task {
    const TAG: Tag = Tag::Step;

    /// A step in the task's context. An error here leaves the loop.
    fn run(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let event_loop = self.outcome.alive(py)?;
        let state = try_state::<BaseLoop>(&event_loop);
        let last = state.map(|state| &state.last_task);
        let began = Cell::new(false);
        let result = in_context(&self.context_of(py), || {
            began.set(true);
            resume(self, this, last)
        });
        match result {
            Ok(()) => Ok(()),
            Err(error) => {
                let forgotten = last.map_or(Ok(()), |last| last.forget(&event_loop));
                step_failed(self, this, error, began.get()).and(forgotten)
            }
        }
    }
}

/// Reports the error of a step. If the step was not begun, the error ends the task.
#[cold]
fn step_failed(task: &Task, this: &Bound<'_, PyAny>, error: PyErr, began: bool) -> PyResult<()> {
    let py = this.py();
    let result = if began { Err(error) } else { end_with(task, this, error) };
    match result {
        Err(error) if !leaves_the_loop(py, &error) => {
            let helper = TASKS.helper(py, intern!(py, "step_failed"))?;
            let error = raised::value(py, &error);
            raised::handling(&error, || helper.call1((this, &error))).map(drop)
        }
        result => result,
    }
}

/// A step, with the outcome of what the task waited for.
fn resume(task: &Task, this: &Bound<'_, PyAny>, last: Option<&Last>) -> PyResult<()> {
    let py = this.py();
    if let Some(error) = task.error.take() {
        return step(task, this, Some(error.into_bound(py)), last);
    }
    let Some(waited) = task.waits_for.bind(py) else { return step(task, this, None, last) };
    let error = error_of(&waited);
    drop(waited);
    step(task, this, error, last)
}

/// The exception of a future that is done, or the error of asking for it.
#[inline]
fn error_of<'py>(future: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    match exact_outcome(future) {
        Some(outcome) => {
            outcome.error(future.py()).unwrap_or_else(|error| Some(value_of(future.py(), error)))
        }
        None => foreign_error(future),
    }
}

fn value_of(py: Python<'_>, error: PyErr) -> Bound<'_, PyAny> {
    error.into_value(py).into_bound(py).into_any()
}

/// The same of a future that is not exactly ours.
fn foreign_error<'py>(future: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let py = future.py();
    future.call_method0(intern!(py, "result")).err().map(|error| value_of(py, error))
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
    if let Err(error) = current::enter(&event_loop, this, last) {
        return end_with(task, this, error);
    }
    let result = run_and_handle(task, this, error);
    let left = current::leave(&event_loop, this, last);
    result.and(left)
}

/// Ends the task with `error`, which prevented the step: no other step would ever come. Returns the error, too.
#[cold]
pub(crate) fn end_with(task: &Task, this: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
    drop(task.error.take());
    drop(task.waits_for.take());
    task.leave(this);
    let value = raised::value(this.py(), &error);
    task.outcome.fail(this, &value).and(Err(error))
}

/// The step itself: sends or throws, and does what the answer asks for.
pub(crate) fn run_and_handle(
    task: &Task,
    this: &Bound<'_, PyAny>,
    error: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    let py = this.py();
    let error = if task.must_cancel.get() { Some(cancellation(task, this, error)) } else { error };
    drop(task.waits_for.take());
    let Some(coroutine) = task.coroutine.bind(py) else {
        return end_with(task, this, PyRuntimeError::new_err("uninitialized Task object"));
    };
    let sent = match &error {
        None => send_none(&coroutine),
        Some(error) => throw_into(&coroutine, error),
    };
    let result = match sent {
        Ok(Step::Yield(yielded)) => return wait_for(task, this, yielded),
        Ok(Step::Return(value)) => returned(task, this, &value),
        Err(error) => raised(task, this, error),
    };
    task.leave(this);
    result
}

/// The exception that a step throws to cancel the task.
fn cancellation<'py>(
    task: &Task,
    this: &Bound<'py, PyAny>,
    error: Option<Bound<'py, PyAny>>,
) -> Bound<'py, PyAny> {
    let py = this.py();
    task.must_cancel.set(false);
    match error {
        Some(error) if is_cancelled(py, &PyErr::from_value(error.clone())) => error,
        _ => task.outcome.cancelled_error(py).unwrap_or_else(|error| value_of(py, error)),
    }
}

fn returned(task: &Task, this: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if task.must_cancel.replace(false) {
        // The task was cancelled right before its coroutine ended.
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

/// The coroutine yielded a future to wait for, or None to run again at the next turn. Anything else is an error, which is thrown
/// into it.
fn wait_for(task: &Task, this: &Bound<'_, PyAny>, yielded: Bound<'_, PyAny>) -> PyResult<()> {
    if yielded.is_none() {
        return match queue(task, this) {
            Ok(interrupted) => interrupted,
            Err(error) => throw_soon(task, this, error),
        };
    }
    match listen(task, this, &yielded) {
        Ok(true) => {
            task.waits_for.set(yielded);
            cancel_what_it_waits_for(task, this.py())
        }
        Ok(false) => go_on(task, this, yielded),
        Err(error) => throw_soon(task, this, error),
    }
}

/// The coroutine yielded a future that is done. An interrupt of the queueing is not thrown into the coroutine, which would run
/// twice.
fn go_on(task: &Task, this: &Bound<'_, PyAny>, yielded: Bound<'_, PyAny>) -> PyResult<()> {
    let event_loop = task.outcome.alive(this.py())?;
    match queue_wakeup(this.clone().into(), &yielded, &event_loop) {
        Ok(interrupted) => {
            task.waits_for.set(yielded);
            both(this.py(), interrupted, cancel_what_it_waits_for(task, this.py()))
        }
        Err(error) => throw_soon(task, this, error),
    }
}

/// Whether the future will wake the task; false if the future is done already. An error is thrown into the coroutine.
fn listen(task: &Task, this: &Bound<'_, PyAny>, yielded: &Bound<'_, PyAny>) -> PyResult<bool> {
    if yielded.is(this) {
        return mistake(format!("Task cannot await on itself: {}", this.repr()?));
    }
    let Some(outcome) = exact_outcome(yielded) else { return listen_to_foreign(task, this, yielded) };
    let event_loop = task.outcome.alive(this.py())?;
    if !outcome.has_loop(&event_loop) {
        return other_loop(this, yielded);
    }
    if !outcome.blocking.replace(false) {
        return not_awaited(this, yielded);
    }
    if outcome.is_done() {
        return Ok(false);
    }
    if yielded.get_type_ptr() == Task::place().object() {
        task_struct::add_awaiter(yielded, this)?;
    }
    outcome.add_waiter(this, &WAITING);
    note_since(task, &event_loop);
    Ok(true)
}

/// The task waits from now on.
#[inline]
fn note_since(task: &Task, event_loop: &Bound<'_, PyAny>) {
    if let Some(now) = try_state::<BaseLoop>(event_loop).and_then(BaseLoop::turn_time) {
        task.since.set(now);
    }
}

/// The next step throws `error` into the coroutine. An error that leaves the loop is returned, too.
#[cold]
fn throw_soon(task: &Task, this: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
    let py = this.py();
    task.error.set(raised::value(py, &error));
    match queue(task, this) {
        Ok(interrupted) if leaves_the_loop(py, &error) => both(py, Err(error), interrupted),
        Ok(interrupted) => interrupted,
        Err(error) => end_with(task, this, error),
    }
}

fn cancel_what_it_waits_for(task: &Task, py: Python<'_>) -> PyResult<()> {
    if task.must_cancel.get()
        && let Some(waited) = task.waits_for.bind(py)
    {
        let message = task.outcome.cancel_message(py);
        if cancel_any(&waited, message.as_ref().map(|message| message.bind(py)))? {
            task.must_cancel.set(false);
        }
    }
    Ok(())
}

/// As `listen`, for any other object that an attribute marks as a future.
fn listen_to_foreign(task: &Task, this: &Bound<'_, PyAny>, yielded: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = this.py();
    let flag = intern!(py, "_asyncio_future_blocking");
    let blocking = yielded.getattr_opt(flag)?;
    let Some(blocking) = blocking.filter(|blocking| !blocking.is_none()) else {
        return mistake(if is_generator(yielded) {
            let (this, yielded) = (this.repr()?, yielded.repr()?);
            format!("yield was used instead of yield from for generator in task {this} with {yielded}")
        } else {
            format!("Task got bad yield: {}", yielded.repr()?)
        });
    };
    let event_loop = task.outcome.alive(py)?;
    let theirs = match yielded.getattr_opt(intern!(py, "get_loop"))? {
        Some(get_loop) => get_loop.call0()?,
        None => yielded.getattr(intern!(py, "_loop"))?,
    };
    if !theirs.is(&event_loop) {
        return other_loop(this, yielded);
    }
    if !blocking.is_truthy()? {
        return not_awaited(this, yielded);
    }
    yielded.setattr(flag, false)?;
    let names = pyo3::types::PyDict::new(py);
    names.set_item(intern!(py, "context"), task.context_of(py))?;
    awaited_by::note(yielded, this)?;
    yielded.call_method(
        intern!(py, "add_done_callback"),
        (WaiterCallback::create(this, &WAITING)?,),
        Some(&names),
    )?;
    note_since(task, &event_loop);
    Ok(true)
}

fn other_loop(this: &Bound<'_, PyAny>, future: &Bound<'_, PyAny>) -> PyResult<bool> {
    let (this, future) = (this.repr()?, future.repr()?);
    mistake(format!("Task {this} got Future {future} attached to a different loop"))
}

fn not_awaited(this: &Bound<'_, PyAny>, future: &Bound<'_, PyAny>) -> PyResult<bool> {
    let (this, future) = (this.repr()?, future.repr()?);
    mistake(format!("yield was used instead of yield from in task {this} with {future}"))
}

/// The coroutine did something that no coroutine may.
fn mistake(text: String) -> PyResult<bool> {
    Err(PyRuntimeError::new_err(text))
}

/// A callback has failed with `error`. If it was a step whose context could not be entered, the error ends the task.
pub(crate) fn callback_failed(callback: &Bound<'_, PyAny>, error: &PyErr) -> PyResult<()> {
    let py = callback.py();
    let Some(callback) = try_state::<WaiterCallback>(callback).filter(|callback| !callback.was_called())
    else {
        return Ok(());
    };
    let Some((this, _)) = callback.of(py) else { return Ok(()) };
    match try_state::<Task>(&this).filter(|task| task.outcome.is_pending()) {
        Some(task) => end_with(task, &this, error.clone_ref(py)).or(Ok(())),
        None => Ok(()),
    }
}
