//! Cancelling futures of any kind, along whatever waits for whatever.
//!
//! ```text
//! a task asks what it waits for, a gather() each of its children; what those answer comes back the same way
//! ```
//!
//! The way is walked in a loop, not in calls: a chain of tasks may be longer than a stack is deep. Each link counts as a
//! call all the same, so that a chain which leads back into itself ends by `RecursionError`, as it does in asyncio.

use std::cell::{Cell, RefCell};
use std::vec::IntoIter;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::ffi::common::Common;
use crate::ffi::heap_type::try_state;
use crate::ffi::held::held;
use crate::ffi::recursion::{Chain, nested};
use crate::ffi::reference::Ref;
use crate::tasks::outcome::{exact_outcome, outcome_of};
use crate::tasks::task::Task;

/// What a future has that stands for others, as the one that `gather()` returns: who cancels it cancels those.
#[derive(Default)]
pub(crate) struct Outer {
    /// In the order in which they are cancelled; the same one may be there several times.
    pub(crate) children: RefCell<Vec<Ref>>,
    /// Whether one could be cancelled.
    pub(crate) cancel_requested: Cell<bool>,
}

held!(Outer: children);

impl Outer {
    pub(crate) fn all<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyAny>> {
        self.children.borrow().iter().map(|child| child.bind(py).to_owned()).collect()
    }
}

/// Those futures.
pub(crate) static OUTERS: Common<Outer, 1> = Common::new();

/// Who waits for an answer.
enum Asking<'py> {
    Task(Bound<'py, PyAny>),
    Outer { this: Bound<'py, PyAny>, others: IntoIter<Bound<'py, PyAny>>, any: bool },
}

/// What somebody answers who is asked to be cancelled.
enum Answer<'py> {
    Given(bool),
    /// It depends on what the second one answers.
    Depends(Asking<'py>, Bound<'py, PyAny>),
}

/// Cancels a future of ours, of whatever class: what the native methods do. Says whether it could be.
pub(crate) fn cancel<'py>(future: &Bound<'py, PyAny>, message: Option<&Bound<'py, PyAny>>) -> PyResult<bool> {
    walk(ask(future, message)?, message, future.py())
}

/// Cancels any kind of future, by its method where that may not be ours. Says whether it could be.
pub(crate) fn cancel_any<'py>(
    future: &Bound<'py, PyAny>,
    message: Option<&Bound<'py, PyAny>>,
) -> PyResult<bool> {
    walk(ask_any(future, message)?, message, future.py())
}

fn walk<'py>(first: Answer<'py>, message: Option<&Bound<'py, PyAny>>, py: Python<'py>) -> PyResult<bool> {
    let mut chain = Chain::new(c" while cancelling what waits for each other");
    let mut asking = Vec::new();
    let mut answer = first;
    loop {
        let given = match answer {
            Answer::Given(given) => given,
            Answer::Depends(who, whom) => {
                chain.enter(py)?;
                asking.push(who);
                answer = ask_any(&whom, message)?;
                continue;
            }
        };
        let Some(who) = asking.pop() else { return Ok(given) };
        chain.leave();
        answer = hear(who, given, message);
    }
}

/// `who` hears the answer that it waited for.
fn hear<'py>(who: Asking<'py>, given: bool, message: Option<&Bound<'py, PyAny>>) -> Answer<'py> {
    match who {
        Asking::Task(this) => {
            if let Some(task) = try_state::<Task>(&this).filter(|_| !given) {
                task.cancel_next_step(message);
            }
            Answer::Given(true)
        }
        Asking::Outer { this, mut others, any } => {
            let any = any || given;
            if let Some(next) = others.next() {
                return Answer::Depends(Asking::Outer { this, others, any }, next);
            }
            if let Some(outer) = OUTERS.any(&this).filter(|_| any) {
                outer.cancel_requested.set(true);
            }
            Answer::Given(any)
        }
    }
}

/// Asks any kind of future.
fn ask_any<'py>(future: &Bound<'py, PyAny>, message: Option<&Bound<'py, PyAny>>) -> PyResult<Answer<'py>> {
    if exact_outcome(future).is_some() {
        return ask(future, message);
    }
    let py = future.py();
    nested(c" while cancelling a future", || {
        let names = PyDict::new(py);
        names.set_item(intern!(py, "msg"), message)?;
        Ok(Answer::Given(future.call_method(intern!(py, "cancel"), (), Some(&names))?.is_truthy()?))
    })
}

/// Asks one of ours.
fn ask<'py>(future: &Bound<'py, PyAny>, message: Option<&Bound<'py, PyAny>>) -> PyResult<Answer<'py>> {
    let py = future.py();
    if let Some(task) = try_state::<Task>(future) {
        return Ok(match task.note_cancel(py, message)? {
            Ok(given) => Answer::Given(given),
            Err(waited) => Answer::Depends(Asking::Task(future.clone()), waited),
        });
    }
    let Some(outcome) = outcome_of(future) else { return Ok(Answer::Given(false)) };
    let Some(outer) = OUTERS.any(future) else {
        return Ok(Answer::Given(outcome.cancel(future, message)?));
    };
    if outcome.is_done() {
        return Ok(Answer::Given(false));
    }
    let mut others = outer.all(py).into_iter();
    Ok(match others.next() {
        Some(first) => Answer::Depends(Asking::Outer { this: future.clone(), others, any: false }, first),
        None => Answer::Given(false),
    })
}
