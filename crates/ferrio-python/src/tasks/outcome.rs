//! `Outcome`: the state machine that futures and tasks share.
//!
//! ```text
//! unset ── init ──▶ Pending ── finish, fail ──▶ Finished      every waiter is scheduled, in the order in which they came
//!                      └────────── cancel ────▶ Cancelled
//! ```
//!
//! Invariants: waiters are there only while pending. No borrow is held across a call into Python.
//!
//! Over 500 lines because every transition touches the same few cells, which nobody else may.

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyTypeError};
use pyo3::types::{PyList, PyType};

use crate::compat;
use crate::event_loop::exceptions::{asyncio_error, cancelled_error};
use crate::event_loop::queueing;
use crate::event_loop::run::both;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::ffi::call::copy_context;
use crate::ffi::common::Common;
use crate::ffi::names::FUTURES;
use crate::ffi::prelude::*;
use crate::ffi::sparse::SparseSlots;
use crate::ffi::stop::stop_with;
use crate::tasks::callback::WaiterCallback;
use crate::tasks::waiters::{Table, Waiter, Waiters};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Cancelled,
    Finished,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Pending => "PENDING",
            State::Cancelled => "CANCELLED",
            State::Finished => "FINISHED",
        }
    }
}

/// The traceback of the exception, until the exception is raised.
const TRACEBACK: usize = 0;
/// Where the future was made, in debug mode.
pub(crate) const SOURCE: usize = 1;
pub(crate) const CANCEL_MESSAGE: usize = 2;
/// The exception that cancelled a task. It is raised once, so that the chain of causes is kept.
const CANCELLED_ERROR: usize = 3;

/// See the module.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Empty until `__init__` was called.
    pub(crate) event_loop: Slot,
    /// The result, or the exception.
    value: Slot,
    waiters: RefCell<Waiters>,
    /// What few futures have.
    pub(crate) sparse: SparseSlots<4>,
    state: Cell<Option<State>>,
    failed: Cell<bool>,
    log_traceback: Cell<bool>,
    /// Whether the future is among the loop's timers. Its time completes it.
    timed: Cell<bool>,
    /// Set when the future is yielded to a task, which resets it.
    pub(crate) blocking: Cell<bool>,
}

held!(Outcome: waiters, value, sparse, event_loop);

impl Outcome {
    /// A pending outcome, for `event_loop`.
    pub(crate) fn pending(event_loop: Ref) -> Self {
        Outcome {
            event_loop: Slot::new(event_loop),
            state: Cell::new(Some(State::Pending)),
            ..Outcome::default()
        }
    }

    /// Whether the future is among the timers.
    pub(crate) fn waits_for_time(&self) -> bool {
        self.timed.get()
    }

    /// From now on the future is among the timers of its loop, which is ours.
    pub(crate) fn wait_for_time(&self) {
        self.timed.set(true);
    }

    /// The time has come: completes the future.
    pub(crate) fn time_is_up(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.timed.set(false);
        if self.is_pending() { self.finish(this, this.py().None().bind(this.py())) } else { Ok(()) }
    }

    /// The time does not matter any more.
    pub(crate) fn forget_time(&self, py: Python<'_>) {
        if self.timed.replace(false)
            && let Some(event_loop) = self.event_loop.bind(py)
            && let Some(state) = try_state::<BaseLoop>(&event_loop)
        {
            state.timer_cancelled();
        }
    }

    /// An error if `__init__` may be called only once, and is called again.
    pub(crate) fn refuse_again(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if !compat::INITIALISED_ONCE || self.event_loop.is_empty() {
            return Ok(());
        }
        let kind = this.get_type().fully_qualified_name()?;
        Err(PyRuntimeError::new_err(format!("{kind} object is already initialized")))
    }

    /// What `__init__` does, also when it is called again.
    pub(crate) fn init(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        self.forget_time(event_loop.py());
        drop(self.waiters.take());
        drop(self.value.take());
        self.sparse.clear();
        self.failed.set(false);
        self.log_traceback.set(false);
        self.blocking.set(false);
        self.event_loop.set(event_loop.clone());
        self.state.set(Some(State::Pending));
        self.note_source(event_loop)
    }

    /// In debug mode: notes where the future was made.
    #[inline]
    pub(crate) fn note_source(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        if support::is_debug(event_loop)? { self.keep_source(event_loop.py()) } else { Ok(()) }
    }

    #[cold]
    fn keep_source(&self, py: Python<'_>) -> PyResult<()> {
        self.sparse.set(SOURCE, Some(support::caller(py)?));
        Ok(())
    }

    pub(crate) fn state(&self) -> State {
        self.state.get().unwrap_or(State::Pending)
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.state.get() == Some(State::Pending)
    }

    /// Whether the future is finished or cancelled.
    pub(crate) fn is_done(&self) -> bool {
        self.state() != State::Pending
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.state.get() == Some(State::Cancelled)
    }

    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.bind(py)
    }

    pub(crate) fn has_loop(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        self.event_loop.as_ptr() == event_loop.as_ptr()
    }

    /// The loop. An error if `__init__` was never called.
    pub(crate) fn alive<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.event_loop.bind(py).ok_or_else(|| PyRuntimeError::new_err(UNSET))
    }

    /// An error, in asyncio's words, if `__init__` was never called.
    fn asked(&self, py: Python<'_>) -> PyResult<()> {
        if self.event_loop.is_empty() {
            return Err(asyncio_error(py, intern!(py, "InvalidStateError"), UNSET));
        }
        Ok(())
    }

    /// The result, or the exception as an error.
    pub(crate) fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.asked(py)?;
        match self.error(py)? {
            Some(error) => Err(raised::raise(&error)),
            None if self.is_pending() => {
                Err(asyncio_error(py, intern!(py, "InvalidStateError"), "Result is not set."))
            }
            None => Ok(self.value.bind(py).unwrap_or_else(|| py.None().into_bound(py))),
        }
    }

    /// The exception that a waiter is thrown, if there is one, with its traceback. The exception then counts as retrieved.
    pub(crate) fn error<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.state() {
            State::Cancelled => self.cancelled_error(py).map(Some),
            State::Finished if self.failed.get() => {
                self.log_traceback.set(false);
                let traceback = self.sparse.take(TRACEBACK);
                let Some(error) = self.value.bind(py) else { return Ok(None) };
                raised::set_traceback(&error, traceback.map(|traceback| traceback.into_bound(py)));
                Ok(Some(error))
            }
            _ => {
                self.log_traceback.set(false);
                Ok(None)
            }
        }
    }

    /// The exception, without raising it.
    pub(crate) fn exception<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.asked(py)?;
        match self.state() {
            State::Cancelled => Err(raised::raise(&self.cancelled_error(py)?)),
            State::Pending => {
                Err(asyncio_error(py, intern!(py, "InvalidStateError"), "Exception is not set."))
            }
            State::Finished => {
                self.log_traceback.set(false);
                Ok(if self.failed.get() { self.value.bind(py) } else { None })
            }
        }
    }

    /// A `CancelledError` with the message that `cancel()` was given; the first time, the one that was caught.
    pub(crate) fn cancelled_error<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.sparse.take(CANCELLED_ERROR) {
            Some(kept) => Ok(kept.into_bound(py)),
            None => cancelled_error(py, self.sparse.bind(py, CANCEL_MESSAGE).as_ref()),
        }
    }

    /// Completes the future with a result.
    pub(crate) fn finish(&self, this: &Bound<'_, PyAny>, result: &Bound<'_, PyAny>) -> PyResult<()> {
        let event_loop = self.still_pending(this.py())?;
        self.value.set(result.clone());
        self.state.set(Some(State::Finished));
        self.wake_all(this, &event_loop)
    }

    /// Completes the future with an exception: an instance, or a class that is called.
    pub(crate) fn fail(&self, this: &Bound<'_, PyAny>, exception: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let event_loop = self.still_pending(py)?;
        let exception = if exception.is_instance_of::<PyType>()
            && exception.cast::<PyType>()?.is_subclass_of::<PyBaseException>()?
        {
            let made = exception.call0()?;
            // The constructor may have completed the future.
            self.still_pending(py)?;
            made
        } else {
            exception.clone()
        };
        if !exception.is_instance_of::<PyBaseException>() {
            return Err(PyTypeError::new_err("invalid exception object"));
        }
        let exception = if exception.is_instance_of::<pyo3::exceptions::PyStopIteration>() {
            // Releases of Python treat a StopIteration differently.
            FUTURES.helper(py, intern!(py, "stop_iteration"))?.call1((event_loop.clone(), exception))?
        } else {
            exception
        };
        if let Some(traceback) = raised::traceback(&exception) {
            self.sparse.set(TRACEBACK, Some(traceback));
        }
        self.value.set(exception);
        self.failed.set(true);
        self.state.set(Some(State::Finished));
        self.log_traceback.set(true);
        self.wake_all(this, &event_loop)
    }

    /// Cancels the future, unless it is done. Says whether it was cancelled.
    pub(crate) fn cancel(
        &self,
        this: &Bound<'_, PyAny>,
        message: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let event_loop = self.alive(this.py())?;
        self.log_traceback.set(false);
        if !self.is_pending() {
            return Ok(false);
        }
        self.state.set(Some(State::Cancelled));
        self.set_cancel_message(message);
        self.wake_all(this, &event_loop)?;
        Ok(true)
    }

    pub(crate) fn set_cancel_message(&self, message: Option<&Bound<'_, PyAny>>) {
        self.sparse.set(CANCEL_MESSAGE, message.filter(|message| !message.is_none()).cloned());
    }

    pub(crate) fn cancel_message(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.sparse.object(py, CANCEL_MESSAGE)
    }

    pub(crate) fn keep_cancelled_error(&self, error: Bound<'_, PyAny>) {
        self.sparse.set(CANCELLED_ERROR, Some(error));
    }

    pub(crate) fn source_traceback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.sparse.object(py, SOURCE)
    }

    /// The result as an attribute: None if there is none.
    pub(crate) fn bare_result(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        if self.failed.get() { None } else { self.value.object(py) }
    }

    /// The exception as an attribute: None if there is none.
    pub(crate) fn bare_exception(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        if self.failed.get() { self.value.object(py) } else { None }
    }

    pub(crate) fn logs_traceback(&self) -> bool {
        self.log_traceback.get()
    }

    pub(crate) fn forget_traceback(&self) {
        self.log_traceback.set(false);
    }

    /// Calls `callback(this)` in `context` when the future is done; at the next turn, if it is done already.
    pub(crate) fn add_callback(
        &self,
        this: &Bound<'_, PyAny>,
        callback: &Bound<'_, PyAny>,
        context: Option<Ref>,
    ) -> PyResult<()> {
        let py = this.py();
        let event_loop = self.alive(py)?;
        let context = match context {
            Some(context) => context,
            None => copy_context(py)?,
        };
        let callback = callback.clone().into();
        if self.is_pending() {
            self.waiters.borrow_mut().push(Waiter::Callback { callback, context });
            return Ok(());
        }
        queueing::call_soon(&event_loop, callback, Some(this), context)
    }

    /// Tells `object`, whose type has this table, when the future is done. The future must be pending.
    #[inline]
    pub(crate) fn add_waiter(&self, object: &Bound<'_, PyAny>, table: &'static Table) {
        self.waiters.borrow_mut().push(Waiter::Native { object: object.clone().into(), table });
    }

    /// Does not tell `object` any more. Says whether it was a waiter.
    pub(crate) fn remove_waiter(&self, object: &Bound<'_, PyAny>) -> bool {
        let is_it = |waiter: &Waiter| matches!(waiter, Waiter::Native { object: other, .. } if other.as_ptr() == object.as_ptr());
        // Dropped after the borrow, since that may run any code.
        let removed = self.waiters.borrow_mut().take_out(is_it);
        !removed.is_empty()
    }

    /// Whether the future has failed, or was cancelled.
    pub(crate) fn is_bad(&self) -> bool {
        self.failed.get() || self.state() == State::Cancelled
    }

    /// Removes all callbacks that are equal to `callback`. Says how many.
    pub(crate) fn remove_callback(&self, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = callback.py();
        self.alive(py)?;
        // Comparing runs any code, which may add and remove callbacks and complete the future.
        let mut equal = Vec::new();
        for (candidate, context) in self.pairs(py)? {
            if candidate.bind(py).eq(callback)? {
                equal.push((candidate, context));
            }
        }
        let is_equal = |waiter: &Waiter| {
            let Waiter::Callback { callback, context } = waiter else { return false };
            let place = equal.iter().position(|(candidate, theirs)| {
                (candidate.as_ptr(), theirs.as_ptr()) == (callback.as_ptr(), context.as_ptr())
            });
            place.map(|place| equal.swap_remove(place)).is_some()
        };
        let removed = self.waiters.borrow_mut().take_out(is_equal);
        Ok(removed.len())
    }

    /// What `see` makes of each waiter. It must not call back.
    pub(crate) fn map_waiters<R>(&self, see: impl FnMut(&Waiter) -> Option<R>) -> Vec<R> {
        self.waiters.borrow().as_slice().iter().filter_map(see).collect()
    }

    /// `_callbacks`: a list of pairs of callable and context, or None.
    pub(crate) fn callbacks(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.alive(py)?;
        let pairs = self.pairs(py)?;
        if pairs.is_empty() {
            return Ok(None);
        }
        Ok(Some(PyList::new(py, pairs)?.into_any().unbind()))
    }

    fn still_pending<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = self.alive(py)?;
        if !self.is_pending() {
            return Err(asyncio_error(py, intern!(py, "InvalidStateError"), "invalid state"));
        }
        Ok(event_loop)
    }

    /// Wakes every waiter. If a `call_soon` of the program's own raises for one, the others are woken all the same. The first such
    /// error is returned.
    fn wake_all(&self, this: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        self.forget_time(this.py());
        match self.waiters.take() {
            Waiters::None => Ok(()),
            Waiters::One(waiter) => waiter.wake(this, event_loop),
            Waiters::Many(all) => {
                let mut result = Ok(());
                for waiter in all {
                    result = both(this.py(), result, waiter.wake(this, event_loop));
                }
                result
            }
        }
    }

    fn pairs(&self, py: Python<'_>) -> PyResult<Vec<(Py<PyAny>, Py<PyAny>)>> {
        // The callback of a native waiter is made without a borrow.
        let see = |waiter: &Waiter| {
            Some(match waiter {
                Waiter::Callback { callback, context } => (callback.object(py), Ok(context.object(py))),
                Waiter::Native { object, table } => (object.object(py), Err(*table)),
            })
        };
        let pair = |(object, rest): (Py<PyAny>, Result<Py<PyAny>, &'static Table>)| match rest {
            Ok(context) => Ok((object, context)),
            Err(table) => {
                let callback = WaiterCallback::create(object.bind(py), table)?.unbind();
                Ok((callback, (table.context)(object.bind(py))?.object(py)))
            }
        };
        self.map_waiters(see).into_iter().map(pair).collect()
    }
}

/// The outcomes of the types of futures: `Future`, `Task`, and what `gather()` returns.
pub(crate) static OUTCOMES: Common<Outcome, 3> = Common::new();

/// The outcome of a future or a task of ours, of any class.
pub(crate) fn outcome_of<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a Outcome> {
    OUTCOMES.any(object)
}

/// The outcome of an object of exactly one of our types. Its methods are ours, then.
#[inline]
pub(crate) fn exact_outcome<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a Outcome> {
    OUTCOMES.exact(object)
}

/// One step of awaiting: the future itself while it is pending, then nothing, which ends the iterator with its result.
pub(crate) fn step<'py>(outcome: &Outcome, this: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = this.py();
    if outcome.is_done() {
        stop_with(&outcome.result(py)?);
        return Ok(None);
    }
    outcome.alive(py)?;
    if outcome.blocking.replace(true) {
        return Err(PyRuntimeError::new_err("await wasn't used with future"));
    }
    Ok(Some(this.clone()))
}

/// The state of a loop of ours if words may go to its ring directly: nobody has replaced `call_soon`, and debug mode is off.
#[inline]
pub(crate) fn direct<'a>(event_loop: &'a Bound<'_, PyAny>) -> Option<&'a BaseLoop> {
    try_state::<BaseLoop>(event_loop).filter(|state| state.queues_directly(event_loop))
}

/// As `direct`, if words may go to the loop's timers directly: nobody has replaced `call_later`, `call_at` or `create_future`,
/// either.
pub(crate) fn timers_of<'a>(event_loop: &'a Bound<'_, PyAny>) -> Option<&'a BaseLoop> {
    direct(event_loop).filter(|state| state.schedules_directly())
}

/// Reports to the loop's exception handler that a future or a task died, and nobody took notice.
pub(crate) fn report_death(
    this: &Bound<'_, PyAny>,
    outcome: &Outcome,
    message: &str,
    entries: &[(&str, Option<Bound<'_, PyAny>>)],
) -> PyResult<()> {
    let py = this.py();
    let Some(event_loop) = outcome.event_loop(py) else { return Ok(()) };
    let context = pyo3::types::PyDict::new(py);
    context.set_item(intern!(py, "message"), message)?;
    for (name, value) in entries {
        context.set_item(name, value)?;
    }
    if let Some(source) = outcome.source_traceback(py) {
        context.set_item(intern!(py, "source_traceback"), source)?;
    }
    event_loop.call_method1(intern!(py, "call_exception_handler"), (context,)).map(drop)
}

const UNSET: &str = "Future object is not initialized.";
