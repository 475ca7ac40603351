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

use std::cell::{Cell, RefCell};

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};

use crate::compat;
use crate::event_loop::exceptions::{asyncio_error, cancelled_error};
use crate::event_loop::queueing;
use crate::event_loop::run::both;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::ffi::call::copy_context;
use crate::ffi::common::Common;
use crate::ffi::heap_type::try_state;
use crate::ffi::held::held;
use crate::ffi::names::BASE_EVENTS;
use crate::ffi::names::FUTURES;
use crate::ffi::raised;
use crate::ffi::reference::{Ref, Slot};
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

/// What few of them have.
#[derive(Default)]
struct Extra {
    traceback: Option<Py<PyAny>>,
    source_traceback: Option<Py<PyAny>>,
    cancel_message: Option<Py<PyAny>>,
    /// What a task that ended by cancellation had caught: raised once, so that the chain of causes is kept.
    cancelled_error: Option<Py<PyAny>>,
}

held!(Extra: traceback, source_traceback, cancel_message, cancelled_error);

/// See the module.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Empty until it was initialised.
    event_loop: Slot,
    /// The result, or the exception.
    value: Slot,
    waiters: RefCell<Waiters>,
    extra: RefCell<Option<Box<Extra>>>,
    state: Cell<Option<State>>,
    failed: Cell<bool>,
    log_traceback: Cell<bool>,
    /// Whether it is among the loop's timers, where its time completes it.
    timed: Cell<bool>,
    /// Set while it is being yielded to a task, which takes it back.
    pub(crate) blocking: Cell<bool>,
}

held!(Outcome: waiters, value, extra, event_loop);

impl Outcome {
    /// One that is pending, for `event_loop`.
    pub(crate) fn pending(event_loop: Ref) -> Self {
        Outcome {
            event_loop: Slot::new(event_loop),
            state: Cell::new(Some(State::Pending)),
            ..Outcome::default()
        }
    }

    /// Whether its time completes it.
    pub(crate) fn waits_for_time(&self) -> bool {
        self.timed.get()
    }

    /// It is among the timers of its loop, which is one of ours, from now on.
    pub(crate) fn wait_for_time(&self) {
        self.timed.set(true);
    }

    /// Its time has come.
    pub(crate) fn time_is_up(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.timed.set(false);
        if self.is_pending() { self.finish(this, this.py().None().bind(this.py())) } else { Ok(()) }
    }

    /// Its time does not matter any more.
    pub(crate) fn forget_time(&self, py: Python<'_>) {
        if self.timed.replace(false)
            && let Some(event_loop) = self.event_loop.bind(py)
            && let Some(state) = try_state::<BaseLoop>(&event_loop)
        {
            state.timer_cancelled();
        }
    }

    /// Where it may be initialised once only, the second time is an error.
    pub(crate) fn refuse_again(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if !compat::INITIALISED_ONCE || self.event_loop.is_empty() {
            return Ok(());
        }
        let kind = this.get_type().fully_qualified_name()?;
        Err(PyRuntimeError::new_err(format!("{kind} object is already initialized")))
    }

    /// What `__init__` does, be it for the second time.
    pub(crate) fn init(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        self.forget_time(event_loop.py());
        drop(self.waiters.take());
        drop(self.value.take());
        drop(self.extra.take());
        self.failed.set(false);
        self.log_traceback.set(false);
        self.blocking.set(false);
        self.event_loop.set(event_loop.clone());
        self.state.set(Some(State::Pending));
        self.note_source(event_loop)
    }

    /// In debug mode: where it was made.
    #[inline]
    pub(crate) fn note_source(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        if support::is_debug(event_loop)? { self.keep_source(event_loop.py()) } else { Ok(()) }
    }

    #[cold]
    fn keep_source(&self, py: Python<'_>) -> PyResult<()> {
        let source = BASE_EVENTS.helper(py, intern!(py, "caller"))?.call0()?;
        self.keep(|extra| &mut extra.source_traceback, source);
        Ok(())
    }

    pub(crate) fn state(&self) -> State {
        self.state.get().unwrap_or(State::Pending)
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.state.get() == Some(State::Pending)
    }

    /// Whether it is finished or cancelled; one that was never initialised is not.
    pub(crate) fn is_done(&self) -> bool {
        self.state() != State::Pending
    }

    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.bind(py)
    }

    pub(crate) fn has_loop(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        self.event_loop.as_ptr() == event_loop.as_ptr()
    }

    /// The loop; an error where `__init__` was never called.
    pub(crate) fn alive<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.event_loop.bind(py).ok_or_else(|| PyRuntimeError::new_err(UNSET))
    }

    /// As asyncio words it where somebody asks for a result.
    fn asked(&self, py: Python<'_>) -> PyResult<()> {
        if self.event_loop.is_empty() {
            return Err(asyncio_error(py, intern!(py, "InvalidStateError"), UNSET));
        }
        Ok(())
    }

    /// The result, or as an error what it failed with.
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

    /// What a waiter is thrown, if anything, with the traceback it had. It then counts as retrieved.
    pub(crate) fn error<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.state() {
            State::Cancelled => self.cancelled_error(py).map(Some),
            State::Finished if self.failed.get() => {
                self.log_traceback.set(false);
                let traceback = self.extra.borrow_mut().as_mut().and_then(|extra| extra.traceback.take());
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

    /// What it failed with, without raising it.
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
        let (kept, message) = match &mut *self.extra.borrow_mut() {
            Some(extra) => {
                (extra.cancelled_error.take(), extra.cancel_message.as_ref().map(|it| it.clone_ref(py)))
            }
            None => (None, None),
        };
        match kept {
            Some(kept) => Ok(kept.into_bound(py)),
            None => cancelled_error(py, message.as_ref().map(|message| message.bind(py))),
        }
    }

    /// It is done, with a result.
    pub(crate) fn finish(&self, this: &Bound<'_, PyAny>, result: &Bound<'_, PyAny>) -> PyResult<()> {
        let event_loop = self.still_pending(this.py())?;
        self.value.set(result.clone());
        self.state.set(Some(State::Finished));
        self.wake_all(this, &event_loop)
    }

    /// It is done, with an exception: an instance, or a class to make one of.
    pub(crate) fn fail(&self, this: &Bound<'_, PyAny>, exception: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let event_loop = self.still_pending(py)?;
        let exception = if exception.is_instance_of::<PyType>()
            && exception.cast::<PyType>()?.is_subclass_of::<PyBaseException>()?
        {
            let made = exception.call0()?;
            // Its constructor may have completed this.
            self.still_pending(py)?;
            made
        } else {
            exception.clone()
        };
        if !exception.is_instance_of::<PyBaseException>() {
            return Err(PyTypeError::new_err("invalid exception object"));
        }
        let exception = if exception.is_instance_of::<pyo3::exceptions::PyStopIteration>() {
            // What becomes of it differs between releases.
            FUTURES.helper(py, intern!(py, "stop_iteration"))?.call1((event_loop.clone(), exception))?
        } else {
            exception
        };
        if let Some(traceback) = raised::traceback(&exception) {
            self.keep(|extra| &mut extra.traceback, traceback);
        }
        self.value.set(exception);
        self.failed.set(true);
        self.state.set(Some(State::Finished));
        self.log_traceback.set(true);
        self.wake_all(this, &event_loop)
    }

    /// It is cancelled, unless it was done. Says whether.
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
        let message = message.filter(|message| !message.is_none()).map(|message| message.clone().unbind());
        if message.is_some() || self.extra.borrow().is_some() {
            let mut extra = self.extra.borrow_mut();
            let old = std::mem::replace(&mut extra.get_or_insert_default().cancel_message, message);
            drop(extra);
            drop(old);
        }
    }

    pub(crate) fn cancel_message(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let extra = self.extra.borrow();
        extra.as_ref()?.cancel_message.as_ref().map(|message| message.clone_ref(py))
    }

    pub(crate) fn keep_cancelled_error(&self, error: Bound<'_, PyAny>) {
        self.keep(|extra| &mut extra.cancelled_error, error);
    }

    /// Puts `object` where few futures have one. What was there is dropped outside of the borrow, since that may run any code.
    fn keep(&self, place: impl FnOnce(&mut Extra) -> &mut Option<Py<PyAny>>, object: Bound<'_, PyAny>) {
        let mut extra = self.extra.borrow_mut();
        let old = place(extra.get_or_insert_default()).replace(object.unbind());
        drop(extra);
        drop(old);
    }

    pub(crate) fn source_traceback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let extra = self.extra.borrow();
        extra.as_ref()?.source_traceback.as_ref().map(|source| source.clone_ref(py))
    }

    /// The result as an attribute, which has no opinion.
    pub(crate) fn bare_result(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        if self.failed.get() { None } else { self.value.object(py) }
    }

    /// The exception as an attribute.
    pub(crate) fn bare_exception(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        if self.failed.get() { self.value.object(py) } else { None }
    }

    pub(crate) fn logs_traceback(&self) -> bool {
        self.log_traceback.get()
    }

    pub(crate) fn forget_traceback(&self) {
        self.log_traceback.set(false);
    }

    /// Calls `callback(this)` in `context` when it is done; soon, if it is.
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

    /// Tells `object`, whose type has this table, when it is done. It must be pending.
    #[inline]
    pub(crate) fn add_waiter(&self, object: &Bound<'_, PyAny>, table: &'static Table) {
        self.waiters.borrow_mut().push(Waiter::Native { object: object.clone().into(), table });
    }

    /// Does not tell `object` any more; whether it would have.
    pub(crate) fn remove_waiter(&self, object: &Bound<'_, PyAny>) -> bool {
        let is_it = |waiter: &Waiter| matches!(waiter, Waiter::Native { object: other, .. } if other.as_ptr() == object.as_ptr());
        // Dropped after the borrow, since that may run any code.
        let removed = self.waiters.borrow_mut().take_out(is_it);
        !removed.is_empty()
    }

    /// Whether it has failed, or was cancelled.
    pub(crate) fn is_bad(&self) -> bool {
        self.failed.get() || self.state() == State::Cancelled
    }

    /// Takes all callbacks that are equal to `callback` away, and says how many.
    pub(crate) fn remove_callback(&self, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = callback.py();
        self.alive(py)?;
        // Comparing runs any code, which may add, remove and complete.
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

    /// Wakes every waiter: one that cannot be woken, since a `call_soon` of the program's own raised, keeps none of the
    /// others asleep. The first such error is the caller's.
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
        // What stands for a native one is made without a borrow.
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

/// The outcome of an object of exactly one of our types, whose methods are then ours.
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

/// The native state of a loop, where what is queued may go to its ring directly: nobody has replaced `call_soon`, and debug
/// mode does not want to know who queued it.
#[inline]
pub(crate) fn direct<'a>(event_loop: &'a Bound<'_, PyAny>) -> Option<&'a BaseLoop> {
    try_state::<BaseLoop>(event_loop).filter(|state| state.queues_directly(event_loop))
}

/// As `direct`, where what waits for a time may be among the loop's timers directly: nobody has replaced `call_later`,
/// `call_at` or `create_future` either.
pub(crate) fn timers_of<'a>(event_loop: &'a Bound<'_, PyAny>) -> Option<&'a BaseLoop> {
    direct(event_loop).filter(|state| state.schedules_directly())
}

/// Reports through the loop's exception handler that something died which somebody should have known about.
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
