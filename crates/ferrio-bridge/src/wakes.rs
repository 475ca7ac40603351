//! `Wakes`: the waker of a future that a Python task polls.
//!
//! ```text
//!             polled, pending                  woken, or its task cancelled
//! Polled ──────────────────────▶ Waits(future) ──────────────────────────────▶ Woken ── next poll ──▶ Polled
//!    └── woken meanwhile ──▶ Woken: the task goes on without waiting
//! ```
//!
//! On the loop's thread the asyncio future gets its result at once. Another thread leaves that to the loop and takes no lock of
//! the interpreter's, which the loop's thread may hold while it waits for a lock that the waking thread has. No lock of our own
//! is held while Python runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use pyo3::intern;
use pyo3::prelude::*;

use crate::host::Home;

/// See the module.
pub(crate) struct Wakes {
    home: Arc<Home>,
    stage: Mutex<Stage>,
}

enum Stage {
    Polled,
    Woken,
    /// An asyncio future, for which the task waits.
    Waits(Py<PyAny>),
}

impl Wakes {
    pub(crate) fn new(home: Arc<Home>) -> Self {
        Wakes { home, stage: Mutex::new(Stage::Polled) }
    }

    /// The future is about to be polled.
    pub(crate) fn begin(&self) {
        let before = std::mem::replace(&mut *self.lock(), Stage::Polled);
        drop(before);
    }

    /// The future is gone: nobody is woken any more.
    pub(crate) fn end(&self) {
        let before = std::mem::replace(&mut *self.lock(), Stage::Woken);
        drop(before);
    }

    /// What the task is to wait for after a poll that was pending: a future of `event_loop`, or `None` when it was woken.
    pub(crate) fn wait_for<'py>(&self, event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        let none = py.None().into_bound(py);
        if matches!(*self.lock(), Stage::Woken) {
            return Ok(none);
        }
        let future = event_loop.call_method0(intern!(py, "create_future"))?;
        future.setattr(intern!(py, "_asyncio_future_blocking"), true)?;
        let waits = Stage::Waits(future.clone().unbind());
        let mut stage = self.lock();
        if matches!(*stage, Stage::Woken) {
            drop(stage);
            drop(waits);
            return Ok(none);
        }
        *stage = waits;
        Ok(future)
    }

    /// No code of anybody else's runs while the lock is held, so a poisoned one is as good.
    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let before = std::mem::replace(&mut *self.lock(), Stage::Woken);
        let Stage::Waits(future) = before else { return };
        if self.home.is_here() {
            complete(future);
        } else {
            self.home.remote.call_soon_threadsafe(move || complete(future));
        }
    }
}

/// The task has been cancelled meanwhile, or its loop is closed: then nobody waits.
fn complete(future: Py<PyAny>) {
    let _at_exit = Python::try_attach(|py| {
        let future = future.into_bound(py);
        if let Err(error) = future.call_method1(intern!(py, "set_result"), (py.None(),))
            && !is_past(&future).unwrap_or(false)
        {
            error.write_unraisable(py, Some(&future));
        }
    });
}

fn is_past(future: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = future.py();
    let event_loop = future.call_method0(intern!(py, "get_loop"))?;
    Ok(future.call_method0(intern!(py, "cancelled"))?.is_truthy()?
        || event_loop.call_method0(intern!(py, "is_closed"))?.is_truthy()?)
}
