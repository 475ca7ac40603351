//! `Completions`: what `as_completed()` iterates over.
//!
//! ```text
//! child is done ──▶ its turn: out of `todo`, into `ready` ──▶ one who waits is told, and takes it
//! time is over  ──▶ for each that is left in `todo`: a None into `ready`, which raises TimeoutError
//! ```
//!
//! It is a parent of futures (`children`). Coroutines wait for a future that is done as they wait for an item of a queue. The
//! checks of the arguments and the timer are in `ferrio.tasks`. Each future gives one answer.

use std::collections::VecDeque;
use std::mem::offset_of;

use ferrio_engine::sync::Ledger;
use pyo3::exceptions::{PyStopAsyncIteration, PyTimeoutError};
use pyo3::types::PySet;

use crate::compat;
use crate::ffi::object::{AsyncIterator, Iterates};
use crate::ffi::prelude::*;
use crate::ffi::weak::WeakReferences;
use crate::tasks::any_future;
use crate::tasks::children::{Children, Parent, unwatch, watch_by};
use crate::tasks::outcome::Outcome;
use crate::waiting::locks::wait::{Common, FutureInQueue, Progress, Wait, WaitKind};

/// `Completions(futures, task)`: a set, and the task that asks, or None.
#[repr(C)]
pub(crate) struct Completions {
    head: Head,
    common: Common,
    /// The set of the futures whose turn has not come. Empty after the time is over.
    todo: Slot,
    /// How many answers nobody has asked for yet.
    left: Cell<usize>,
    /// Futures that are done and that nobody has taken. None: a future that was not done in time.
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
    /// Takes the handle that calls `expire`. The handle is cancelled when no future is left.
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

    fn put(&self, done: Option<Ref>) -> PyResult<()> {
        self.ready.borrow_mut().push_back(done);
        self.ledger.added()
    }

    /// Counts one answer as asked for. Says whether there was one.
    fn count_down(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// Nobody takes the answer that was asked for. It can be asked for again.
    fn count_back(&self) {
        if compat::COMPLETIONS_COUNT_BACK {
            self.left.set(self.left.get() + 1);
        }
    }

    /// The next future that is done, or a wait for that.
    fn take<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
        let first = self.ready.borrow_mut().pop_front();
        match first {
            Some(Some(done)) => Ok(Progress::Done(done.into_bound(this.py()))),
            Some(None) => Err(PyTimeoutError::new_err(())),
            None => self.common.join(this, self.ledger.getters()).inspect_err(|_| self.count_back()),
        }
    }
}

/// An item of the plain iterator. Awaiting it gives the result of the next future that is done.
static ANSWER: WaitKind = WaitKind {
    name: if compat::COMPLETIONS_ARE_OBJECTS {
        "_AsCompletedIterator._wait_for_one"
    } else {
        "as_completed.<locals>._wait_for_one"
    },
    begin: |_, target| state_of::<Completions>(target)?.take(target).and_then(answer),
    resume: |wait, target| resume(wait, target).and_then(answer),
    leave,
    thrown: None,
};

/// A step of the asynchronous iterator: the next future that is done.
static NEXT: WaitKind = WaitKind {
    name: "_AsCompletedIterator.__anext__",
    begin: |_, target| {
        let completions = state_of::<Completions>(target)?;
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
    let completions = state_of::<Completions>(target)?;
    drop(completions.ledger.getters().remove(wait.ticket()));
    completions.take(target)
}

fn leave(wait: &Wait, target: &Bound<'_, PyAny>, waiting: &FutureInQueue) -> PyResult<()> {
    let completions = state_of::<Completions>(target)?;
    waiting.future().bind(target.py()).call_method0(intern!(target.py(), "cancel"))?;
    completions.count_back();
    let useful = !completions.ready.borrow().is_empty();
    completions.ledger.getters().pass_on(wait.ticket(), waiting, useful)
}

fn answer(went: Progress<'_>) -> PyResult<Progress<'_>> {
    let Progress::Done(future) = went else { return Ok(went) };
    any_future::result(&future).map(Progress::Done)
}

impl Constructed for Completions {
    fn init(&self, this: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        let (todo, task): (Bound<'_, PySet>, Option<Bound<'_, PyAny>>) = given.args.extract()?;
        drop(self.children.awaiter.replace(task.map(Ref::from)));
        self.left.set(todo.len());
        self.todo.set(todo.clone());
        // A copy, since a watched future may be done at once, and then leaves the set.
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

impl Native for Completions {
    const NAME: &'static CStr = c"ferrio._ferrio.Completions";
    const DOC: &'static CStr = c"Gives what becomes of futures, in the order in which they are done.";
    const NEW: New = Some(object::new::<Completions>);

    holds!(common.event_loop, todo, timer, callback, ready, ledger.getters(), children);

    fn members() -> Members {
        object::constructed_slots::<Completions>()
            .and(object::iterator_slots::<Completions>())
            .and(object::async_iterator_slots::<Completions>())
            .and(members! { Completions;
                bare c"expire" c"The time is over: what is not done raises TimeoutError." => expire;
                one c"limit" c"Take the timer that will call expire(), to cancel it when all are done." => limit;
                shown c"_todo" => todo;
                shown c"_timeout_handle" => timer;
            })
            .weak_references::<Completions>(offset_of!(Completions, weak))
    }
}
