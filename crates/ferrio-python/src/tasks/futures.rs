//! `Future`: asyncio's, with a native state. It is a true subclass of asyncio's type, whose struct stays empty.
//!
//! What futures and tasks have in common is in `outcome`, and the attributes of both in `shared_members!` here. Texts of
//! `repr` and reports are asyncio's helpers.

use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};

use crate::event_loop::support;
use crate::ffi::awaitable::Awaitable;
use crate::ffi::names::FUTURES;
use crate::ffi::object::{Iterates, Shown};
use crate::ffi::prelude::*;
use crate::ffi::raised::{ITERATOR, thrown};
use crate::ffi::word::{Queued, Tag};
use crate::tasks::outcome::{Outcome, outcome_of, report_death, step};

/// The state of a future.
#[derive(Default)]
pub(crate) struct Future {
    outcome: Outcome,
}

impl Future {
    /// A pending future of `event_loop`: what `create_future()` does.
    pub(crate) fn create<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let outcome = Outcome::pending(Ref::from(event_loop.clone()));
        outcome.note_source(event_loop)?;
        let future = alloc_tracked(event_loop.py(), Future { outcome })?;
        Ok(future)
    }

    fn set_result(&self, this: &Bound<'_, PyAny>, result: &Bound<'_, PyAny>) -> PyResult<()> {
        self.outcome.finish(this, result)
    }

    fn set_exception(&self, this: &Bound<'_, PyAny>, exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.outcome.fail(this, exception)
    }

    fn cancel(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        let ([], [message]) = args.bind("cancel", [], ["msg"])?;
        self.outcome.cancel(this, message.as_deref())
    }
}

impl Queued for Future {
    const TAG: Tag = Tag::Future;

    /// The future's time has come: completes the future, unless it is done.
    fn run(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.outcome.time_is_up(this).or_else(|error| support::turn_failed(this, &error))
    }

    fn is_cancelled(&self) -> bool {
        !self.outcome.waits_for_time()
    }
}

/// What the attributes and methods of both types of futures do.
pub(crate) trait Shared: Constructed + Shown + Finalized {
    /// The state machine.
    fn outcome(&self) -> &Outcome;

    fn result(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.outcome().result(this.py()).map(Bound::unbind)
    }

    fn exception(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.outcome().exception(this.py())?.map(Bound::unbind))
    }

    fn get_loop(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.outcome().alive(this.py()).map(Bound::unbind)
    }

    fn add_done_callback(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let name = "add_done_callback";
        let ([callback], [context]) = args.bind_first(name, "fn", ["context"])?;
        // None is kept as it is, and becomes a copy of the context in which the callback is queued.
        let context = context.map(|context| Ref::from(context.to_owned()));
        self.outcome().add_callback(this, &callback, context)
    }

    fn remove_done_callback(&self, _: &Bound<'_, PyAny>, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.outcome().remove_callback(callback)
    }

    fn make_cancelled_error(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.outcome().cancelled_error(this.py()).map(Bound::unbind)
    }

    fn state_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.outcome().alive(this.py())?;
        let name = pyo3::types::PyString::intern(this.py(), self.outcome().state().name());
        Ok(name.into_any().unbind())
    }

    /// The interpreter calls this when a value is sent to a coroutine that awaits the future. The value is ignored.
    fn send(&self, this: &Bound<'_, PyAny>, _: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        match step(self.outcome(), this)? {
            Some(yielded) => Ok(yielded.unbind()),
            None => Err(stopped(this.py(), true)),
        }
    }

    /// For programs that drive the await by hand: an iterator with `send`, `throw` and `close`.
    fn await_by_hand(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.iterator(this).map(Bound::unbind)
    }

    fn callbacks_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        self.outcome().callbacks(this.py())
    }

    fn result_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        self.outcome().alive(this.py())?;
        Ok(self.outcome().bare_result(this.py()))
    }

    fn exception_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        self.outcome().alive(this.py())?;
        Ok(self.outcome().bare_exception(this.py()))
    }

    fn log_traceback_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.outcome().alive(this.py())?;
        Ok(self.outcome().logs_traceback())
    }

    fn set_log_traceback_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_none() {
            // Deleting the attribute arrives here as None, which is no value of it, either.
            return Err(PyAttributeError::new_err("cannot delete attribute"));
        }
        if value.is_truthy()? {
            return Err(PyValueError::new_err("_log_traceback can only be set to False"));
        }
        self.outcome().forget_traceback();
        Ok(())
    }

    fn awaited_by_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        call_graph::awaited_by(this)
    }
}

impl<T: Shared> Awaitable for T {
    fn alive(&self, py: Python<'_>) -> PyResult<()> {
        self.outcome().alive(py).map(drop)
    }

    fn step<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        step(self.outcome(), this)
    }

    fn iterator<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.outcome().alive(this.py())?;
        FutureIterator::create(this)
    }
}

/// The methods and attributes of both types.
macro_rules! shared_members {
    ($state:ty) => {{
    use $crate::tasks::futures::Shared as _;
    let members = $crate::ffi::members::members! { $state;
        light asks c"done" c"Whether it has a result or an exception, or was cancelled." => outcome.is_done();
        asks c"cancelled" c"Whether it was cancelled." => outcome.is_cancelled();
        bare c"result" c"The result. Raises the exception if there is one, CancelledError if it was cancelled, \
                InvalidStateError if it is not done." => result;
        bare c"exception" c"The exception, or None. Raises CancelledError if it was cancelled, InvalidStateError \
                if it is not done." => exception;
        bare c"get_loop" c"The event loop it belongs to." => get_loop;
        bare c"_make_cancelled_error" c"The CancelledError to raise for it." => make_cancelled_error;
        bare c"__await__" c"An iterator that awaits it." => await_by_hand;
        one c"remove_done_callback" c"Remove all instances of a callback, and return how many there were." =>
                remove_done_callback;
        one c"send" c"For the interpreter: awaiting goes on." => send;
        method c"add_done_callback" c"Call fn(future), in a context, when it is done." => add_done_callback;
        attribute c"_state" => state_attribute;
        field c"_asyncio_future_blocking" => outcome.blocking;
        shown c"_loop" => outcome.event_loop;
        attribute c"_callbacks" => callbacks_attribute;
        attribute c"_result" => result_attribute;
        attribute c"_exception" => exception_attribute;
        attribute c"_log_traceback" => log_traceback_attribute, set_log_traceback_attribute;
        shown c"_source_traceback" => outcome.sparse.at($crate::tasks::outcome::SOURCE);
        field c"_cancel_message" => outcome.sparse.at($crate::tasks::outcome::CANCEL_MESSAGE);
    };
    let members = if $crate::compat::CALL_GRAPHS {
        members.and($crate::ffi::members::members! { $state;
            attribute c"_asyncio_awaited_by" => awaited_by_attribute;
        })
    } else {
        members
    };
    members.and($crate::ffi::awaitable::awaitable_slots::<$state>())
    }};
}

use crate::event_loop::which::loop_or_current;
use crate::ffi::common::has;
use crate::ffi::stop::stopped;
use crate::tasks::call_graph;
pub(crate) use shared_members;

has!(Future, outcome: Outcome);

impl Shared for Future {
    fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

impl Constructed for Future {
    fn init(&self, this: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        if !given.args.is_empty() {
            return Err(PyTypeError::new_err("Future() takes no positional arguments"));
        }
        let [event_loop] = given.keywords("Future", ["loop"])?;
        self.outcome.refuse_again(this)?;
        self.outcome.init(&loop_or_current(this.py(), event_loop)?)
    }
}

impl Shown for Future {
    fn repr<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.outcome.alive(this.py())?;
        FUTURES.helper(this.py(), intern!(this.py(), "future_repr"))?.call1((this,))
    }
}

impl Finalized for Future {
    fn finalize(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        never_retrieved(this, &self.outcome)
    }
}

impl Native for Future {
    const NAME: &'static CStr = c"ferrio.Future";
    const DOC: &'static CStr =
        c"Future(*, loop=None)\n--\n\nA result that is not there yet. Made by loop.create_future().";
    // Without its list `future_ping_pong` takes 6.2 % more instructions.
    const KEPT: usize = 256;
    const BASE_OWNS: bool = true;
    const DELETABLE: bool = false;
    const NEW: New = Some(object::new::<Future>);

    holds!(outcome);

    fn members() -> Members {
        let own = members! { Future;
            light one c"set_result" c"It is done, and this is its result." => set_result;
            one c"set_exception" c"It is done, and this is its exception." => set_exception;
            method c"cancel" c"Cancel it, and schedule its callbacks. Returns False if it was done already." => cancel;
        };
        own.and(shared_members!(Future))
    }

    fn has_to_finalize(&self) -> bool {
        self.outcome.logs_traceback()
    }
}

/// Reports an exception that nobody retrieved.
pub(crate) fn never_retrieved(this: &Bound<'_, PyAny>, outcome: &Outcome) -> PyResult<()> {
    if !outcome.logs_traceback() {
        return Ok(());
    }
    outcome.forget_traceback();
    let py = this.py();
    let message = format!("{} exception was never retrieved", this.get_type().name()?);
    let exception = outcome.bare_exception(py).map(|exception| exception.into_bound(py));
    report_death(this, outcome, &message, &[("exception", exception), ("future", Some(this.clone()))])
}

/// `iter(future)`: what drives an await by hand.
pub(crate) struct FutureIterator {
    /// Empty once it has ended.
    future: Slot,
}

impl FutureIterator {
    pub(crate) fn create<'py>(future: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let state = FutureIterator { future: Slot::new(future.clone().into()) };
        alloc(&type_object::<FutureIterator>(future.py())?, state)
    }

    fn send(&self, this: &Bound<'_, PyAny>, _: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        match self.next(this)? {
            Some(yielded) => Ok(yielded.unbind()),
            None => Err(stopped(this.py(), true)),
        }
    }

    fn throw(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let error = thrown(this.py(), &args, &ITERATOR)?;
        drop(self.future.take());
        Err(error)
    }

    fn close(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        drop(self.future.take());
        Ok(())
    }
}

impl Iterates for FutureIterator {
    fn next<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(future) = self.future.bind(this.py()) else { return Ok(None) };
        let Some(outcome) = outcome_of(&future) else { return Ok(None) };
        // A step that comes too early is refused, and the iterator stays usable.
        if outcome.is_done() {
            drop(self.future.take());
        }
        step(outcome, &future)
    }
}

impl Native for FutureIterator {
    const NAME: &'static CStr = c"ferrio._ferrio.FutureIterator";
    const DOC: &'static CStr = c"Awaits a future, step by step.";

    holds!(future);

    fn members() -> Members {
        let own = members! { FutureIterator;
            bare c"close" c"End it where it waits." => close;
            one c"send" c"Go on." => send;
            method c"throw" c"Raise an exception where it waits." => throw;
        };
        own.and(object::iterator_slots::<FutureIterator>())
    }
}
