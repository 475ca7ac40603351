//! `Waiters`: who is told when a future is done, in the order in which they came.
//!
//! A waiter is a Python callable with its context, or a native task: that one costs no callback object and is queued as
//! one word. Something that waits for several futures is no callback of each either. Most futures have one.

use pyo3::prelude::*;

use crate::event_loop::queueing;
use crate::ffi::reference::Ref;
use crate::tasks::children;
use crate::tasks::step;

/// Who is told when it is done.
pub(crate) enum Waiter {
    Callback {
        callback: Ref,
        context: Ref,
    },
    Task(Ref),
    /// Something that waits for several: see `children`.
    Parent(Ref),
}

#[derive(Default)]
pub(crate) enum Waiters {
    #[default]
    None,
    One(Waiter),
    Many(Vec<Waiter>),
}

impl Waiters {
    pub(crate) fn push(&mut self, waiter: Waiter) {
        match std::mem::take(self) {
            Waiters::None => *self = Waiters::One(waiter),
            Waiters::One(first) => *self = Waiters::Many(vec![first, waiter]),
            Waiters::Many(mut all) => {
                all.push(waiter);
                *self = Waiters::Many(all);
            }
        }
    }

    pub(crate) fn as_slice(&self) -> &[Waiter] {
        match self {
            Waiters::None => &[],
            Waiters::One(one) => std::slice::from_ref(one),
            Waiters::Many(all) => all,
        }
    }

    /// Takes all of them.
    pub(crate) fn drain(&mut self) -> Vec<Waiter> {
        match std::mem::take(self) {
            Waiters::None => Vec::new(),
            Waiters::One(one) => vec![one],
            Waiters::Many(all) => all,
        }
    }
}

impl Waiter {
    /// Schedules it: `this` is done.
    pub(crate) fn wake(self, this: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        match self {
            Waiter::Callback { callback, context } => {
                queueing::call_soon(event_loop, callback, Some(this), context)
            }
            Waiter::Task(task) => step::wake_soon(task, this, event_loop),
            Waiter::Parent(parent) => children::done(&parent.into_bound(this.py()), this, event_loop),
        }
    }
}
