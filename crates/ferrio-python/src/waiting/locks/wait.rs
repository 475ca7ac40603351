//! `Wait`: the native coroutine that every lock, event and queue hands out, and `FutureInQueue`: a future in a wait queue.
//!
//! ```text
//! begin ──▶ Done(value)                                        no future was made
//!   └────▶ Waits ── woken: resume ──▶ Done(value), or Waits once more
//!             └──── thrown, closed, dropped: leave
//! ```
//!
//! A wait knows its operation only by the `WaitKind`, a table of functions in the file of the lock or queue. Dead coroutines are
//! kept for reuse, so that an operation which does not wait allocates nothing.

use ferrio_engine::sync::{Standing, Ticket, WaitQueue, Waiter};
use pyo3::exceptions::PyRuntimeError;
use pyo3::types::PyBool;

use crate::ffi::answer::Attribute;
use crate::ffi::prelude::*;
use crate::ffi::stop::Stop;
use crate::tasks::any_future::{self, is_done, set_result, state};
use crate::tasks::outcome::{State, exact_outcome};

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
        Ok(match self.0.with(state)? {
            State::Pending => Standing::Waiting,
            State::Finished => Standing::Told,
            State::Cancelled => Standing::Cancelled,
        })
    }

    fn wake(&self) -> PyResult<()> {
        self.0.with(|future| set_result(future, &PyBool::new(future.py(), true)))
    }
}

/// What all of these objects have: the loop of the first operation that had to wait, and whether a subclass has methods that have
/// to be called.
#[derive(Default)]
pub(crate) struct Common {
    pub(crate) event_loop: Slot,
    /// Whether the class overrides no method that native code would call. `__init__` sets this.
    pub(crate) plain: Cell<bool>,
}

impl Common {
    /// A future of the running loop, which must be the loop of all operations before.
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
        any_future::create(&event_loop)
    }

    /// A wait at the end of `queue`.
    #[inline]
    pub(crate) fn join<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        queue: &WaitQueue<FutureInQueue>,
    ) -> PyResult<Progress<'py>> {
        let future = self.create_future(this)?;
        let ticket = queue.push(FutureInQueue::new(&future));
        Ok(Progress::Waits(future, ticket))
    }
}

/// A list of waiters as asyncio shows it: a deque of futures. The deque is a copy.
impl Attribute for WaitQueue<FutureInQueue> {
    type As = Py<PyAny>;

    fn read_attribute(&self, py: Python<'_>) -> PyResult<Self::As> {
        static DEQUE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let mut futures = Vec::with_capacity(self.len());
        self.for_each(|waiter| futures.push(waiter.future().bind(py).to_owned()));
        DEQUE.known(py, "collections", "deque")?.call1((futures,)).map(Bound::unbind)
    }
}

/// What one step came to.
pub(crate) enum Progress<'py> {
    Done(Bound<'py, PyAny>),
    /// The operation waits for this future, with this ticket.
    Waits(Bound<'py, PyAny>, Ticket),
}

/// An operation that may have to wait.
pub(crate) struct WaitKind {
    /// The name of asyncio's coroutine.
    pub(crate) name: &'static str,
    pub(crate) begin: for<'py> fn(&Wait, &Bound<'py, PyAny>) -> PyResult<Progress<'py>>,
    /// The future has a result.
    pub(crate) resume: for<'py> fn(&Wait, &Bound<'py, PyAny>) -> PyResult<Progress<'py>>,
    /// The operation will not go on.
    pub(crate) leave: for<'py> fn(&Wait, &Bound<'py, PyAny>, &FutureInQueue) -> PyResult<()>,
    /// An error is thrown into the coroutine. `None`: the error ends the operation.
    pub(crate) thrown: Option<Thrown>,
}

type Thrown = for<'py> fn(&Wait, &Bound<'py, PyAny>, &FutureInQueue, PyErr) -> PyResult<Progress<'py>>;

/// See the module.
pub(crate) struct Wait {
    kind: &'static WaitKind,
    ticket: Cell<Ticket>,
    /// The lock or queue. Empty once the operation has ended, as are the other places.
    target: Slot,
    future: Slot,
    /// Whatever else the operation needs.
    pub(crate) value: Slot,
    /// For operations with several waits: which one this is.
    pub(crate) phase: Cell<u32>,
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

held!(Wait: future, value, target);

// Without its list `lock` takes 11.3 % more instructions.
kind!(Wait, c"ferrio._ferrio.Wait", c"An operation of a lock, an event or a queue, to be awaited.", KEPT: usize = 256);

impl Steps for Wait {
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

    /// Takes the future out of its queue.
    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        match (self.target.bind(py), self.future.take()) {
            (Some(target), Some(future)) => (self.kind.leave)(self, &target, &FutureInQueue(future)),
            _ => Ok(()),
        }
    }

    fn members() -> Members {
        members! { Coroutine<Wait>;
            shown c"cr_await" => steps.future;
            shown c"_target" => steps.target;
            shown c"_phase" => steps.phase;
        }
    }
}

/// The step of a coroutine that the collector has emptied.
fn nothing(py: Python<'_>) -> Step<'_> {
    Step::Return(py.None().into_bound(py))
}

/// The exception that awaiting the future raises now, if it has no result.
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
