//! Parents and children: something that waits for several futures at once.
//!
//! ```text
//! child is done ──▶ uneventful: the parent has counted it, nothing is queued
//!              └──▶ eventful (the last, a failure): queued among the parent's due, one word in the ring ──▶ `told`
//! ```
//!
//! A parent is a `Waiter` of its children, without a callback object for each. Where the loop is not ours or wants to know,
//! and for children that are not ours, a `ChildDone` object is the callback. What a parent does when it is told, it does at
//! the very turn at which asyncio's done callbacks do.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::CStr;

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::compat;
use crate::event_loop::base_events::BaseLoop;
use crate::event_loop::exceptions::leaves_the_loop;
use crate::event_loop::queueing;
use crate::event_loop::support;
use crate::ffi::call::copy_context;
use crate::ffi::current;
use crate::ffi::heap_type::{Native, Place, Visitor, try_state, type_object};
use crate::ffi::instances::alloc;
use crate::ffi::members::{Members, members};
use crate::ffi::object::{Called, called_slots};
use crate::ffi::raised;
use crate::ffi::reference::{Ref, Slot};
use crate::ffi::word::{Io, Turn, Word};
use crate::tasks::awaited_by;
use crate::tasks::futures::exact_outcome;
use crate::tasks::outcome::{Outcome, direct};
use crate::waiting::completions::Completions;
use crate::waiting::gather::Gathering;
use crate::waiting::taskgroups::TaskGroup;
use crate::waiting::wait::{Shield, Waiting};

/// See the module.
pub(crate) trait Parent: Io {
    /// `child` is done: whether there is nothing to do but count, which is done then.
    fn counts(&self, child: &Bound<'_, PyAny>, outcome: &Outcome) -> bool;

    /// What there is to do, at its turn.
    fn told(&self, this: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> PyResult<()>;

    /// Children whose turn comes.
    fn due(&self) -> &Due;

    /// What asyncio calls the callback.
    fn callback_name(&self) -> &'static str;

    /// Whether who awaits this awaits `child`, too.
    fn awaits(&self, _: &Bound<'_, PyAny>) -> bool {
        true
    }

    /// What is awaited in the place of the children, if that is a future.
    fn outer<'py>(&self, _: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        None
    }
}

/// What a parent knows of its children.
#[derive(Default)]
pub(crate) struct Due {
    /// Those whose turn comes, in order.
    children: RefCell<VecDeque<Ref>>,
    /// The task that awaits the children, for those who ask who does.
    pub(crate) awaiter: Slot,
    /// How many of ours are not done. A child may be counted at once only while there are: the last one to be done is
    /// told at its turn, and with it what all of them mean.
    pending: Cell<usize>,
}

impl Due {
    /// Whether children of ours are left that are not done.
    pub(crate) fn waits(&self) -> bool {
        self.pending.get() > 0
    }

    fn count_out(&self) {
        self.pending.set(self.pending.get().saturating_sub(1));
    }

    /// The current task awaits the children, if there is one: asyncio says so where it has call graphs.
    pub(crate) fn await_by_current(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        if compat::CALL_GRAPHS && try_state::<BaseLoop>(event_loop).is_some_and(BaseLoop::runs) {
            drop(self.awaiter.replace(current::running(event_loop)?.map(Ref::from)));
        }
        Ok(())
    }

    pub(crate) fn traverse(&self, visitor: &mut Visitor<'_>) {
        visitor.raw(self.awaiter.as_ptr());
        if let Ok(due) = self.children.try_borrow() {
            due.iter().for_each(|child| visitor.raw(child.as_ptr()));
        }
    }

    pub(crate) fn clear(&self) {
        drop(self.awaiter.take());
        drop(self.children.take());
    }
}

/// `$body` with the state of `$parent`, whichever kind it is.
macro_rules! dispatch {
    ($parent:expr, $state:ident => $body:expr) => {
        if let Some($state) = try_state::<Gathering>($parent) {
            $body
        } else if let Some($state) = try_state::<TaskGroup>($parent) {
            $body
        } else if let Some($state) = try_state::<Waiting>($parent) {
            $body
        } else if let Some($state) = try_state::<Completions>($parent) {
            $body
        } else if let Some($state) = try_state::<Shield>($parent) {
            $body
        } else {
            Err(PyTypeError::new_err("not a parent of futures"))
        }
    };
}

/// The task that awaits `child` by `parent`.
pub(crate) fn awaiter<'py>(
    parent: &Bound<'py, PyAny>,
    child: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    dispatch!(parent, state => Ok(awaiter_by(state, child)))
}

fn awaiter_by<'py>(state: &impl Parent, child: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    state.due().awaiter.bind(child.py()).filter(|_| state.awaits(child))
}

/// See `Parent::outer`; nothing where the awaiter is known without it.
pub(crate) fn outer<'py>(parent: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if compat::CALL_GRAPHS { Ok(None) } else { dispatch!(parent, state => Ok(state.outer(parent))) }
}

/// `child`, of which `parent` is a waiter, is done.
#[inline]
pub(crate) fn done(
    parent: &Bound<'_, PyAny>,
    child: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, PyAny>,
) -> PyResult<()> {
    dispatch!(parent, state => {
        state.due().count_out();
        queue(state, parent, child, event_loop)
    })
}

fn queue<P: Parent>(
    state: &P,
    parent: &Bound<'_, PyAny>,
    child: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let Some(native) = direct(event_loop) else {
        let callback = ChildDone::create(parent)?;
        return queueing::call_soon(event_loop, callback.into(), Some(child), copy_context(parent.py())?);
    };
    if exact_outcome(child).is_some_and(|outcome| state.counts(child, outcome)) {
        return Ok(());
    }
    let engine = native.engine()?;
    state.due().children.borrow_mut().push_back(child.clone().into());
    engine.call_soon(Word::io::<P>(parent, Turn::Deferred));
    Ok(())
}

/// The turn of the child that has waited longest. What goes wrong is reported, as of any callback.
pub(crate) fn turn<P: Parent>(state: &P, this: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = this.py();
    let Some(child) = state.due().children.borrow_mut().pop_front() else { return Ok(()) };
    let child = child.into_bound(py);
    match state.told(this, &child) {
        Err(error) if !leaves_the_loop(py, &error) => support::helper(py, intern!(py, "child_failed"))?
            .call1((this, child, raised::value(py, &error)))
            .map(drop),
        result => result,
    }
}

/// Has `parent` told when `child` is done.
pub(crate) fn watch(parent: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> PyResult<()> {
    match exact_outcome(child) {
        Some(outcome) if outcome.is_pending() => {
            outcome.add_parent(parent);
            dispatch!(parent, state => {
                state.due().pending.set(state.due().pending.get() + 1);
                noted(state, child)
            })
        }
        _ => {
            let callback = ChildDone::create(parent)?;
            child.call_method1(intern!(child.py(), "add_done_callback"), (callback,))?;
            dispatch!(parent, state => noted(state, child))
        }
    }
}

/// It is known who awaits `child` from now on.
fn noted(state: &impl Parent, child: &Bound<'_, PyAny>) -> PyResult<()> {
    if state.due().awaiter.is_empty() {
        return Ok(());
    }
    awaiter_by(state, child).map_or(Ok(()), |awaiter| awaited_by::note(child, &awaiter))
}

/// Whoever awaited `child` by a parent does not do so any more.
pub(crate) fn forgotten(state: &impl Parent, child: &Bound<'_, PyAny>) -> PyResult<()> {
    awaiter_by(state, child).map_or(Ok(()), |awaiter| awaited_by::forget(child, &awaiter))
}

/// As `watch`; with the one callback kept in `callback`, by which futures that are not ours are let go of again.
pub(crate) fn watch_by(parent: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>, callback: &Slot) -> PyResult<()> {
    if exact_outcome(child).is_some_and(Outcome::is_pending) {
        return watch(parent, child);
    }
    if callback.is_empty() {
        callback.set(ChildDone::create(parent)?);
    }
    let py = child.py();
    child.call_method1(intern!(py, "add_done_callback"), (callback.bind(py),))?;
    dispatch!(parent, state => noted(state, child))
}

/// Undoes `watch_by`. A child that is done may have its turn still.
pub(crate) fn unwatch(
    parent: &Bound<'_, PyAny>,
    child: &Bound<'_, PyAny>,
    callback: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    if let Some(outcome) = exact_outcome(child) {
        if outcome.remove_parent(parent) {
            dispatch!(parent, state => {
                state.due().count_out();
                Ok(())
            })?;
        }
    } else if let Some(callback) = callback {
        child.call_method1(intern!(child.py(), "remove_done_callback"), (callback,))?;
    }
    dispatch!(parent, state => forgotten(state, child))
}

/// What a parent is as a callback.
pub(crate) struct ChildDone {
    parent: Slot,
}

impl ChildDone {
    pub(crate) fn create<'py>(parent: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let state = ChildDone { parent: Slot::new(parent.clone().into()) };
        alloc(&type_object::<ChildDone>(parent.py())?, state)
    }

    /// The parent.
    pub(crate) fn of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.parent.bind(py)
    }

    fn parent(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.parent.object(this.py()))
    }

    fn name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let name = match self.parent.bind(this.py()) {
            Some(parent) => dispatch!(&parent, state => Ok(state.callback_name()))?,
            None => "",
        };
        Ok(PyString::intern(this.py(), name).into_any().unbind())
    }
}

impl Called for ChildDone {
    fn call(&self, arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
        let child = arguments.get_item(0)?;
        let Some(parent) = self.parent.bind(child.py()) else { return Ok(()) };
        dispatch!(&parent, state => forgotten(state, &child).and(state.told(&parent, &child)))
    }
}

impl Native for ChildDone {
    const NAME: &'static CStr = c"ferrio._ferrio.ChildDone";
    const DOC: &'static CStr = c"Tells something that waits for several futures that one of them is done.";

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        let own = members! { ChildDone;
            methods {}
            attributes {
                c"__self__" => parent;
                c"__name__" => name;
                c"__qualname__" => name;
            }
        };
        own.and(called_slots::<ChildDone>())
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        visitor.raw(self.parent.as_ptr());
    }

    fn clear(&self) {
        drop(self.parent.take());
    }
}
