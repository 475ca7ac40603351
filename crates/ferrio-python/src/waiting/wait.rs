//! `wait()` and `shield()`.
//!
//! Both keep a parent of futures (`children`). A `Waiting` counts the futures that are done. When there are enough, it completes
//! a future of its own, for which the coroutine of `wait()` waits. A `Shield` gives the outcome of the inner future to the
//! outer one. If the outer one is done first, the shield leaves the inner one alone.

use ferrio_engine::sync::Ticket;
use pyo3::exceptions::{PyAssertionError, PyTypeError, PyValueError};
use pyo3::types::{PySet, PyString, PyTuple};

use crate::compat;
use crate::event_loop::which::running_loop;
use crate::ffi::names::TASKS;
use crate::ffi::prelude::*;
use crate::tasks::any_future::{self, complete, is_done};
use crate::tasks::children::{Children, Parent, unwatch, watch, watch_by};
use crate::tasks::outcome::{Outcome, exact_outcome};
use crate::tasks::task::is_coroutine;
use crate::waiting::gather::{future_for, loop_of, verdict};
use crate::waiting::locks::wait::{Progress, Wait, WaitKind};

/// When a `Waiting` has seen enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Enough {
    #[default]
    All,
    First,
    FirstFailure,
}

/// What one call of `wait()` keeps.
#[repr(C)]
pub(crate) struct Waiting {
    head: Head,
    /// The argument of `wait()`. Once the wait has begun: the set of the futures.
    futures: Slot,
    /// The time limit that `wait()` was given. Once the wait has begun: the timer.
    limit: Slot,
    return_when: Slot,
    waiter: Slot,
    /// The callback of futures that are not ours.
    callback: Slot,
    enough: Cell<Enough>,
    left: Cell<usize>,
    children: Children,
}

/// `wait(fs, *, timeout=None, return_when=ALL_COMPLETED)`.
pub(crate) fn wait<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let given = args.positional().len();
    if given > 1 {
        return Err(PyTypeError::new_err(format!(
            "wait() takes 1 positional argument but {given} were given"
        )));
    }
    let ([futures], [limit, return_when]) = args.bind("wait", ["fs"], ["timeout", "return_when"])?;
    let slot = |given: Option<Borrowed<'_, 'py, PyAny>>| {
        given.map_or_else(Slot::default, |given| Slot::new(given.to_owned().into()))
    };
    let state = Waiting {
        head: Head::new::<Waiting>(),
        futures: slot(Some(futures)),
        limit: slot(limit.filter(|limit| !limit.is_none())),
        return_when: slot(return_when),
        waiter: Slot::default(),
        callback: Slot::default(),
        enough: Cell::default(),
        left: Cell::new(0),
        children: Children::default(),
    };
    let this = alloc_tracked(py, state)?;
    Ok(Wait::create(&this, &STEPS, None)?.into_bound(py))
}

static STEPS: WaitKind = WaitKind {
    name: "wait",
    begin: |_, target| state_of::<Waiting>(target)?.begin(target),
    resume: |_, target| state_of::<Waiting>(target)?.end(target).map(Progress::Done),
    leave: |_, target, _| state_of::<Waiting>(target)?.end(target).map(drop),
    thrown: None,
};

impl Waiting {
    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
        let py = this.py();
        let futures = self.checked(py)?;
        let event_loop = running_loop(py)?;
        let waiter = any_future::create(&event_loop)?;
        self.left.set(futures.len());
        self.futures.set(futures.clone());
        self.waiter.set(waiter.clone());
        if let Some(limit) = self.limit.take() {
            let release = this.getattr(intern!(py, "release"))?;
            let limit = limit.into_bound(py);
            self.limit.set(event_loop.call_method1(intern!(py, "call_later"), (limit, release))?);
        }
        self.children.await_by_current(&event_loop)?;
        futures.iter().try_for_each(|future| watch_by(self, this, &future, &self.callback))?;
        Ok(Progress::Waits(waiter, Ticket::default()))
    }

    /// Checks the arguments. Returns the set of the futures.
    fn checked<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PySet>> {
        let given =
            self.futures.take().map_or_else(|| py.None().into_bound(py), |given| given.into_bound(py));
        if exact_outcome(&given).is_some() || is_future(&given)? || is_coroutine(&given)? {
            let class = given.get_type();
            return Err(PyTypeError::new_err(format!("expect a list of futures, not {}", class.name()?)));
        }
        if !given.is_truthy()? {
            return Err(PyValueError::new_err("Set of Tasks/Futures is empty."));
        }
        self.enough.set(match self.return_when.take() {
            None => Enough::All,
            Some(return_when) => Enough::named(&return_when.into_bound(py))?,
        });
        let futures = py.get_type::<PySet>().call1((given,))?.cast_into::<PySet>()?;
        if futures.is_empty() {
            // The iterable was true, and yet empty.
            return Err(PyAssertionError::new_err("Set of Futures is empty."));
        }
        for future in &futures {
            if exact_outcome(&future).is_none() && is_coroutine(&future)? {
                let text = "Passing coroutines is forbidden, use tasks explicitly.";
                return Err(PyTypeError::new_err(text));
            }
        }
        Ok(futures)
    }

    /// Enough futures are done, or the time is over.
    fn release(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let Some(waiter) = self.waiter.bind(py) else { return Ok(()) };
        complete(&waiter, None)
    }

    fn return_when_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.enough.get().name().into_py_any(this.py())
    }

    /// Ends the wait: no future tells it anything any more. Returns the futures that are done, and those that are not.
    fn end<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        if let Some(timer) = self.limit.take() {
            timer.into_bound(py).call_method0(intern!(py, "cancel"))?;
        }
        let (done, pending) = (PySet::empty(py)?, PySet::empty(py)?);
        let callback = self.callback.take().map(|callback| callback.into_bound(py));
        let futures = self.futures.take().map(|futures| futures.into_bound(py).cast_into::<PySet>());
        for future in futures.transpose()?.iter().flatten() {
            unwatch(self, this, &future, callback.as_ref())?;
            if is_done(&future)? { done.add(future)? } else { pending.add(future)? }
        }
        Ok(PyTuple::new(py, [done, pending])?.into_any())
    }
}

impl Enough {
    fn named(return_when: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = return_when.py();
        let names: [(&Bound<'_, PyString>, Enough); 3] = [
            (intern!(py, "ALL_COMPLETED"), Enough::All),
            (intern!(py, "FIRST_COMPLETED"), Enough::First),
            (intern!(py, "FIRST_EXCEPTION"), Enough::FirstFailure),
        ];
        for (name, enough) in names {
            if return_when.is(name) || return_when.eq(name)? {
                return Ok(enough);
            }
        }
        Err(PyValueError::new_err(format!("Invalid return_when value: {}", return_when.str()?)))
    }

    fn name(self) -> &'static str {
        match self {
            Enough::All => "ALL_COMPLETED",
            Enough::First => "FIRST_COMPLETED",
            Enough::FirstFailure => "FIRST_EXCEPTION",
        }
    }
}

/// What asyncio takes for a future.
fn is_future(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = intern!(object.py(), "_asyncio_future_blocking");
    Ok(object.get_type().hasattr(name)? && !object.getattr(name)?.is_none())
}

impl Parent for Waiting {
    fn counts(&self, _: &Bound<'_, PyAny>, outcome: &Outcome) -> bool {
        let eventful = match self.enough.get() {
            Enough::All => false,
            Enough::First => true,
            Enough::FirstFailure => outcome.is_bad(),
        };
        if eventful || !self.children.waits() {
            return false;
        }
        self.left.set(self.left.get() - 1);
        true
    }

    fn told(&self, this: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> PyResult<()> {
        self.left.set(self.left.get().saturating_sub(1));
        let enough = self.left.get() == 0
            || match self.enough.get() {
                Enough::All => false,
                Enough::First => true,
                Enough::FirstFailure => verdict(child, false)?.1.is_some(),
            };
        if enough { self.release(this) } else { Ok(()) }
    }

    fn children(&self) -> &Children {
        &self.children
    }

    fn callback_name(&self) -> &'static str {
        "_wait.<locals>._on_completion"
    }

    fn outer<'py>(&self, this: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        self.waiter.bind(this.py())
    }
}

impl Native for Waiting {
    const NAME: &'static CStr = c"ferrio._ferrio.Waiting";
    const DOC: &'static CStr = c"What wait() keeps.";

    holds!(futures, limit, return_when, waiter, callback, children);

    fn members() -> Members {
        members! { Waiting;
            bare c"release" c"The time is over." => release;
            shown c"_futures" => futures;
            shown c"_limit" => limit;
            attribute c"_return_when" => return_when_attribute;
        }
    }
}

/// See the module.
#[repr(C)]
pub(crate) struct Shield {
    head: Head,
    inner: Slot,
    outer: Slot,
    /// The callback of an inner future that is not ours.
    callback: Slot,
    children: Children,
}

/// `shield(arg)`.
pub(crate) fn shield<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let [awaitable] = args.all("shield", ["arg"])?;
    let inner = future_for(&awaitable, None)?;
    if is_done(&inner)? {
        return Ok(inner);
    }
    let event_loop = loop_of(&inner)?;
    let outer = event_loop.call_method0(intern!(py, "create_future"))?;
    let state = Shield {
        head: Head::new::<Shield>(),
        inner: Slot::new(inner.clone().into()),
        outer: Slot::new(outer.clone().into()),
        callback: Slot::default(),
        children: Children::default(),
    };
    let this = alloc_tracked(py, state)?;
    if let Some(state) = try_state::<Shield>(&this) {
        state.children.await_by_current(&event_loop)?;
        watch_by(state, &this, &inner, &state.callback)?;
        watch(state, &this, &outer)?;
    }
    Ok(outer)
}

impl Shield {
    fn inner_done(&self, inner: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = inner.py();
        let Some(outer) = self.outer.bind(py) else { return Ok(()) };
        let too_late = outer.call_method0(intern!(py, "cancelled"))?.is_truthy()?;
        if too_late && compat::SHIELD_LEAVES_UNSEEN {
            return Ok(());
        }
        let (cancelled, error) = verdict(inner, false)?;
        if too_late {
            return Ok(());
        }
        match error {
            _ if cancelled => outer.call_method0(intern!(py, "cancel")),
            Some(error) => outer.call_method1(intern!(py, "set_exception"), (error,)),
            None => {
                let result = inner.call_method0(intern!(py, "result"))?;
                outer.call_method1(intern!(py, "set_result"), (result,))
            }
        }
        .map(drop)
    }

    fn outer_done(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let Some(inner) = self.inner.bind(py) else { return Ok(()) };
        if is_done(&inner)? {
            return Ok(());
        }
        unwatch(self, this, &inner, self.callback.take().map(|callback| callback.into_bound(py)).as_ref())?;
        if compat::SHIELD_REPORTS {
            TASKS.helper(py, intern!(py, "log_shielded"))?.call1((inner,))?;
        }
        Ok(())
    }
}

impl Parent for Shield {
    fn counts(&self, child: &Bound<'_, PyAny>, _: &Outcome) -> bool {
        // As a rule the outer future is done last. Then there is nothing to leave alone.
        self.outer.as_ptr() == child.as_ptr()
            && self
                .inner
                .bind(child.py())
                .is_some_and(|inner| exact_outcome(&inner).is_some_and(Outcome::is_done))
    }

    fn told(&self, this: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.inner.as_ptr() == child.as_ptr() { self.inner_done(child) } else { self.outer_done(this) }
    }

    fn children(&self) -> &Children {
        &self.children
    }

    fn callback_name(&self) -> &'static str {
        "shield.<locals>._inner_done_callback"
    }

    fn awaits(&self, child: &Bound<'_, PyAny>) -> bool {
        self.inner.as_ptr() == child.as_ptr()
    }

    fn outer<'py>(&self, this: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        self.outer.bind(this.py())
    }
}

impl Native for Shield {
    const NAME: &'static CStr = c"ferrio._ferrio.Shield";
    const DOC: &'static CStr = c"Stands between a future and who waits for it.";
    // Without its list `shield` takes 2.5 % more instructions.
    const KEPT: usize = 64;

    holds!(inner, outer, callback, children);

    fn members() -> Members {
        Members::default()
    }
}
