//! `Completions`: what `as_completed()` iterates over.
//!
//! ```text
//! child is done ──▶ its turn: out of `todo`, into `ready` ──▶ one who waits is told, and takes it
//! time is over  ──▶ for each that is left in `todo`: a None into `ready`, which raises TimeoutError
//! ```
//!
//! A parent of futures (`children`), whose ready ones are waited for as the items of a queue are. What asyncio checks first,
//! and what the timer is, is in `ferrio.tasks`. An item promises one answer: as many as there are futures are handed out.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::CStr;
use std::mem::offset_of;

use ferrio_engine::sync::Ledger;
use pyo3::exceptions::{PyStopAsyncIteration, PyTimeoutError, PyTypeError};
use pyo3::ffi as raw;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyTuple};

use crate::compat;
use crate::ffi::heap_type::{Native, try_state};
use crate::ffi::held::holds;
use crate::ffi::members::{Members, members};
use crate::ffi::object::{self, AsyncIterator, Constructed, Iterates};
use crate::ffi::reference::{Ref, Slot};
use crate::ffi::weak::WeakReferences;
use crate::ffi::word::{Head, Io, Turn};
use crate::tasks::children::{Children, Parent, turn, unwatch, watch_by};
use crate::tasks::outcome::Outcome;
use crate::tasks::outcome::exact_outcome;
use crate::waiting::locks::wait::{Common, FutureInQueue, HasCommon, Progress, Wait, WaitKind};

/// `Completions(futures, task)`, of a set, and of the task that asks, or None.
#[repr(C)]
pub(crate) struct Completions {
    head: Head,
    common: Common,
    /// The set of those whose turn has not come; empty after the time is over.
    todo: Slot,
    /// How many answers were not asked for yet.
    left: Cell<usize>,
    /// Done and not given out; None for one that did not make it in time.
    ready: RefCell<VecDeque<Option<Ref>>>,
    ledger: Ledger<FutureInQueue>,
    timer: Slot,
    /// The callback of futures that are not ours.
    callback: Slot,
    children: Children,
    weak: WeakReferences,
}

impl Default for Completions {
    fn default() -> Self {
        let common = Common::default();
        common.plain.set(true);
        Completions {
            head: Head::new::<Self>(),
            common,
            todo: Slot::default(),
            left: Cell::new(0),
            ready: RefCell::default(),
            ledger: Ledger::default(),
            timer: Slot::default(),
            callback: Slot::default(),
            children: Children::default(),
            weak: WeakReferences::default(),
        }
    }
}

impl Completions {
    /// Takes the handle that calls `expire`: it is cancelled when nothing is left.
    fn limit(&self, _: &Bound<'_, PyAny>, timer: &Bound<'_, PyAny>) -> PyResult<()> {
        self.timer.set(timer.clone());
        Ok(())
    }

    /// The time is over.
    fn expire(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        drop(self.timer.take());
        let Some(todo) = self.todo.take() else { return Ok(()) };
        let callback = self.callback.take().map(|callback| callback.into_bound(py));
        for future in todo.into_bound(py).cast::<PySet>()? {
            unwatch(self, this, &future, callback.as_ref())?;
            self.put(None)?;
        }
        Ok(())
    }

    fn todo_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.todo.object(this.py()))
    }

    fn timer_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.timer.object(this.py()))
    }

    fn put(&self, done: Option<Ref>) -> PyResult<()> {
        self.ready.borrow_mut().push_back(done);
        self.ledger.added()
    }

    /// One answer less to ask for: whether there was one.
    fn count_down(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// Nobody takes an answer that was asked for: it can be asked for again.
    fn count_back(&self) {
        if compat::COMPLETIONS_COUNT_BACK {
            self.left.set(self.left.get() + 1);
        }
    }

    /// The next one that is done, or what has to be waited for.
    fn take<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
        let first = self.ready.borrow_mut().pop_front();
        match first {
            Some(Some(done)) => Ok(Progress::Done(done.into_bound(this.py()))),
            Some(None) => Err(PyTimeoutError::new_err(())),
            None => {
                let future = self.common.create_future(this).inspect_err(|_| self.count_back())?;
                let ticket = self.ledger.getters().push(FutureInQueue::new(&future));
                Ok(Progress::Waits(future, ticket))
            }
        }
    }
}

/// What awaiting an item of the plain iterator does: the answer of the next one that is done.
static ANSWER: WaitKind = WaitKind {
    name: if compat::COMPLETIONS_ARE_OBJECTS {
        "_AsCompletedIterator._wait_for_one"
    } else {
        "as_completed.<locals>._wait_for_one"
    },
    begin: |_, target| completions(target)?.take(target).and_then(answer),
    resume: |wait, target| resume(wait, target).and_then(answer),
    leave,
    thrown: None,
};

/// A step of the asynchronous iterator: the next one that is done.
static NEXT: WaitKind = WaitKind {
    name: "_AsCompletedIterator.__anext__",
    begin: |_, target| {
        let completions = completions(target)?;
        if completions.count_down() {
            completions.take(target)
        } else {
            Err(PyStopAsyncIteration::new_err(()))
        }
    },
    resume,
    leave,
    thrown: None,
};

fn resume<'py>(wait: &Wait, target: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
    let completions = completions(target)?;
    drop(completions.ledger.getters().remove(wait.ticket()));
    completions.take(target)
}

fn leave(wait: &Wait, target: &Bound<'_, PyAny>, waiting: &FutureInQueue) -> PyResult<()> {
    let completions = completions(target)?;
    waiting.future().bind(target.py()).call_method0(intern!(target.py(), "cancel"))?;
    completions.count_back();
    let useful = !completions.ready.borrow().is_empty();
    completions.ledger.getters().pass_on(wait.ticket(), waiting, useful)
}

fn answer(went: Progress<'_>) -> PyResult<Progress<'_>> {
    let Progress::Done(future) = went else { return Ok(went) };
    let py = future.py();
    match exact_outcome(&future) {
        Some(outcome) => outcome.result(py),
        None => future.call_method0(intern!(py, "result")),
    }
    .map(Progress::Done)
}

fn completions<'a>(target: &'a Bound<'_, PyAny>) -> PyResult<&'a Completions> {
    try_state::<Completions>(target).ok_or_else(|| PyTypeError::new_err("not what as_completed() returns"))
}

impl HasCommon for Completions {
    fn common(&self) -> &Common {
        &self.common
    }
}

impl Constructed for Completions {
    fn init(
        &self,
        this: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        _: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let (todo, task): (Bound<'_, PySet>, Option<Bound<'_, PyAny>>) = args.extract()?;
        drop(self.children.awaiter.replace(task.map(Ref::from)));
        self.left.set(todo.len());
        self.todo.set(todo.clone());
        // A copy: what is watched may be done at once, and then leaves the set.
        let all: Vec<_> = todo.iter().collect();
        all.iter().try_for_each(|future| watch_by(self, this, future, &self.callback))
    }
}

impl Iterates for Completions {
    fn next<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !self.count_down() {
            return Ok(None);
        }
        Wait::create(this, &ANSWER, None).map(|wait| Some(wait.into_bound(this.py())))
    }
}

impl AsyncIterator for Completions {
    fn next<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Wait::create(this, &NEXT, None).map(|wait| wait.into_bound(this.py()))
    }
}

impl Parent for Completions {
    fn counts(&self, _: &Bound<'_, PyAny>, _: &Outcome) -> bool {
        false
    }

    fn told(&self, this: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let Some(todo) = self.todo.bind(py) else { return Ok(()) };
        let todo = todo.cast::<PySet>()?;
        todo.discard(child)?;
        self.put(Some(child.clone().into()))?;
        if !todo.is_empty() {
            return Ok(());
        }
        match self.timer.take() {
            Some(timer) => timer.into_bound(py).call_method0(intern!(py, "cancel")).map(drop),
            None => Ok(()),
        }
    }

    fn children(&self) -> &Children {
        &self.children
    }

    fn callback_name(&self) -> &'static str {
        if compat::COMPLETIONS_ARE_OBJECTS {
            "_AsCompletedIterator._handle_completion"
        } else {
            "as_completed.<locals>._on_completion"
        }
    }
}

impl Io for Completions {
    fn turn(&self, this: &Bound<'_, PyAny>, _: Turn) -> PyResult<()> {
        turn(self, this)
    }
}

impl Native for Completions {
    const NAME: &'static CStr = c"ferrio._ferrio.Completions";
    const DOC: &'static CStr = c"Gives what becomes of futures, in the order in which they are done.";
    const NEW: Option<raw::newfunc> = Some(object::new::<Completions>);

    holds!(common.event_loop, todo, timer, callback, ready, ledger.getters(), children);

    fn members() -> Members {
        object::constructed_slots::<Completions>()
            .and(object::iterator_slots::<Completions>())
            .and(object::async_iterator_slots::<Completions>())
            .and(members! { Completions;
                bare {
                    c"expire" c"The time is over: what is not done raises TimeoutError." => expire,
                }
                one {
                    c"limit" c"Take the timer that will call expire(), to cancel it when all are done." => limit,
                }
                attributes {
                    c"_todo" => todo_attribute;
                    c"_timeout_handle" => timer_attribute;
                }
            })
            .weak_references::<Completions>(offset_of!(Completions, weak))
    }
}
