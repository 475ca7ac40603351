//! `Waiting` and `Shield`: what `wait()` and `shield()` keep per future.
//!
//! Both are parents of futures (`children`). A `Waiting` counts, and completes a future of its own when enough are done;
//! asyncio's checks and the answer's two sets are in `ferrio.tasks`. A `Shield` hands what becomes of the inner future
//! to the outer one, and lets go of the inner one when the outer one is done first.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::ffi as raw;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyTuple};

use crate::children::{ChildDone, Due, Parent, turn, watch};
use crate::ffi::args::{Args, missing};
use crate::ffi::heap_type::{Native, Place, Visitor, alloc_untracked, track};
use crate::ffi::members::{Members, members};
use crate::ffi::object::{self, Constructed, Shown};
use crate::ffi::reference::Slot;
use crate::ffi::word::{Head, Io, Turn};
use crate::futures::exact_outcome;
use crate::gather::{future_for, is_done, loop_of, verdict};
use crate::outcome::Outcome;

/// When a `Waiting` has seen enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Enough {
    #[default]
    All,
    First,
    FirstFailure,
}

/// `Waiting(futures, waiter, return_when)`: completes `waiter` when enough of the set are done.
#[repr(C)]
pub(crate) struct Waiting {
    head: Head,
    futures: Slot,
    waiter: Slot,
    /// The callback of futures that are not ours.
    callback: Slot,
    enough: Cell<Enough>,
    left: Cell<usize>,
    due: Due,
}

impl Default for Waiting {
    fn default() -> Self {
        Waiting {
            head: Head::new::<Self>(),
            futures: Slot::default(),
            waiter: Slot::default(),
            callback: Slot::default(),
            enough: Cell::default(),
            left: Cell::new(0),
            due: Due::default(),
        }
    }
}

impl Waiting {
    fn all<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        match self.futures.bind(py) {
            Some(futures) => Ok(futures.cast::<PySet>()?.iter().collect()),
            None => Ok(Vec::new()),
        }
    }

    fn watch(&self, this: &Bound<'_, PyAny>, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        if exact_outcome(future).is_some_and(Outcome::is_pending) {
            return watch(this, future);
        }
        if self.callback.is_empty() {
            self.callback.set(ChildDone::create(this)?);
        }
        future.call_method1(intern!(py, "add_done_callback"), (self.callback.bind(py),)).map(drop)
    }

    /// Enough, or too late.
    fn release(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let Some(waiter) = self.waiter.bind(py) else { return Ok(()) };
        match exact_outcome(&waiter) {
            Some(outcome) if outcome.is_pending() => outcome.finish(&waiter, py.None().bind(py)),
            _ if is_done(&waiter)? => Ok(()),
            _ => waiter.call_method1(intern!(py, "set_result"), (py.None(),)).map(drop),
        }
    }

    /// Ends it: nobody tells it anything any more. The futures that are done, and those that are not.
    fn end(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let (done, pending) = (PySet::empty(py)?, PySet::empty(py)?);
        let callback = self.callback.take().map(|callback| callback.into_bound(py));
        for future in self.all(py)? {
            if let Some(outcome) = exact_outcome(&future) {
                outcome.remove_parent(this);
            } else if let Some(callback) = &callback {
                future.call_method1(intern!(py, "remove_done_callback"), (callback,))?;
            }
            if is_done(&future)? { done.add(future)? } else { pending.add(future)? }
        }
        Ok(PyTuple::new(py, [done, pending])?.into_any().unbind())
    }
}

impl Constructed for Waiting {
    fn init(
        &self,
        this: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        _: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let (futures, waiter, enough): (Bound<'_, PySet>, Bound<'_, PyAny>, String) = args.extract()?;
        self.enough.set(match enough.as_str() {
            "FIRST_COMPLETED" => Enough::First,
            "FIRST_EXCEPTION" => Enough::FirstFailure,
            _ => Enough::All,
        });
        self.left.set(futures.len());
        self.futures.set(futures);
        self.waiter.set(waiter);
        self.all(this.py())?.iter().try_for_each(|future| self.watch(this, future))
    }
}

impl Shown for Waiting {
    fn repr<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Ok(pyo3::types::PyString::new(this.py(), "<Waiting>").into_any())
    }
}

impl Parent for Waiting {
    fn counts(&self, _: &Bound<'_, PyAny>, outcome: &Outcome) -> bool {
        let eventful = match self.enough.get() {
            Enough::All => false,
            Enough::First => true,
            Enough::FirstFailure => outcome.is_bad(),
        };
        if eventful || self.left.get() <= self.due.len() + 1 {
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

    fn due(&self) -> &Due {
        &self.due
    }

    fn callback_name(&self) -> &'static str {
        "_wait.<locals>._on_completion"
    }
}

impl Io for Waiting {
    fn turn(&self, this: &Bound<'_, PyAny>, _: Turn) -> PyResult<()> {
        turn(self, this)
    }
}

impl Native for Waiting {
    const NAME: &'static CStr = c"ferrio._ferrio.Waiting";
    const DOC: &'static CStr = c"Completes a future when enough others are done.";
    const NEW: Option<raw::newfunc> = Some(object::new::<Waiting>);

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        object::constructed_slots::<Waiting>().and(object::shown_slots::<Waiting>()).and(members! { Waiting;
            bare {
                c"release" c"Complete the future now." => release,
                c"end" c"Stop watching, and return two sets: the futures that are done, and the others." => end,
            }
            methods {}
            attributes {}
        })
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        for slot in [&self.futures, &self.waiter, &self.callback] {
            visitor.raw(slot.as_ptr());
        }
        self.due.traverse(visitor);
    }

    fn clear(&self) {
        for slot in [&self.futures, &self.waiter, &self.callback] {
            drop(slot.take());
        }
        self.due.clear();
    }
}

/// See the module.
#[repr(C)]
pub(crate) struct Shield {
    head: Head,
    inner: Slot,
    outer: Slot,
    due: Due,
}

/// `shield(arg)`.
pub(crate) fn shield<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let [Some(awaitable)] = args.bind("shield", ["arg"], 1)? else { return Err(missing("shield", "arg")) };
    let inner = future_for(&awaitable, None)?;
    if is_done(&inner)? {
        return Ok(inner);
    }
    let outer = loop_of(&inner)?.call_method0(intern!(py, "create_future"))?;
    let state = Shield {
        head: Head::new::<Shield>(),
        inner: Slot::new(inner.clone().into()),
        outer: Slot::new(outer.clone().into()),
        due: Due::default(),
    };
    let this = alloc_untracked(py, state)?;
    track(&this);
    watch(&this, &inner)?;
    watch(&this, &outer)?;
    Ok(outer)
}

impl Shield {
    fn inner_done(&self, inner: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = inner.py();
        let Some(outer) = self.outer.bind(py) else { return Ok(()) };
        let (cancelled, error) = verdict(inner, false)?;
        if outer.call_method0(intern!(py, "cancelled"))?.is_truthy()? {
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
        let Some(inner) = self.inner.bind(this.py()) else { return Ok(()) };
        if let Some(outcome) = exact_outcome(&inner).filter(|outcome| outcome.is_pending()) {
            outcome.remove_parent(this);
        }
        Ok(())
    }
}

impl Parent for Shield {
    fn counts(&self, child: &Bound<'_, PyAny>, _: &Outcome) -> bool {
        // The outer one ends last, as a rule: then there is nothing to let go of.
        self.outer.as_ptr() == child.as_ptr()
            && self
                .inner
                .bind(child.py())
                .is_some_and(|inner| exact_outcome(&inner).is_some_and(Outcome::is_done))
    }

    fn told(&self, this: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.inner.as_ptr() == child.as_ptr() { self.inner_done(child) } else { self.outer_done(this) }
    }

    fn due(&self) -> &Due {
        &self.due
    }

    fn callback_name(&self) -> &'static str {
        "shield.<locals>._inner_done_callback"
    }
}

impl Io for Shield {
    fn turn(&self, this: &Bound<'_, PyAny>, _: Turn) -> PyResult<()> {
        turn(self, this)
    }
}

impl Native for Shield {
    const NAME: &'static CStr = c"ferrio._ferrio.Shield";
    const DOC: &'static CStr = c"Stands between a future and who waits for it.";
    const KEPT: usize = 64;

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        Members::default()
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        visitor.raw(self.inner.as_ptr());
        visitor.raw(self.outer.as_ptr());
        self.due.traverse(visitor);
    }

    fn clear(&self) {
        drop(self.inner.take());
        drop(self.outer.take());
        self.due.clear();
    }
}
