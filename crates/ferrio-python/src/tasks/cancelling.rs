//! Cancelling futures of any kind, along the chain of what waits for what.
//!
//! ```text
//! a task asks what it waits for, a gather() each of its children; what those answer comes back the same way
//! ```
//!
//! A loop follows the chain, not nested calls, since a chain of tasks may be longer than the stack allows. Each link still counts
//! as a call: a chain that leads back into itself ends with `RecursionError`, as in asyncio.

use std::vec::IntoIter;

use pyo3::types::PyDict;

use crate::ffi::common::Common;
use crate::ffi::prelude::*;
use crate::ffi::recursion::{Chain, nested};
use crate::tasks::outcome::{exact_outcome, outcome_of};
use crate::tasks::task::Task;

/// The state of a future that stands for others, such as the one that `gather()` returns. Cancelling it cancels the others.
#[derive(Default)]
pub(crate) struct Outer {
    /// In the order in which they are cancelled. The same child may be there several times.
    pub(crate) children: RefCell<Vec<Ref>>,
    /// Whether a child could be cancelled.
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

/// The answer of a future that is asked to be cancelled.
enum Answer<'py> {
    Given(bool),
    /// The answer depends on the second future's answer.
    Depends(Asking<'py>, Bound<'py, PyAny>),
}

/// Cancels a future of ours, of any class, as the native methods do. Says whether that was possible.
pub(crate) fn cancel<'py>(future: &Bound<'py, PyAny>, message: Option<&Bound<'py, PyAny>>) -> PyResult<bool> {
    walk(ask(future, message)?, message, future.py())
}

/// Cancels any kind of future, by its method if that may not be ours. Says whether that was possible.
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

/// Gives `who` the answer that it waited for.
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
