//! What native code asks of futures of any kind, and does to them: natively where the methods are ours, else by the methods.

use crate::ffi::prelude::*;
use crate::tasks::futures::Future;
use crate::tasks::outcome::{State, direct, exact_outcome};

/// A pending future of `event_loop`, whose `create_future` may be the program's own.
#[inline]
pub(crate) fn create<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match direct(event_loop) {
        Some(_) => Future::create(event_loop),
        None => event_loop.call_method0(intern!(event_loop.py(), "create_future")),
    }
}

#[inline]
pub(crate) fn is_done(future: &Bound<'_, PyAny>) -> PyResult<bool> {
    match exact_outcome(future) {
        Some(outcome) => Ok(outcome.is_done()),
        None => future.call_method0(intern!(future.py(), "done"))?.is_truthy(),
    }
}

#[inline]
pub(crate) fn is_cancelled(future: &Bound<'_, PyAny>) -> PyResult<bool> {
    match exact_outcome(future) {
        Some(outcome) => Ok(outcome.is_cancelled()),
        None => future.call_method0(intern!(future.py(), "cancelled"))?.is_truthy(),
    }
}

#[inline]
pub(crate) fn state(future: &Bound<'_, PyAny>) -> PyResult<State> {
    match exact_outcome(future) {
        Some(outcome) => Ok(outcome.state()),
        None if !is_done(future)? => Ok(State::Pending),
        None => Ok(if is_cancelled(future)? { State::Cancelled } else { State::Finished }),
    }
}

/// Its result, or as an error what it failed with.
pub(crate) fn result<'py>(future: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match exact_outcome(future) {
        Some(outcome) => outcome.result(future.py()),
        None => future.call_method0(intern!(future.py(), "result")),
    }
}

#[inline]
pub(crate) fn set_result(future: &Bound<'_, PyAny>, result: &Bound<'_, PyAny>) -> PyResult<()> {
    match exact_outcome(future) {
        Some(outcome) => outcome.finish(future, result),
        None => call_method1(future, intern!(future.py(), "set_result"), result).map(drop),
    }
}

/// Completes a future: with None, or with the exception, if there is one.
pub(crate) fn settle(future: &Bound<'_, PyAny>, exception: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let py = future.py();
    match (exception, exact_outcome(future)) {
        (None, _) => set_result(future, py.None().bind(py)),
        (Some(exception), Some(outcome)) => outcome.fail(future, exception),
        (Some(exception), None) => call_method1(future, intern!(py, "set_exception"), exception).map(drop),
    }
}

/// As `settle`, unless the future is done.
pub(crate) fn complete(future: &Bound<'_, PyAny>, exception: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    if is_done(future)? { Ok(()) } else { settle(future, exception) }
}
