//! `gather()`, and the future it returns.
//!
//! The future is the parent of its children (`children`). It counts the children that succeed. It acts only on the first that
//! fails, and on the last. Cancelling the future cancels the children, as in asyncio. Arguments that are neither futures nor
//! coroutines of a known kind go through asyncio's own `ensure_future`.

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::types::{PyDict, PyList};

use crate::compat;
use crate::event_loop::exceptions::cancelled_error;
use crate::event_loop::which::loop_or_current;
use crate::ffi::common::has;
use crate::ffi::names::FUTURES;
use crate::ffi::names::TASKS;
use crate::ffi::object::Shown;
use crate::ffi::prelude::*;
use crate::tasks::any_future::{self, is_done};
use crate::tasks::cancelling::{self, Outer};
use crate::tasks::children::{Children, Parent, forgotten, watch};
use crate::tasks::futures::{Shared, never_retrieved, shared_members};
use crate::tasks::outcome::{Outcome, State, exact_outcome};
use crate::tasks::task::{Task, is_coroutine};
use crate::tasks::task_factory::{Wanted, spawn};

/// See the module.
#[repr(C)]
pub(crate) struct GatheringFuture {
    head: Head,
    outcome: Outcome,
    outer: Outer,
    /// How many different children there are.
    different: Cell<usize>,
    /// How many children have been counted.
    finished: Cell<usize>,
    children: Children,
    return_exceptions: bool,
}

/// `gather(*coros_or_futures, return_exceptions=False)`.
pub(crate) fn gather<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let ([], keyword) = args.split("gather", [], intern!(py, "return_exceptions"))?;
    let return_exceptions = keyword.is_some_and(|keyword| keyword.is_truthy().unwrap_or(false));
    if args.positional().len() == 0 {
        let event_loop = loop_or_current(py, None)?;
        let outer = event_loop.call_method0(intern!(py, "create_future"))?;
        outer.call_method1(intern!(py, "set_result"), (PyList::empty(py),))?;
        return Ok(outer);
    }
    let mut gathering = None;
    let gathered = gather_all(py, &args, return_exceptions, &mut gathering);
    let Some(this) = gathering else { return gathered.and(Err(PyRuntimeError::new_err("no event loop"))) };
    match (gathered, try_state::<GatheringFuture>(&this)) {
        (Err(error), Some(state)) => {
            // Nobody gets the future. The children run on.
            state.outcome.cancel(&this, None)?;
            state.is_over(py)?;
            Err(error)
        }
        (gathered, _) => gathered.map(|()| this),
    }
}

/// Makes the future that `gather()` returns, for the loop of the first child. Each child is watched before the next one is made,
/// and so may begin.
fn gather_all<'py>(
    py: Python<'py>,
    args: &Args<'_, 'py>,
    return_exceptions: bool,
    gathering: &mut Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let known = PyDict::new(py);
    let mut event_loop = None;
    let mut children: Vec<Ref> = Vec::with_capacity(args.positional().len());
    let mut done = Vec::new();
    for argument in args.positional() {
        if let Some(child) = known.get_item(argument)? {
            children.push(child.into());
            continue;
        }
        let child = future_for(&argument, event_loop.as_ref())?;
        if !child.is(argument) {
            // Nobody else has a reference to this task, and so nobody could avoid the report.
            match try_state::<Task>(&child) {
                Some(task) => task.skip_destroy_report(),
                None => child.setattr(intern!(py, "_log_destroy_pending"), false)?,
            }
        }
        known.set_item(argument, &child)?;
        children.push(child.clone().into());
        let this = if let Some(this) = gathering {
            this
        } else {
            let first = event_loop.insert(loop_of(&child)?);
            gathering.insert(GatheringFuture::create(first, return_exceptions)?)
        };
        let Some(state) = try_state::<GatheringFuture>(this) else { continue };
        state.different.set(known.len());
        if compat::GATHER_SEES_DONE && is_done(&child)? {
            done.push(child);
        } else {
            watch(state, this, &child)?;
        }
    }
    let Some((this, state)) =
        gathering.as_ref().and_then(|this| Some((this, try_state::<GatheringFuture>(this)?)))
    else {
        return Ok(());
    };
    state.outer.children.replace(children);
    done.iter().try_for_each(|child| state.told(this, child))
}

/// `ensure_future(coro_or_future, *, loop=None)`.
pub(crate) fn ensure_future<'py>(_: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let ([awaitable], [event_loop]) = args.bind_first("ensure_future", "coro_or_future", ["loop"])?;
    let event_loop = event_loop.filter(|event_loop| !event_loop.is_none());
    future_for(&awaitable, event_loop.as_deref())
}

/// A future for anything that can be awaited.
pub(crate) fn future_for<'py>(
    argument: &Bound<'py, PyAny>,
    event_loop: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = argument.py();
    if let Some(outcome) = exact_outcome(argument) {
        if event_loop.is_some_and(|event_loop| !outcome.has_loop(event_loop)) {
            return Err(PyValueError::new_err(
                "The future belongs to a different loop than the one specified as the loop argument",
            ));
        }
        return Ok(argument.clone());
    }
    let future = argument.getattr_opt(intern!(py, "_asyncio_future_blocking"))?;
    if future.is_none_or(|flag| flag.is_none()) && is_coroutine(argument)? {
        let event_loop = loop_or_current(py, event_loop.cloned())?;
        return spawn(&event_loop, argument, Wanted::default()).or_else(|error| {
            if error.is_instance_of::<PyRuntimeError>(py) {
                argument.call_method0(intern!(py, "close"))?;
            }
            Err(error)
        });
    }
    TASKS.helper(py, intern!(py, "ensure_future"))?.call1((argument, event_loop))
}

/// The loop of any kind of future.
pub(crate) fn loop_of<'py>(future: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = future.py();
    if let Some(outcome) = exact_outcome(future) {
        return outcome.alive(py);
    }
    match future.getattr_opt(intern!(py, "get_loop"))? {
        Some(get_loop) => get_loop.call0(),
        None => future.getattr(intern!(py, "_loop")),
    }
}

impl GatheringFuture {
    fn create<'py>(event_loop: &Bound<'py, PyAny>, return_exceptions: bool) -> PyResult<Bound<'py, PyAny>> {
        let outcome = Outcome::pending(event_loop.clone().into());
        outcome.note_source(event_loop)?;
        let state = GatheringFuture {
            head: Head::new::<Self>(),
            outcome,
            outer: Outer::default(),
            different: Cell::new(0),
            finished: Cell::new(0),
            children: Children::default(),
            return_exceptions,
        };
        state.children.await_by_current(event_loop)?;
        alloc_tracked(event_loop.py(), state)
    }

    fn cancel(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        let ([], [message]) = args.bind("cancel", [], ["msg"])?;
        cancelling::cancel(this, message.as_deref())
    }

    /// All children are done.
    fn finish(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let children = self.outer.all(py);
        let results = children.iter().map(result_of).collect::<PyResult<Vec<_>>>()?;
        if self.outer.cancel_requested.get()
            && let Some(last) = children.last()
        {
            return self.fail(this, &cancellation_of(last)?);
        }
        self.set_result(this, &PyList::new(py, results)?.into_any())
    }

    fn fail(&self, this: &Bound<'_, PyAny>, exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.outcome.fail(this, exception)?;
        self.is_over(this.py())
    }

    /// Nobody awaits the children through this future any more. Some children may go on.
    fn is_over(&self, py: Python<'_>) -> PyResult<()> {
        if !self.children.awaiter.is_empty() && self.finished.get() < self.different.get() {
            self.outer.all(py).iter().try_for_each(|child| forgotten(self, child))?;
        }
        drop(self.children.awaiter.take());
        Ok(())
    }

    fn set_result(&self, this: &Bound<'_, PyAny>, result: &Bound<'_, PyAny>) -> PyResult<()> {
        self.outcome.finish(this, result)?;
        self.is_over(this.py())
    }

    fn set_exception(&self, this: &Bound<'_, PyAny>, exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.fail(this, exception)
    }

    fn children_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(PyList::new(this.py(), self.outer.all(this.py()))?.into_any().unbind())
    }
}

impl Parent for GatheringFuture {
    fn counts(&self, _: &Bound<'_, PyAny>, outcome: &Outcome) -> bool {
        // A failure is told. If the future is done already, the failure counts as seen.
        if !self.children.waits() || (outcome.is_bad() && (!self.return_exceptions || self.outcome.is_done()))
        {
            return false;
        }
        self.finished.set(self.finished.get() + 1);
        true
    }

    fn told(&self, this: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> PyResult<()> {
        self.finished.set(self.finished.get() + 1);
        let (cancelled, error) = verdict(child, self.return_exceptions && !self.outcome.is_done())?;
        if self.outcome.is_done() {
            return Ok(());
        }
        if !self.return_exceptions {
            if cancelled {
                return self.fail(this, &cancellation_of(child)?);
            }
            if let Some(error) = error {
                return self.fail(this, &error);
            }
        }
        if self.finished.get() == self.different.get() { self.finish(this) } else { Ok(()) }
    }

    fn children(&self) -> &Children {
        &self.children
    }

    fn callback_name(&self) -> &'static str {
        "gather.<locals>._done_callback"
    }

    fn outer<'py>(&self, this: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        Some(this.clone())
    }
}

/// Whether a future was cancelled, and the exception it failed with. The exception counts as retrieved, unless `unseen`.
pub(crate) fn verdict<'py>(
    future: &Bound<'py, PyAny>,
    unseen: bool,
) -> PyResult<(bool, Option<Bound<'py, PyAny>>)> {
    let py = future.py();
    if let Some(outcome) = exact_outcome(future) {
        if outcome.state() == State::Cancelled {
            return Ok((true, None));
        }
        return Ok((false, if unseen { None } else { outcome.exception(py)? }));
    }
    if future.call_method0(intern!(py, "cancelled"))?.is_truthy()? {
        return Ok((true, None));
    }
    if unseen {
        return Ok((false, None));
    }
    let error = future.call_method0(intern!(py, "exception"))?;
    Ok((false, (!error.is_none()).then_some(error)))
}

fn cancellation_of<'py>(future: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match exact_outcome(future) {
        Some(outcome) => outcome.cancelled_error(future.py()),
        None => future.call_method0(intern!(future.py(), "_make_cancelled_error")),
    }
}

/// What stands in the list of results for a future that is done.
fn result_of<'py>(future: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = future.py();
    let (cancelled, error) = verdict(future, false)?;
    if cancelled {
        let message = match exact_outcome(future) {
            Some(outcome) => outcome.cancel_message(py).map(|message| message.into_bound(py)),
            None => {
                Some(future.getattr(intern!(py, "_cancel_message"))?).filter(|message| !message.is_none())
            }
        };
        let message = message.unwrap_or_else(|| intern!(py, "").clone().into_any());
        return cancelled_error(py, Some(&message));
    }
    error.map_or_else(|| any_future::result(future), Ok)
}

has!(GatheringFuture, outcome: Outcome);
has!(GatheringFuture, outer: Outer);

impl Shared for GatheringFuture {
    fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

impl Constructed for GatheringFuture {
    fn init(&self, _: &Bound<'_, PyAny>, _: Given<'_, '_>) -> PyResult<()> {
        Err(PyTypeError::new_err("made by gather()"))
    }
}

impl Shown for GatheringFuture {
    fn repr<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        FUTURES.helper(this.py(), intern!(this.py(), "future_repr"))?.call1((this,))
    }
}

impl Finalized for GatheringFuture {
    fn finalize(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        never_retrieved(this, &self.outcome)
    }
}

impl Native for GatheringFuture {
    const NAME: &'static CStr = c"ferrio._GatheringFuture";
    const DOC: &'static CStr = c"What gather() returns: the results of all, or the first exception.";
    const BASE_OWNS: bool = true;
    const DELETABLE: bool = false;

    holds!(outcome, children, outer);

    fn members() -> Members {
        let own = members! { GatheringFuture;
            one c"set_result" c"It is done, and this is its result." => set_result;
            one c"set_exception" c"It is done, and this is its exception." => set_exception;
            method c"cancel" c"Cancel all children. Returns False if none could be." => cancel;
            attribute c"_children" => children_attribute;
            shown c"_cancel_requested" => outer.cancel_requested;
        };
        own.and(shared_members!(GatheringFuture))
    }

    fn has_to_finalize(&self) -> bool {
        self.outcome.logs_traceback()
    }
}
