//! `Semaphore` and `BoundedSemaphore`: asyncio's, on the engine's.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;

use ferrio_engine::sync::{self, Standing, Ticket, Waiter};
use pyo3::IntoPyObjectExt;
use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi as raw;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyInt;

use super::wait::{Common, FutureInQueue, HasCommon, Progress, WaitKind, futures_of};
use super::{Acquired, none, truth, yes};
use crate::ffi::args::Args;
use crate::ffi::heap_type::{Native, try_state};
use crate::ffi::held::holds;
use crate::ffi::members::{Members, members};
use crate::ffi::object;
use crate::ffi::reference::Ref;
use crate::waiting::holders::Holders;

/// The state of a semaphore, bounded or not.
pub(crate) struct Semaphore {
    common: Common,
    inner: sync::Semaphore<FutureInQueue>,
    holders: Holders,
    /// Above which it must not be released.
    bound: Cell<Option<i64>>,
    /// What it began with, and as which count, where that is another number than the count.
    odd: RefCell<Option<(Ref, i64)>>,
}

impl Default for Semaphore {
    fn default() -> Self {
        Semaphore {
            common: Common::default(),
            inner: sync::Semaphore::new(1),
            holders: Holders::default(),
            bound: Cell::new(None),
            odd: RefCell::default(),
        }
    }
}

impl Semaphore {
    fn start(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [Some(value), bounded, plain] = args.bind("_start", ["value", "bounded", "plain"], 3)? else {
            return Ok(());
        };
        if value.lt(0)? {
            return Err(PyValueError::new_err("Semaphore initial value must be >= 0"));
        }
        // Nothing is as much as what is not even equal to itself: that bounds nothing.
        let bounds = truth(bounded.as_deref())? && value.eq(value)?;
        let value = self.set(&value)?;
        self.bound.set(bounds.then_some(value));
        self.common.plain.set(truth(plain.as_deref())?);
        Ok(())
    }

    fn locked(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        args.bind("locked", [], 0)?;
        self.inner.is_locked()
    }

    /// Takes one, if it can be had at once. A class may have an opinion of its own on that.
    fn take(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        if self.common.plain.get() {
            return self.inner.try_acquire();
        }
        if this.call_method0(intern!(this.py(), "locked"))?.is_truthy()? {
            return Ok(false);
        }
        self.inner.take();
        Ok(true)
    }

    /// The waiter was told, and has its share.
    fn claim(&self, py: Python<'_>, ticket: Ticket) -> PyResult<()> {
        self.holders.took(py);
        self.inner.claim(ticket)
    }

    fn holders_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(self.holders.attribute(this.py()))
    }

    fn waiters_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        futures_of(this.py(), self.inner.waiters())
    }

    /// Begins to count at `value`: says as which count.
    fn set(&self, value: &Bound<'_, PyAny>) -> PyResult<i64> {
        let (count, is_it) = count(value)?;
        let odd = (!is_it).then(|| (value.clone().into(), count));
        self.inner.set_value(count);
        drop(self.odd.replace(odd));
        Ok(count)
    }

    /// A count as the program sees it.
    fn shown(&self, py: Python<'_>, count: i64) -> PyResult<Py<PyAny>> {
        let odd = self.odd.borrow().as_ref().map(|(began, at)| (began.object(py), *at));
        match odd {
            None => count.into_py_any(py),
            Some((began, at)) if at == count => Ok(began),
            Some((began, at)) => began.bind(py).add(count - at).map(Bound::unbind),
        }
    }

    fn value_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.shown(this.py(), self.inner.value())
    }

    fn set_value_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set(value).map(drop)
    }

    fn bound_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.bound.get().map_or_else(|| Ok(this.py().None()), |bound| self.shown(this.py(), bound))
    }

    fn set_bound_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.bound.set(if value.is_none() { None } else { Some(count(value)?.0) });
        Ok(())
    }
}

static ACQUIRE: WaitKind = WaitKind {
    name: "Semaphore.acquire",
    begin: |_, target| begin_semaphore(target, true),
    resume: |wait, target| {
        semaphore(target)?.claim(target.py(), wait.ticket())?;
        yes(target)
    },
    leave: |wait, target, waiting| {
        let told = waiting.standing()? == Standing::Told;
        semaphore(target)?.inner.give_up(wait.ticket(), told)
    },
    thrown: None,
};

static ENTER: WaitKind = WaitKind {
    name: "_ContextManagerMixin.__aenter__",
    begin: |_, target| begin_semaphore(target, false),
    resume: |wait, target| {
        semaphore(target)?.claim(target.py(), wait.ticket())?;
        none(target)
    },
    leave: ACQUIRE.leave,
    thrown: None,
};

fn begin_semaphore<'py>(target: &Bound<'py, PyAny>, answers: bool) -> PyResult<Progress<'py>> {
    let semaphore = semaphore(target)?;
    if semaphore.take(target)? {
        semaphore.holders.took(target.py());
        return if answers { yes(target) } else { none(target) };
    }
    let future = semaphore.common.create_future(target)?;
    let ticket = semaphore.inner.waiters().push(FutureInQueue::new(&future));
    Ok(Progress::Waits(future, ticket))
}

fn semaphore<'a>(target: &'a Bound<'_, PyAny>) -> PyResult<&'a Semaphore> {
    try_state::<Semaphore>(target).ok_or_else(|| PyTypeError::new_err("not a semaphore"))
}

/// A semaphore's value as a count, and whether that is the value itself. asyncio counts in whatever number it is given, and
/// is locked at exactly 0: what never gets there, such as one and a half, or infinity, is more than anybody will count.
fn count(value: &Bound<'_, PyAny>) -> PyResult<(i64, bool)> {
    if let Ok(number) = value.cast_exact::<PyInt>()
        && let Ok(count) = number.extract()
    {
        return Ok((count, true));
    }
    let whole = PyInt::type_object(value.py()).call1((value,)).ok();
    match whole {
        Some(whole) if value.eq(&whole)? => Ok((whole.extract().unwrap_or(ENDLESS), false)),
        _ => value.lt(0).map(|_| (ENDLESS, false)),
    }
}

/// Far from 0 and from where a count would overflow.
const ENDLESS: i64 = i64::MAX / 2;

impl Acquired for Semaphore {
    const ACQUIRE: &'static WaitKind = &ACQUIRE;
    const ENTER: &'static WaitKind = &ENTER;

    fn free(&self, py: Python<'_>) -> PyResult<()> {
        if self.bound.get().is_some_and(|bound| self.inner.value() >= bound) {
            return Err(PyValueError::new_err("BoundedSemaphore released too many times"));
        }
        self.holders.gave(py);
        self.inner.release()
    }
}

impl HasCommon for Semaphore {
    fn common(&self) -> &Common {
        &self.common
    }
}

impl Native for Semaphore {
    const NAME: &'static CStr = c"ferrio._ferrio.Semaphore";
    const DOC: &'static CStr = c"A semaphore for tasks: the native part.";
    const NEW: Option<raw::newfunc> = Some(object::new::<Semaphore>);

    holds!(common.event_loop, holders, odd, inner.waiters());

    fn members() -> Members {
        members! { Semaphore;
            light {
                c"locked" c"Whether it cannot be acquired at once." => locked,
                c"acquire" c"Wait until it can be had, and take one. A coroutine; gives True." => acquire,
                c"release" c"Give one back; whoever waited longest is next." => release,
                c"__aenter__" c"Acquire it." => enter,
                c"__aexit__" c"Release it." => exit,
            }
            methods {
                c"_start" c"Sets it up: its value, whether that is its bound, and whether no method that native code \
                    would call is overridden." => start,
            }
            attributes {
                c"_loop" => loop_attribute, set_loop_attribute;
                c"_value" => value_attribute, set_value_attribute;
                c"_bound_value" => bound_attribute, set_bound_attribute;
                c"_waiters" => waiters_attribute;
                c"_holders" => holders_attribute;
            }
        }
    }
}
