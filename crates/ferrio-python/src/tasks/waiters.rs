//! `Waiters`: who is told when a future is done, in the order in which they came.
//!
//! A waiter is a Python callable with its context, or a native object, which needs no callback object. The `Table` of its type
//! says what a native waiter does when it is told. Tasks are native waiters, and so are parents of futures (`children`). Most
//! futures have one waiter, which needs no list: with one always `future_ping_pong` takes 6.5 % more instructions.

use pyo3::types::PyTuple;

use crate::event_loop::queueing;
use crate::ffi::prelude::*;

/// What the native waiters of one type do.
#[derive(Debug)]
pub(crate) struct Table {
    /// The future that the waiter waited for, of that loop, is done.
    pub(crate) wake: fn(Ref, &Bound<'_, PyAny>, &Bound<'_, PyAny>) -> PyResult<()>,
    /// The same, through a callback (`callback`).
    pub(crate) call: fn(&Bound<'_, PyAny>, &Bound<'_, PyTuple>) -> PyResult<()>,
    /// What asyncio calls that callback.
    pub(crate) callback_name: fn(&Bound<'_, PyAny>) -> &'static str,
    /// The context of that callback.
    pub(crate) context: fn(&Bound<'_, PyAny>) -> PyResult<Ref>,
    /// The task that awaits this future through the waiter.
    pub(crate) awaiter: for<'py> fn(&Bound<'py, PyAny>, &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>>,
    /// The future that the waiter completes in the end, if there is one.
    pub(crate) outer: for<'py> fn(&Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>>,
}

/// Who is told when a future is done.
pub(crate) enum Waiter {
    Callback { callback: Ref, context: Ref },
    Native { object: Ref, table: &'static Table },
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

    /// Takes out the waiters of which `leaves` is true.
    pub(crate) fn take_out(&mut self, mut leaves: impl FnMut(&Waiter) -> bool) -> Vec<Waiter> {
        let all = match std::mem::take(self) {
            Waiters::None => Vec::new(),
            Waiters::One(one) => vec![one],
            Waiters::Many(all) => all,
        };
        let mut taken = Vec::new();
        for waiter in all {
            if leaves(&waiter) {
                taken.push(waiter);
            } else {
                self.push(waiter);
            }
        }
        taken
    }
}

impl Waiter {
    /// Schedules the waiter: `this` is done.
    #[inline]
    pub(crate) fn wake(self, this: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        match self {
            Waiter::Callback { callback, context } => {
                queueing::call_soon(event_loop, callback, Some(this), context)
            }
            Waiter::Native { object, table } => (table.wake)(object, this, event_loop),
        }
    }
}

impl Held for Waiters {
    fn show(&self, visitor: &mut Visitor<'_>) {
        for waiter in self.as_slice() {
            match waiter {
                Waiter::Callback { callback, context } => {
                    callback.show(visitor);
                    context.show(visitor);
                }
                Waiter::Native { object, .. } => object.show(visitor),
            }
        }
    }
}
