//! `into_future`: a Python awaitable that a Rust future awaits.
//!
//! A task of the running loop runs it, as one of asyncio's own would; a callback of that task wakes whoever awaits. `Awaited`
//! stays on the loop's thread: a task of asyncio's may be cancelled nowhere else.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::{IntoPyObjectExt, intern};

use crate::confined::Confined;
use crate::host::Host;
use crate::names::{ensure_future, running_loop};

/// A future of what `awaitable` gives: a coroutine, which begins as a task of the running loop, or a future of asyncio's. The
/// task has a copy of the context variables that are current now.
///
/// Dropping the future cancels the task. An exception is the error, and so is the `CancelledError` of a task that others
/// cancelled. Where no loop runs, that is the error, too.
///
/// ```no_run
/// use pyo3::prelude::*;
///
/// /// `await total(queue, 3)` in Python: the sum of three items of an `asyncio.Queue`.
/// #[pyfunction]
/// fn total(py: Python<'_>, queue: Py<PyAny>, count: usize) -> PyResult<Bound<'_, PyAny>> {
///     ferrio_bridge::into_awaitable(py, async move {
///         let mut sum = 0;
///         for _ in 0..count {
///             let item = Python::attach(|py| {
///                 PyResult::Ok(ferrio_bridge::into_future(py, queue.call_method0(py, "get")?))
///             })?;
///             let item = item.await?;
///             sum += Python::attach(|py| item.extract::<i64>(py))?;
///         }
///         Ok(sum)
///     })
/// }
/// ```
pub fn into_future<'py>(py: Python<'py>, awaitable: impl IntoPyObject<'py>) -> Awaited {
    Awaited { stage: begin(py, awaitable).map_or_else(Stage::Failed, Stage::Waits), _confined: PhantomData }
}

fn begin<'py>(py: Python<'py>, awaitable: impl IntoPyObject<'py>) -> PyResult<Begun> {
    let event_loop = running_loop(py)?;
    let task = ensure_future(&event_loop, &awaitable.into_bound_py_any(py)?)?;
    let end = Arc::new(Mutex::new(End { is_done: false, waker: None }));
    let host = Host::of(&event_loop).map_or_else(Weak::new, |host| Rc::downgrade(&host));
    let tells = Done { end: end.clone(), host: Confined::new(host) };
    task.call_method1(intern!(py, "add_done_callback"), (Py::new(py, tells)?,))?;
    Ok(Begun { task: task.unbind(), end })
}

/// See [`into_future`].
#[must_use = "a future that is not awaited cancels its task"]
pub struct Awaited {
    stage: Stage,
    /// It belongs to its loop's thread.
    _confined: PhantomData<Rc<()>>,
}

enum Stage {
    Waits(Begun),
    Failed(PyErr),
    Ended,
}

struct Begun {
    task: Py<PyAny>,
    end: Arc<Mutex<End>>,
}

/// Whether the task has ended, and who wants to know.
struct End {
    is_done: bool,
    waker: Option<Waker>,
}

impl Future for Awaited {
    type Output = PyResult<Py<PyAny>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Stage::Waits(begun) = &self.stage {
            let mut end = lock(&begun.end);
            if !end.is_done {
                let old = end.waker.replace(context.waker().clone());
                drop(end);
                drop(old);
                return Poll::Pending;
            }
        }
        Poll::Ready(match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Waits(begun) => Python::attach(|py| begun.task.call_method0(py, intern!(py, "result"))),
            Stage::Failed(error) => Err(error),
            Stage::Ended => {
                Err(PyRuntimeError::new_err("a future of Python's was awaited after it had ended"))
            }
        })
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let Stage::Waits(Begun { task, end }) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            return;
        };
        let mut end = lock(&end);
        let (is_done, waker) = (end.is_done, end.waker.take());
        drop(end);
        drop(waker);
        if !is_done {
            let _at_exit = Python::try_attach(|py| {
                let task = task.into_bound(py);
                if let Err(error) = task.call_method0(intern!(py, "cancel"))
                    && !is_closed(&task).unwrap_or(false)
                {
                    error.write_unraisable(py, Some(&task));
                }
            });
        }
    }
}

fn is_closed(task: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = task.py();
    task.call_method0(intern!(py, "get_loop"))?.call_method0(intern!(py, "is_closed"))?.is_truthy()
}

/// No code of anybody else's runs while the lock is held, so a poisoned one is as good.
fn lock(end: &Mutex<End>) -> MutexGuard<'_, End> {
    end.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task's callback.
#[pyclass(frozen, module = "ferrio_bridge")]
struct Done {
    end: Arc<Mutex<End>>,
    host: Confined<Weak<Host>>,
}

#[pymethods]
impl Done {
    fn __call__(&self, py: Python<'_>, _task: &Bound<'_, PyAny>) {
        let mut end = lock(&self.end);
        end.is_done = true;
        let waker = end.waker.take();
        drop(end);
        let Some(waker) = waker else { return };
        // Within the guest a task of the guest's is queued at once, and not by way of its bell.
        match self.host.get().and_then(Weak::upgrade) {
            Some(host) => host.run(py, || waker.wake()),
            None => waker.wake(),
        }
    }
}
