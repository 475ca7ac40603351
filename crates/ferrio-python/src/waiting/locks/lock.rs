//! `Lock`: asyncio's, on the engine's.

use ferrio_engine::sync::{self, Ticket};
use pyo3::exceptions::PyRuntimeError;

use super::Acquired;
use super::wait::{Common, FutureInQueue, Progress};
use crate::ffi::prelude::*;
use crate::waiting::holders::Holders;

/// The state of a lock.
#[derive(Default)]
pub(crate) struct Lock {
    common: Common,
    pub(super) inner: sync::Lock<FutureInQueue>,
    pub(super) holders: Holders,
}

impl Lock {
    fn start(&self, _: &Bound<'_, PyAny>, plain: &Bound<'_, PyAny>) -> PyResult<()> {
        self.common.plain.set(plain.is_truthy()?);
        Ok(())
    }

    fn locked(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        args.none("locked")?;
        Ok(self.inner.is_locked())
    }

    fn set_locked_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.inner.put(value.is_truthy()?);
        Ok(())
    }
}

impl Acquired for Lock {
    const COROUTINE: &'static str = "Lock.acquire";

    fn is_plain(&self) -> bool {
        self.common.plain.get()
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Option<Progress<'py>>> {
        if self.inner.try_acquire()? {
            self.holders.took(this.py());
            return Ok(None);
        }
        self.common.join(this, self.inner.waiters()).map(Some)
    }

    fn claim(&self, py: Python<'_>, ticket: Ticket) -> PyResult<()> {
        self.inner.claim(ticket);
        self.holders.took(py);
        Ok(())
    }

    fn give_up(&self, ticket: Ticket, _: &FutureInQueue) -> PyResult<()> {
        self.inner.give_up(ticket)
    }

    fn free(&self, py: Python<'_>) -> PyResult<()> {
        self.holders.gave(py);
        if self.inner.release()? { Ok(()) } else { Err(PyRuntimeError::new_err("Lock is not acquired.")) }
    }
}

impl Native for Lock {
    const NAME: &'static CStr = c"ferrio._ferrio.Lock";
    const DOC: &'static CStr = c"A lock for tasks: the native part.";
    const NEW: New = Some(object::new::<Lock>);

    holds!(common.event_loop, holders, inner.waiters());

    fn members() -> Members {
        members! { Lock;
            light method c"locked" c"Whether somebody holds it." => locked;
            light method c"acquire" c"Wait until it is free, and take it. A coroutine; gives True." => acquire;
            light method c"release" c"Free it; whoever waited longest is next." => release;
            light method c"__aenter__" c"Acquire it." => enter;
            light method c"__aexit__" c"Release it." => exit;
            one c"_start" c"Sets it up: whether no method that native code would call is overridden." => start;
            field c"_loop" => common.event_loop;
            shown c"_locked" => inner.is_locked(), set_locked_attribute;
            shown c"_holders" => holders;
            shown c"_waiters" => inner.waiters();
        }
    }
}
