//! `Lock`: asyncio's, on the engine's.

use std::ffi::CStr;

use ferrio_engine::sync::{self, Ticket};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi as raw;
use pyo3::prelude::*;

use super::wait::{Common, FutureInQueue, HasCommon, Progress, WaitKind, futures_of};
use super::{Acquired, none, yes};
use crate::ffi::args::Args;
use crate::ffi::heap_type::{Native, try_state};
use crate::ffi::held::holds;
use crate::ffi::members::{Members, members};
use crate::ffi::object;
use crate::waiting::holders::Holders;

/// The state of a lock.
#[derive(Default)]
pub(crate) struct Lock {
    common: Common,
    pub(super) inner: sync::Lock<FutureInQueue>,
    pub(super) holders: Holders,
}

impl Lock {
    /// Whether nobody overrides its methods.
    pub(super) fn is_plain(&self) -> bool {
        self.common.plain.get()
    }

    /// Takes it, or joins the queue.
    pub(super) fn begin<'py>(
        &self,
        this: &Bound<'py, PyAny>,
    ) -> PyResult<Option<(Bound<'py, PyAny>, Ticket)>> {
        if self.inner.try_acquire()? {
            self.holders.took(this.py());
            return Ok(None);
        }
        let future = self.common.create_future(this)?;
        let ticket = self.inner.waiters().push(FutureInQueue::new(&future));
        Ok(Some((future, ticket)))
    }

    /// It was the waiter's turn, and it takes it.
    pub(super) fn claim(&self, py: Python<'_>, ticket: Ticket) {
        self.inner.claim(ticket);
        self.holders.took(py);
    }

    fn start(&self, _: &Bound<'_, PyAny>, plain: &Bound<'_, PyAny>) -> PyResult<()> {
        self.common.plain.set(plain.is_truthy()?);
        Ok(())
    }

    fn locked(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        args.bind("locked", [], 0)?;
        Ok(self.inner.is_locked())
    }

    fn waiters_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        futures_of(this.py(), self.inner.waiters())
    }

    fn holders_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(self.holders.attribute(this.py()))
    }

    fn locked_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.inner.is_locked())
    }

    fn set_locked_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.inner.put(value.is_truthy()?);
        Ok(())
    }
}

static ACQUIRE: WaitKind = WaitKind {
    name: "Lock.acquire",
    begin: |_, target| begin_lock(target, true),
    resume: |wait, target| {
        lock(target)?.claim(target.py(), wait.ticket());
        yes(target)
    },
    leave: |wait, target, _| lock(target)?.inner.give_up(wait.ticket()),
    thrown: None,
};

static ENTER: WaitKind = WaitKind {
    name: "_ContextManagerMixin.__aenter__",
    begin: |_, target| begin_lock(target, false),
    resume: |wait, target| {
        lock(target)?.claim(target.py(), wait.ticket());
        none(target)
    },
    leave: ACQUIRE.leave,
    thrown: None,
};

fn begin_lock<'py>(target: &Bound<'py, PyAny>, answers: bool) -> PyResult<Progress<'py>> {
    match lock(target)?.begin(target)? {
        Some((future, ticket)) => Ok(Progress::Waits(future, ticket)),
        None if answers => yes(target),
        None => none(target),
    }
}

fn lock<'a>(target: &'a Bound<'_, PyAny>) -> PyResult<&'a Lock> {
    try_state::<Lock>(target).ok_or_else(|| PyTypeError::new_err("not a lock"))
}

impl Acquired for Lock {
    const ACQUIRE: &'static WaitKind = &ACQUIRE;
    const ENTER: &'static WaitKind = &ENTER;

    fn free(&self, py: Python<'_>) -> PyResult<()> {
        self.holders.gave(py);
        if self.inner.release()? { Ok(()) } else { Err(PyRuntimeError::new_err("Lock is not acquired.")) }
    }
}

impl HasCommon for Lock {
    fn common(&self) -> &Common {
        &self.common
    }
}

impl Native for Lock {
    const NAME: &'static CStr = c"ferrio._ferrio.Lock";
    const DOC: &'static CStr = c"A lock for tasks: the native part.";
    const NEW: Option<raw::newfunc> = Some(object::new::<Lock>);

    holds!(common.event_loop, holders, inner.waiters());

    fn members() -> Members {
        members! { Lock;
            light {
                c"locked" c"Whether somebody holds it." => locked,
                c"acquire" c"Wait until it is free, and take it. A coroutine; gives True." => acquire,
                c"release" c"Free it; whoever waited longest is next." => release,
                c"__aenter__" c"Acquire it." => enter,
                c"__aexit__" c"Release it." => exit,
            }
            one {
                c"_start" c"Sets it up: whether no method that native code would call is overridden." => start,
            }
            attributes {
                c"_loop" => loop_attribute, set_loop_attribute;
                c"_locked" => locked_attribute, set_locked_attribute;
                c"_holders" => holders_attribute;
                c"_waiters" => waiters_attribute;
            }
        }
    }
}
