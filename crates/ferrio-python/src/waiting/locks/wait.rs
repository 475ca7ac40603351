//! `Wait`: the native coroutine that every lock, event and queue hands out, and `FutureInQueue`: a future in a wait queue.
//!
//! ```text
//! begin ──▶ Done(value)                                        no future was made
//!   └────▶ Waits ── woken: resume ──▶ Done(value), or Waits once more
//!             └──── thrown, closed, dropped: leave
//! ```
//!
//! What is waited for is known by its `WaitKind` only, three functions of the file that owns it. Dead coroutines are kept for
//! reuse, so a wait that need not wait allocates nothing.

use std::cell::Cell;
use std::ffi::CStr;

use ferrio_engine::sync::{Standing, Ticket, Waiter};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBool;

use crate::ffi::call::call_method1;
use crate::ffi::coroutine::{Coroutine, Step, Steps};
use crate::ffi::heap_type::{Native, Visitor};
use crate::ffi::held::{Held, held, kept};
use crate::ffi::instances::alloc_tracked;
use crate::ffi::known::Place;
use crate::ffi::members::{Members, members};
use crate::ffi::raised;
use crate::ffi::reference::{Ref, Slot};
use crate::ffi::stop::Stop;
use crate::tasks::futures::Future;
use crate::tasks::outcome::exact_outcome;
use crate::tasks::outcome::{State, direct};
use crate::waiting::gather::is_done;
use ferrio_engine::sync::WaitQueue;

/// A future in a wait queue.
#[derive(Clone)]
pub(crate) struct FutureInQueue(Ref);

impl FutureInQueue {
    pub(crate) fn new(future: &Bound<'_, PyAny>) -> Self {
        FutureInQueue(future.clone().into())
    }

    pub(crate) fn future(&self) -> &Ref {
        &self.0
    }
}

impl Held for WaitQueue<FutureInQueue> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.for_each(|waiting| waiting.0.show(visitor));
    }

    fn empty(&self) {
        self.clear();
    }
}

impl Waiter for FutureInQueue {
    type Error = PyErr;

    fn standing(&self) -> PyResult<Standing> {
        self.0.with(|future| {
            let py = future.py();
            if let Some(outcome) = exact_outcome(future) {
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
        self.0.with(|future| {
            let (py, yes) = (future.py(), PyBool::new(future.py(), true));
            match exact_outcome(future) {
                Some(outcome) => outcome.finish(future, &yes),
                None => call_method1(future, intern!(py, "set_result"), &yes).map(drop),
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
    waiters: &ferrio_engine::sync::WaitQueue<FutureInQueue>,
) -> PyResult<Py<PyAny>> {
    static DEQUE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mut futures = Vec::with_capacity(waiters.len());
    waiters.for_each(|waiter| futures.push(waiter.future().bind(py).to_owned()));
    DEQUE.known(py, "collections", "deque")?.call1((futures,)).map(Bound::unbind)
}

/// What one step came to.
pub(crate) enum Progress<'py> {
    Done(Bound<'py, PyAny>),
    /// It waits for this future, with this ticket.
    Waits(Bound<'py, PyAny>, Ticket),
}

/// An operation that may have to wait.
pub(crate) struct WaitKind {
    /// As asyncio's coroutine is called.
    pub(crate) name: &'static str,
    pub(crate) begin: for<'py> fn(&Wait, &Bound<'py, PyAny>) -> PyResult<Progress<'py>>,
    /// Its future has a result.
    pub(crate) resume: for<'py> fn(&Wait, &Bound<'py, PyAny>) -> PyResult<Progress<'py>>,
    /// It will not go on.
    pub(crate) leave: for<'py> fn(&Wait, &Bound<'py, PyAny>, &FutureInQueue) -> PyResult<()>,
    /// It is thrown an error; `None` where that just ends it.
    pub(crate) thrown: Option<Thrown>,
}

type Thrown = for<'py> fn(&Wait, &Bound<'py, PyAny>, &FutureInQueue, PyErr) -> PyResult<Progress<'py>>;

/// See the module.
pub(crate) struct Wait {
    kind: &'static WaitKind,
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
        kind: &'static WaitKind,
        value: Option<Ref>,
    ) -> PyResult<Py<PyAny>> {
        let wait = Wait {
            kind,
            ticket: Cell::default(),
            target: Slot::new(target.clone().into()),
            future: Slot::default(),
            value: value.map_or_else(Slot::default, Slot::new),
            phase: Cell::new(0),
            stop: Stop::default(),
        };
        alloc_tracked(target.py(), Coroutine::new(wait)).map(Bound::unbind)
    }

    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket.get()
    }

    #[expect(
        clippy::inline_always,
        reason = "outlined, which is chance, it takes 2 % more instructions of an awaited lock or queue"
    )]
    #[inline(always)]
    fn settle<'py>(&self, went: Progress<'py>) -> PyResult<Step<'py>> {
        let (future, ticket) = match went {
            Progress::Done(value) => return Ok(Step::Return(value)),
            Progress::Waits(future, ticket) => (future, ticket),
        };
        self.ticket.set(ticket);
        self.future.set(future.clone());
        match exact_outcome(&future) {
            Some(outcome) => outcome.blocking.set(true),
            None => future.setattr(intern!(future.py(), "_asyncio_future_blocking"), true)?,
        }
        Ok(Step::Yield(future))
    }
}

impl Coroutine<Wait> {
    fn awaited(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.steps.future.object(this.py()))
    }

    fn target_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.steps.target.object(this.py()))
    }

    fn phase_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.steps.phase.get().into_py_any(this.py())
    }
}

held!(Wait: future, value, target);

impl Steps for Wait {
    const TYPE: &'static CStr = c"ferrio._ferrio.Wait";
    const DOC: &'static CStr = c"An operation of a lock, an event or a queue, to be awaited.";
    // Without its list `lock` takes 11.3 % more instructions.
    const KEPT: usize = 256;

    kept!();

    fn name(&self) -> &'static str {
        self.kind.name
    }

    fn stop(&self) -> Option<&Stop> {
        Some(&self.stop)
    }

    #[expect(
        clippy::inline_always,
        reason = "outlined, which is chance, it takes 2 % more instructions of an awaited lock or queue"
    )]
    #[inline(always)]
    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let Some(target) = self.target.bind(this.py()) else { return Ok(nothing(this.py())) };
        self.settle((self.kind.begin)(self, &target)?)
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let Some(target) = self.target.bind(py) else { return Ok(nothing(py)) };
        if let Some(future) = self.future.bind(py)
            && let Some(error) = failure(&future)?
        {
            return self.thrown(this, error);
        }
        self.settle((self.kind.resume)(self, &target)?)
    }

    fn thrown<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        if let Some(thrown) = self.kind.thrown
            && let (Some(target), Some(future)) = (self.target.bind(py), self.future.take())
        {
            return self.settle(thrown(self, &target, &FutureInQueue(future), error)?);
        }
        self.leave(py)?;
        Err(error)
    }

    /// Takes it out of the queue in which it waits.
    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        match (self.target.bind(py), self.future.take()) {
            (Some(target), Some(future)) => (self.kind.leave)(self, &target, &FutureInQueue(future)),
            _ => Ok(()),
        }
    }

    fn members() -> Members {
        members! { Coroutine<Wait>;
            attributes {
                c"cr_await" => awaited;
                c"_target" => target_attribute;
                c"_phase" => phase_attribute;
            }
        }
    }
}

/// For one that the collector has emptied.
fn nothing(py: Python<'_>) -> Step<'_> {
    Step::Return(py.None().into_bound(py))
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
    RUNNING.known(py, "asyncio.events", "_get_running_loop")?.call0()
}
