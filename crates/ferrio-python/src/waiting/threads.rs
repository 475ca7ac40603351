//! `WorkQueue`: where the loop's own threads get their jobs, and how the results come back.
//!
//! ```text
//! loop: put ──▶ jobs ──▶ work (a thread, attached) ──▶ the loop's ring ──▶ the future is done
//!                          └─ nothing to do: waits, detached
//! ```
//!
//! A job comes back as one word. The threads are Python's: `ferrio.threads` starts and joins them, so they have names and
//! `threading` knows them. Invariant: no thread asks for the interpreter's lock while it holds the queue's lock.
//!
//! One thread is called at a time, and who takes a job calls the next if more wait. A thread that is called has to get the
//! interpreter's lock first: to call one for each job has all of them compete for it, while who has it does the jobs (64
//! short jobs at once: 2.3 futex calls each). Where a job lets the lock go, the next thread is there to take it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::types::{PyList, PyTuple};

use crate::event_loop::state::BaseLoop;
use crate::ffi::names::FUTURES;
use crate::ffi::prelude::*;
use crate::tasks::futures::Future;
use crate::tasks::outcome::exact_outcome;

/// See the module.
#[derive(Default)]
pub(crate) struct WorkQueue {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    bell: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Py<PyAny>>,
    /// How many threads wait.
    idle: usize,
    /// Whether one of them is called, and has not noticed yet.
    called: bool,
    /// How many noticed, and are on their way to a job.
    coming: usize,
    closed: bool,
}

impl Queue {
    /// Calls a thread if there is something to do, one waits, and none is on its way; whether to ring.
    fn call(&mut self) -> bool {
        let wanted = !self.jobs.is_empty() && self.idle > 0 && self.coming == 0 && !self.called;
        self.called |= wanted;
        wanted
    }
}

/// What a thread is to do next.
enum Next {
    Run(Py<PyAny>),
    Wait,
    End,
}

impl Shared {
    /// Takes the lock even if it is poisoned: no code of ours panics in the midst of an update.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does next, which was called if `came`.
    fn next(&self, came: bool) -> Next {
        let mut queue = self.lock();
        queue.coming -= usize::from(came);
        match queue.jobs.pop_front() {
            Some(job) => {
                let rings = queue.call();
                drop(queue);
                if rings {
                    self.bell.notify_one();
                }
                Next::Run(job)
            }
            None if queue.closed => Next::End,
            None => {
                // Counted while the interpreter's lock is held: the next `put` sees the thread.
                queue.idle += 1;
                Next::Wait
            }
        }
    }

    /// Waits until this thread is called, or the queue is closed. After `Next::Wait`. Whether it was called.
    fn wait(&self) -> bool {
        let mut queue = self.lock();
        while !queue.called && !queue.closed {
            queue = self.bell.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.idle -= 1;
        let called = std::mem::take(&mut queue.called);
        queue.coming += usize::from(called);
        called
    }
}

impl WorkQueue {
    /// `put(loop, function, arguments)`: a future of the result of the call, and whether another thread would help.
    fn put(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [event_loop, function, arguments] = args.all("put", ["loop", "function", "arguments"])?;
        let future = Future::create(&event_loop)?;
        let job = Job::create(&event_loop, &function, &arguments, &future)?;
        let crowded = self.push(job)?;
        Ok(PyTuple::new(this.py(), [future, crowded_object(this.py(), crowded)])?.into_any().unbind())
    }

    /// `put_plain(function)`: the same for a call whose result nobody needs.
    fn put_plain(&self, _: &Bound<'_, PyAny>, function: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.push(function.clone().unbind())
    }

    fn push(&self, job: Py<PyAny>) -> PyResult<bool> {
        let mut queue = self.shared.lock();
        if queue.closed {
            drop(queue);
            return Err(PyRuntimeError::new_err("cannot schedule new futures after shutdown"));
        }
        queue.jobs.push_back(job);
        let crowded = queue.jobs.len() > queue.idle;
        let rings = queue.call();
        drop(queue);
        if rings {
            self.shared.bell.notify_one();
        }
        Ok(crowded)
    }

    /// What a thread runs from its start to its end.
    fn work(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let mut came = false;
        loop {
            match self.shared.next(std::mem::take(&mut came)) {
                Next::Run(job) => run(job.bind(py)),
                Next::Wait => {
                    let shared = self.shared.clone();
                    came = py.detach(move || shared.wait());
                }
                Next::End => return Ok(()),
            }
        }
    }

    /// Closes the queue. The threads do the jobs that are queued, and end.
    fn close(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.shared.lock().closed = true;
        self.shared.bell.notify_all();
        Ok(())
    }

    /// Drops the jobs that no thread has begun, and cancels their futures. Returns the functions of `put_plain`.
    fn cancel_all(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let jobs = std::mem::take(&mut self.shared.lock().jobs);
        let plain = PyList::empty(py);
        for job in jobs {
            if let Some(state) = try_state::<Job>(job.bind(py)) {
                state.cancelled.set(true);
                state.give_back(job.bind(py));
            } else {
                plain.append(job)?;
            }
        }
        Ok(plain.into_any().unbind())
    }
}

fn run(job: &Bound<'_, PyAny>) {
    if let Some(state) = try_state::<Job>(job) {
        state.run(job);
    } else if let Err(error) = job.call0() {
        error.write_unraisable(job.py(), Some(job));
    }
}

fn crowded_object(py: Python<'_>, crowded: bool) -> Bound<'_, PyAny> {
    pyo3::types::PyBool::new(py, crowded).to_owned().into_any()
}

impl Native for WorkQueue {
    const NAME: &'static CStr = c"ferrio._ferrio.WorkQueue";
    const DOC: &'static CStr = c"What the loop's own threads take their work from.";
    const NEW: New = Some(object::new::<WorkQueue>);

    kept!();

    fn members() -> Members {
        members! { WorkQueue;
            bare c"work" c"Do what is put into the queue until it is closed and empty: what a thread runs." => work;
            bare c"close" c"Let threads end once the queue is empty." => close;
            bare c"cancel_all" c"Cancel what no thread has begun. Returns what put_plain() was given." => cancel_all;
            one c"put_plain" c"Have a thread call function(), which returns nothing and raises nothing. Returns whether \
                    all threads are busy." => put_plain;
            method c"put" c"Have a thread call function(*arguments). Returns a future of loop, and whether all threads are \
                    busy." => put;
        }
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        if let Ok(queue) = self.shared.queue.try_lock() {
            queue.jobs.iter().for_each(|job| visitor.raw(job.as_ptr()));
        }
    }

    fn clear(&self) {
        let jobs = std::mem::take(&mut self.shared.lock().jobs);
        drop(jobs);
    }
}

/// A call that a thread makes, and the way of the result back to the loop.
#[repr(C)]
pub(crate) struct Job {
    head: Head,
    event_loop: Slot,
    future: Slot,
    function: Slot,
    arguments: Slot,
    /// The result, or the exception.
    result: Slot,
    failed: Cell<bool>,
    cancelled: Cell<bool>,
}

impl Job {
    fn create(
        event_loop: &Bound<'_, PyAny>,
        function: &Bound<'_, PyAny>,
        arguments: &Bound<'_, PyAny>,
        future: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let slot = |object: &Bound<'_, PyAny>| Slot::new(Ref::from(object.clone()));
        let job = Job {
            head: Head::new::<Self>(),
            event_loop: slot(event_loop),
            future: slot(future),
            function: slot(function),
            arguments: slot(arguments),
            result: Slot::default(),
            failed: Cell::new(false),
            cancelled: Cell::new(false),
        };
        Ok(alloc(&type_object::<Job>(event_loop.py())?, job)?.unbind())
    }

    /// On a thread: makes the call, unless the future is done already.
    fn run(&self, this: &Bound<'_, PyAny>) {
        let py = this.py();
        let wanted = self
            .future
            .bind(py)
            .is_some_and(|future| exact_outcome(&future).is_some_and(|outcome| !outcome.is_done()));
        let (function, arguments) = (self.function.take(), self.arguments.take());
        if !wanted {
            return;
        }
        let (Some(function), Some(arguments)) = (function, arguments) else { return };
        let arguments = arguments.into_bound(py);
        let result = arguments
            .cast::<PyTuple>()
            .map_err(PyErr::from)
            .and_then(|arguments| function.bind(py).call1(arguments));
        match result {
            Ok(value) => self.result.set(value),
            Err(error) => {
                self.failed.set(true);
                self.result.set(error.into_value(py).into_bound(py).into_any());
            }
        }
        // The arguments may be large. Freeing them takes this thread's time, not the loop's.
        drop(arguments);
        drop(function);
        self.give_back(this);
    }

    /// Queues the job's word, unless the loop is closed by now.
    fn give_back(&self, this: &Bound<'_, PyAny>) {
        if let Some(event_loop) = self.event_loop.bind(this.py())
            && let Some(state) = try_state::<BaseLoop>(&event_loop)
            && let Ok(engine) = state.engine()
        {
            engine.call_soon(Word::io::<Job>(this, Turn::Deferred));
            engine.ring();
        }
    }
}

impl Io for Job {
    fn turn(&self, this: &Bound<'_, PyAny>, _: Turn) -> PyResult<()> {
        let py = this.py();
        let Some(future) = self.future.take() else { return Ok(()) };
        let future = future.into_bound(py);
        let Some(outcome) = exact_outcome(&future) else { return Ok(()) };
        drop(self.event_loop.take());
        if outcome.is_done() {
            return Ok(());
        }
        if self.cancelled.get() {
            return outcome.cancel(&future, None).map(drop);
        }
        let result =
            self.result.take().map_or_else(|| py.None().into_bound(py), |result| result.into_bound(py));
        if !self.failed.get() {
            return outcome.finish(&future, &result);
        }
        // concurrent.futures has exceptions of its own, with the names of asyncio's.
        let error = FUTURES.helper(py, intern!(py, "convert_exception"))?.call1((result,))?;
        match outcome.fail(&future, &error) {
            // A StopIteration, which a future of the running release cannot hold.
            Err(error) => outcome.fail(&future, &raised::value(py, &error)),
            Ok(()) => Ok(()),
        }
    }
}

impl Native for Job {
    const NAME: &'static CStr = c"ferrio._ferrio.Job";
    const DOC: &'static CStr = c"A call that a thread makes for the loop.";

    holds!(event_loop, future, function, arguments, result);

    fn members() -> Members {
        Members::default()
    }
}
