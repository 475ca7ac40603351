//! `Wait`: the native coroutine that every lock, event and queue hands out, and `Waiting`: a future in a wait queue.
//!
//! ```text
//! New ── begin ──▶ Done(value)                                        no future was made
//!  └─────────────▶ Waiting ── woken: resume ──▶ Done(value), or Waiting once more
//!                     └────── throw, close, dropped: leave ──▶ Done
//! ```
//!
//! What is waited for is known by its `Steps` only, three functions of the file that owns it. Dead coroutines are kept for
//! reuse, so a wait that need not wait allocates nothing.

use std::cell::Cell;
use std::ffi::CStr;

use ferrio_engine::sync::{Standing, Ticket, Waiter};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyString};

use crate::ffi::call::{call_method1, with_python};
use crate::ffi::coroutine::{Coroutine, Life, Step, coroutine_slots, reused, warn_never_awaited};
use crate::ffi::heap_type::{Native, Place, Visitor};
use crate::ffi::instances::alloc_tracked;
use crate::ffi::members::{Members, members};
use crate::ffi::raised;
use crate::ffi::reference::{Ref, Slot};
use crate::ffi::stop::Stop;
use crate::tasks::futures::Future;
use crate::tasks::outcome::exact_outcome;
use crate::tasks::outcome::{State, direct};
use crate::waiting::gather::is_done;

/// A future in a wait queue.
pub(crate) struct Waiting(Ref);

impl Waiting {
    pub(crate) fn new(future: &Bound<'_, PyAny>) -> Self {
        Waiting(future.clone().into())
    }

    pub(crate) fn future(&self) -> &Ref {
        &self.0
    }
}

impl Clone for Waiting {
    fn clone(&self) -> Self {
        with_python(|py| Waiting(self.0.clone_ref(py)))
    }
}

impl Waiter for Waiting {
    type Error = PyErr;

    fn standing(&self) -> PyResult<Standing> {
        with_python(|py| {
            let future = self.0.bind(py);
            if let Some(outcome) = exact_outcome(&future) {
                return Ok(match outcome.state() {
                    State::Pending => Standing::Waiting,
                    State::Finished => Standing::Told,
                    State::Cancelled => Standing::Cancelled,
                });
            }
            if !future.call_method0(intern!(py, "done"))?.is_truthy()? {
                Ok(Standing::Waiting)
            } else if future.call_method0(intern!(py, "cancelled"))?.is_truthy()? {
                Ok(Standing::Cancelled)
            } else {
                Ok(Standing::Told)
            }
        })
    }

    fn wake(&self) -> PyResult<()> {
        with_python(|py| {
            let (future, yes) = (self.0.bind(py), PyBool::new(py, true));
            match exact_outcome(&future) {
                Some(outcome) => outcome.finish(&future, &yes),
                None => call_method1(&future, intern!(py, "set_result"), &yes).map(drop),
            }
        })
    }
}

/// What all of them have: the loop of the first use that had to wait, and whether a subclass has methods of its own that
/// have to be called.
#[derive(Default)]
pub(crate) struct Common {
    pub(crate) event_loop: Slot,
    /// Set by `__init__` of our own classes, and of subclasses that change nothing which native code would call.
    pub(crate) plain: Cell<bool>,
}

impl Common {
    /// A future of the running loop, which has to be that of all uses before.
    pub(crate) fn create_future<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let event_loop = if self.plain.get() {
            let running = running_loop(py)?;
            if self.event_loop.is_empty() {
                self.event_loop.set(running.clone());
            } else if self.event_loop.as_ptr() != running.as_ptr() {
                let text = format!("{} is bound to a different event loop", this.repr()?);
                return Err(PyRuntimeError::new_err(text));
            }
            running
        } else {
            this.call_method0(intern!(py, "_get_loop"))?
        };
        match direct(&event_loop) {
            Some(_) => Future::create(&event_loop),
            None => event_loop.call_method0(intern!(py, "create_future")),
        }
    }
}

/// The attributes that come with `Common`.
pub(crate) trait HasCommon: Native {
    fn common(&self) -> &Common;

    fn loop_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.common().event_loop.object(this.py()))
    }

    fn set_loop_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        drop(self.common().event_loop.replace((!value.is_none()).then(|| value.clone().into())));
        Ok(())
    }
}

/// A list of waiters as asyncio shows it: a deque of futures. A copy, which changes nothing.
pub(crate) fn futures_of(
    py: Python<'_>,
    waiters: &ferrio_engine::sync::WaitQueue<Waiting>,
) -> PyResult<Py<PyAny>> {
    static DEQUE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mut futures = Vec::with_capacity(waiters.len());
    waiters.for_each(|waiter| futures.push(waiter.future().bind(py).to_owned()));
    DEQUE.import(py, "collections", "deque")?.call1((futures,)).map(Bound::unbind)
}

/// What one step came to.
pub(crate) enum Went<'py> {
    Done(Bound<'py, PyAny>),
    /// It waits for this future, with this ticket.
    Waits(Bound<'py, PyAny>, Ticket),
}

/// An operation that may have to wait.
pub(crate) struct Steps {
    /// As asyncio's coroutine is called.
    pub(crate) name: &'static CStr,
    pub(crate) begin: for<'py> fn(&Wait, &Bound<'py, PyAny>) -> PyResult<Went<'py>>,
    /// Its future has a result.
    pub(crate) resume: for<'py> fn(&Wait, &Bound<'py, PyAny>) -> PyResult<Went<'py>>,
    /// It will not go on.
    pub(crate) leave: for<'py> fn(&Wait, &Bound<'py, PyAny>, &Waiting) -> PyResult<()>,
    /// It is thrown an error; `None` where that just ends it.
    pub(crate) thrown: Option<Thrown>,
}

type Thrown = for<'py> fn(&Wait, &Bound<'py, PyAny>, &Waiting, PyErr) -> PyResult<Went<'py>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Waiting,
    Done,
}

/// See the module.
pub(crate) struct Wait {
    steps: &'static Steps,
    stage: Cell<Stage>,
    ticket: Cell<Ticket>,
    /// What it belongs to; empty once it has ended, as are the others.
    target: Slot,
    future: Slot,
    /// Whatever else the operation needs.
    pub(crate) value: Slot,
    /// What it waits for, of operations that wait for more than one thing.
    pub(crate) phase: Cell<u8>,
    stop: Stop,
}

impl Wait {
    pub(crate) fn create(
        target: &Bound<'_, PyAny>,
        steps: &'static Steps,
        value: Option<Ref>,
    ) -> PyResult<Py<PyAny>> {
        let wait = Wait {
            steps,
            stage: Cell::new(Stage::New),
            ticket: Cell::default(),
            target: Slot::new(target.clone().into()),
            future: Slot::default(),
            value: value.map_or_else(Slot::default, Slot::new),
            phase: Cell::new(0),
            stop: Stop::default(),
        };
        alloc_tracked(target.py(), wait).map(Bound::unbind)
    }

    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket.get()
    }

    fn settle<'py>(&self, went: PyResult<Went<'py>>) -> PyResult<Step<'py>> {
        match went {
            Ok(Went::Waits(future, ticket)) => {
                self.ticket.set(ticket);
                self.future.set(future.clone());
                self.stage.set(Stage::Waiting);
                match exact_outcome(&future) {
                    Some(outcome) => outcome.blocking.set(true),
                    None => future.setattr(intern!(future.py(), "_asyncio_future_blocking"), true)?,
                }
                Ok(Step::Yield(future))
            }
            Ok(Went::Done(value)) => {
                self.end();
                Ok(Step::Return(value))
            }
            Err(error) => {
                self.end();
                Err(error)
            }
        }
    }

    // `Stop` says why.
    #[inline]
    fn end(&self) {
        self.stage.set(Stage::Done);
        drop(self.future.take());
        drop(self.value.take());
        drop(self.target.take());
    }

    /// Takes it out of the queue in which it waits.
    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        let (target, future) = (self.target.bind(py), self.future.take());
        let left = match (target, future) {
            (Some(target), Some(future)) => (self.steps.leave)(self, &target, &Waiting(future)),
            _ => Ok(()),
        };
        self.end();
        left
    }

    fn qualified_name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(PyString::new(this.py(), &self.steps.name.to_string_lossy()).into_any().unbind())
    }

    fn short_name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let name = self.steps.name.to_string_lossy();
        let short = name.rsplit('.').next().unwrap_or_default();
        Ok(PyString::new(this.py(), short).into_any().unbind())
    }

    fn awaited(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.future.object(this.py()))
    }

    fn target_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.target.object(this.py()))
    }

    fn phase_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.phase.get().into_py_any(this.py())
    }
}

impl Wait {
    /// Ends it where it waits, and leaves the queue.
    fn give_up(&self) {
        let waiting = self.stage.replace(Stage::Done) == Stage::Waiting;
        with_python(|py| {
            if waiting && let Err(error) = self.leave(py) {
                error.write_unraisable(py, None);
            }
            self.end();
        });
    }
}

impl Coroutine for Wait {
    const LIGHT: bool = true;

    fn life(&self) -> Life {
        match self.stage.get() {
            Stage::New => Life::New,
            Stage::Done => Life::Ended,
            Stage::Waiting => Life::Begun,
        }
    }

    fn stop(&self) -> Option<&Stop> {
        Some(&self.stop)
    }

    fn step<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let Some(target) = self.target.bind(py) else { return Err(reused()) };
        match self.stage.get() {
            Stage::New => {
                self.stage.set(Stage::Done);
                self.settle((self.steps.begin)(self, &target))
            }
            Stage::Waiting => {
                if let Some(future) = self.future.bind(py)
                    && let Some(error) = failure(&future)?
                {
                    return self.throw(this, error);
                }
                self.stage.set(Stage::Done);
                self.settle((self.steps.resume)(self, &target))
            }
            Stage::Done => Err(reused()),
        }
    }

    fn close(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.give_up();
        Ok(())
    }

    fn throw<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        match self.stage.replace(Stage::Done) {
            Stage::New => self.end(),
            Stage::Waiting => {
                if let Some(thrown) = self.steps.thrown
                    && let (Some(target), Some(future)) = (self.target.bind(this.py()), self.future.take())
                {
                    return self.settle(thrown(self, &target, &Waiting(future), error));
                }
                self.leave(this.py())?;
            }
            Stage::Done => return Err(reused()),
        }
        Err(error)
    }
}

impl Native for Wait {
    const NAME: &'static CStr = c"ferrio._ferrio.Wait";
    const DOC: &'static CStr = c"An operation of a lock, an event or a queue, to be awaited.";
    const KEPT: usize = 256;

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        coroutine_slots::<Wait>().and(members! { Wait;
            methods {}
            attributes {
                c"__qualname__" => qualified_name;
                c"__name__" => short_name;
                c"cr_await" => awaited;
                c"_target" => target_attribute;
                c"_phase" => phase_attribute;
            }
        })
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        for slot in [&self.target, &self.future, &self.value, self.stop.slot()] {
            visitor.raw(slot.as_ptr());
        }
    }

    fn clear(&self) {
        if self.stage.get() == Stage::New {
            // It remembers that nobody awaited it.
            drop(self.value.take());
            drop(self.target.take());
        } else {
            self.give_up();
        }
    }

    /// Done, it owns nothing but its `Stop`.
    fn is_quiet(&self) -> bool {
        self.stage.get() == Stage::Done
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        match self.stage.get() {
            Stage::New => warn_never_awaited(&self.steps.name.to_string_lossy()),
            Stage::Waiting => self.give_up(),
            Stage::Done => {}
        }
    }
}

/// What awaiting a future raises that was yielded before: nothing when it has a result.
fn failure(future: &Bound<'_, PyAny>) -> PyResult<Option<PyErr>> {
    let py = future.py();
    match exact_outcome(future) {
        Some(outcome) if outcome.is_done() => Ok(outcome.error(py)?.map(|error| raised::raise(&error))),
        None if is_done(future)? => Ok(future.call_method0(intern!(py, "result")).err()),
        _ => Ok(Some(PyRuntimeError::new_err("await wasn't used with future"))),
    }
}

/// asyncio's idea of the running loop, or None.
fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    RUNNING.import(py, "asyncio.events", "_get_running_loop")?.call0()
}
