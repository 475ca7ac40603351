//! `Semaphore` and `BoundedSemaphore`: asyncio's, on the engine's.

use ferrio_engine::sync::{self, Standing, Ticket, Waiter};
use pyo3::PyTypeInfo;
use pyo3::exceptions::PyValueError;
use pyo3::types::PyInt;

use super::Acquired;
use super::wait::{Common, FutureInQueue, Progress};
use crate::ffi::prelude::*;
use crate::waiting::holders::Holders;

/// The state of a semaphore, bounded or not.
pub(crate) struct Semaphore {
    common: Common,
    inner: sync::Semaphore<FutureInQueue>,
    holders: Holders,
    /// The highest value that `release()` may reach, if there is one.
    bound: Cell<Option<i64>>,
    /// If the initial value was another kind of number: that value, and its count.
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
        let [value, bounded, plain] = args.all("_start", ["value", "bounded", "plain"])?;
        if value.lt(0)? {
            return Err(PyValueError::new_err("Semaphore initial value must be >= 0"));
        }
        // A NaN is equal to nothing, and so sets no bound.
        let bounds = bounded.is_truthy()? && value.eq(value)?;
        let value = self.set(&value)?;
        self.bound.set(bounds.then_some(value));
        self.common.plain.set(plain.is_truthy()?);
        Ok(())
    }

    fn locked(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        args.none("locked")?;
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

    /// Begins to count at `value`. Returns the count.
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

/// A semaphore's value as a count, and whether the count is the value itself. asyncio counts with any kind of number, and a
/// semaphore is locked at exactly 0. One and a half, or infinity, never reaches 0, and becomes a count without end.
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
    const COROUTINE: &'static str = "Semaphore.acquire";

    fn is_plain(&self) -> bool {
        self.common.plain.get()
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Option<Progress<'py>>> {
        if self.take(this)? {
            self.holders.took(this.py());
            return Ok(None);
        }
        self.common.join(this, self.inner.waiters()).map(Some)
    }

    fn claim(&self, py: Python<'_>, ticket: Ticket) -> PyResult<()> {
        self.holders.took(py);
        self.inner.claim(ticket)
    }

    fn give_up(&self, ticket: Ticket, waiting: &FutureInQueue) -> PyResult<()> {
        self.inner.give_up(ticket, waiting.standing()? == Standing::Told)
    }

    fn free(&self, py: Python<'_>) -> PyResult<()> {
        if self.bound.get().is_some_and(|bound| self.inner.value() >= bound) {
            return Err(PyValueError::new_err("BoundedSemaphore released too many times"));
        }
        self.holders.gave(py);
        self.inner.release()
    }
}

impl Native for Semaphore {
    const NAME: &'static CStr = c"ferrio._ferrio.Semaphore";
    const DOC: &'static CStr = c"A semaphore for tasks: the native part.";
    const NEW: New = Some(object::new::<Semaphore>);

    holds!(common.event_loop, holders, odd, inner.waiters());

    fn members() -> Members {
        members! { Semaphore;
            light method c"locked" c"Whether it cannot be acquired at once." => locked;
            light method c"acquire" c"Wait until it can be had, and take one. A coroutine; gives True." => acquire;
            light method c"release" c"Give one back; whoever waited longest is next." => release;
            light method c"__aenter__" c"Acquire it." => enter;
            light method c"__aexit__" c"Release it." => exit;
            method c"_start" c"Sets it up: its value, whether that is its bound, and whether no method that native code \
                    would call is overridden." => start;
            field c"_loop" => common.event_loop;
            attribute c"_value" => value_attribute, set_value_attribute;
            attribute c"_bound_value" => bound_attribute, set_bound_attribute;
            shown c"_waiters" => inner.waiters();
            shown c"_holders" => holders;
        }
    }
}
