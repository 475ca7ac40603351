//! Parents and children: something that waits for several futures at once.
//!
//! ```text
//! child is done ──▶ uneventful: the parent has counted it, nothing is queued
//!              └──▶ eventful (the last, a failure): queued among the parent's due, one word in the ring ──▶ `told`
//! ```
//!
//! A parent is a `Waiter` of its children, without a callback object for each. If the loop is not ours, is in debug mode, or has
//! a replaced `call_soon`, and for children that are not ours, a `WaiterCallback` is the callback. A parent acts at the
//! very turn at which asyncio's done callbacks run.

use std::collections::VecDeque;
use std::marker::PhantomData;

use crate::compat;
use crate::event_loop::exceptions::leaves_the_loop;
use crate::event_loop::queueing;
use crate::event_loop::state::BaseLoop;
use crate::ffi::call::copy_context;
use crate::ffi::current;
use crate::ffi::names::FUTURES;
use crate::ffi::prelude::*;
use crate::tasks::awaited_by;
use crate::tasks::callback::WaiterCallback;
use crate::tasks::outcome::{Outcome, direct, exact_outcome};
use crate::tasks::waiters::Table;

/// See the module.
pub(crate) trait Parent: Native {
    /// `child` is done. If the parent only has to count it, counts it and says true.
    fn counts(&self, child: &Bound<'_, PyAny>, outcome: &Outcome) -> bool;

    /// `child` is done, and its turn has come.
    fn told(&self, this: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> PyResult<()>;

    /// What the parent knows of its children.
    fn children(&self) -> &Children;

    /// What asyncio calls the callback.
    fn callback_name(&self) -> &'static str;

    /// Whether the task that awaits the parent awaits `child`, too.
    fn awaits(&self, _: &Bound<'_, PyAny>) -> bool {
        true
    }

    /// The future that is awaited in the place of the children, if there is one.
    fn outer<'py>(&self, _: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        None
    }
}

/// What a parent knows of its children.
#[derive(Default)]
pub(crate) struct Children {
    /// The children whose turn comes, in order.
    due: RefCell<VecDeque<Ref>>,
    /// The task that awaits the children, for call graphs.
    pub(crate) awaiter: Slot,
    /// How many children of ours are not done. Only while there are some may a child just be counted: the last one is told at its
    /// turn, and decides for all.
    pending: Cell<usize>,
}

held!(Children: awaiter, due);

impl Children {
    /// Whether some child of ours is not done.
    pub(crate) fn waits(&self) -> bool {
        self.pending.get() > 0
    }

    fn count_out(&self) {
        self.pending.set(self.pending.get().saturating_sub(1));
    }

    /// Notes that the current task awaits the children, if the release of Python has call graphs.
    pub(crate) fn await_by_current(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        if compat::CALL_GRAPHS && try_state::<BaseLoop>(event_loop).is_some_and(BaseLoop::runs) {
            drop(self.awaiter.replace(current::running(event_loop)?.map(Ref::from)));
        }
        Ok(())
    }
}

/// What the parents of one type do as waiters of their children.
struct Of<P>(PhantomData<P>);

impl<P: Parent> Of<P> {
    const TABLE: Table = Table {
        wake: wake::<P>,
        call: |parent, arguments| {
            let child = arguments.get_item(0)?;
            let Some(state) = try_state::<P>(parent) else { return Ok(()) };
            forgotten(state, &child).and(state.told(parent, &child))
        },
        callback_name: |parent| try_state::<P>(parent).map_or("", P::callback_name),
        context: |parent| copy_context(parent.py()),
        awaiter: |parent, child| awaiter(try_state::<P>(parent)?, child),
        outer: |parent| try_state::<P>(parent)?.outer(parent),
    };
}

/// The task that awaits `child` by a parent.
fn awaiter<'py>(state: &impl Parent, child: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    state.children().awaiter.bind(child.py()).filter(|_| state.awaits(child))
}

/// `child`, of which `parent` is a waiter, is done.
fn wake<P: Parent>(parent: Ref, child: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
    let parent = &parent.into_bound(child.py());
    let Some(state) = try_state::<P>(parent) else { return Ok(()) };
    state.children().count_out();
    let Some(native) = direct(event_loop) else {
        let callback = WaiterCallback::create(parent, &Of::<P>::TABLE)?;
        return queueing::call_soon(event_loop, callback.into(), Some(child), copy_context(parent.py())?);
    };
    if exact_outcome(child).is_some_and(|outcome| state.counts(child, outcome)) {
        return Ok(());
    }
    let engine = native.engine()?;
    state.children().due.borrow_mut().push_back(child.clone().into());
    engine.call_soon(Word::io::<P>(parent, Turn::Deferred));
    Ok(())
}

/// The turn of the child that has waited longest. Errors are reported, as of any callback.
impl<P: Parent> Io for P {
    fn turn(&self, this: &Bound<'_, PyAny>, _: Turn) -> PyResult<()> {
        let py = this.py();
        let Some(child) = self.children().due.borrow_mut().pop_front() else { return Ok(()) };
        let child = child.into_bound(py);
        match self.told(this, &child) {
            Err(error) if !leaves_the_loop(py, &error) => {
                let helper = FUTURES.helper(py, intern!(py, "child_failed"))?;
                let error = raised::value(py, &error);
                raised::handling(&error, || helper.call1((this, child, &error))).map(drop)
            }
            result => result,
        }
    }
}

/// Has `parent`, whose state this is, told when `child` is done.
pub(crate) fn watch<P: Parent>(
    state: &P,
    parent: &Bound<'_, PyAny>,
    child: &Bound<'_, PyAny>,
) -> PyResult<()> {
    watch_by(state, parent, child, &Slot::default())
}

/// As `watch`. The callback for futures that are not ours is kept in `callback`, so that `unwatch` can remove it.
pub(crate) fn watch_by<P: Parent>(
    state: &P,
    parent: &Bound<'_, PyAny>,
    child: &Bound<'_, PyAny>,
    callback: &Slot,
) -> PyResult<()> {
    if let Some(outcome) = exact_outcome(child).filter(|outcome| outcome.is_pending()) {
        outcome.add_waiter(parent, &Of::<P>::TABLE);
        state.children().pending.set(state.children().pending.get() + 1);
    } else {
        if callback.is_empty() {
            callback.set(WaiterCallback::create(parent, &Of::<P>::TABLE)?);
        }
        let py = child.py();
        child.call_method1(intern!(py, "add_done_callback"), (callback.bind(py),))?;
    }
    if state.children().awaiter.is_empty() {
        return Ok(());
    }
    awaiter(state, child).map_or(Ok(()), |awaiter| awaited_by::note(child, &awaiter))
}

/// Undoes `watch_by`. A child that is done may have its turn still.
pub(crate) fn unwatch(
    state: &impl Parent,
    parent: &Bound<'_, PyAny>,
    child: &Bound<'_, PyAny>,
    callback: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    if let Some(outcome) = exact_outcome(child) {
        if outcome.remove_waiter(parent) {
            state.children().count_out();
        }
    } else if let Some(callback) = callback {
        child.call_method1(intern!(child.py(), "remove_done_callback"), (callback,))?;
    }
    forgotten(state, child)
}

/// The task that awaited `child` through a parent does not do so any more.
pub(crate) fn forgotten(state: &impl Parent, child: &Bound<'_, PyAny>) -> PyResult<()> {
    awaiter(state, child).map_or(Ok(()), |awaiter| awaited_by::forget(child, &awaiter))
}
