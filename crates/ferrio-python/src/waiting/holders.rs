//! `Holders`: which tasks hold a lock or a semaphore, if that is recorded.
//!
//! Holders are recorded only while `ferrio.stuck` watches for tasks that are stuck, since asking for the current task costs about
//! as much as taking a free lock. This file must not know locks. Invariants: a holder that releases the lock is forgotten,
//! also after the watching has ended; a lock keeps a task alive only as long as the task is recorded.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::types::PyList;

use crate::ffi::answer::Attribute;
use crate::ffi::prelude::*;

static RECORDED: AtomicBool = AtomicBool::new(false);

/// Whether holders are recorded from now on.
#[pyfunction]
#[pyo3(name = "_record_holders")]
pub(crate) fn record(on: bool) {
    RECORDED.store(on, Ordering::Relaxed);
}

/// See the module.
#[derive(Default)]
pub(crate) struct Holders(Slot);

impl Holders {
    /// The current task has taken it.
    #[inline]
    pub(crate) fn took(&self, py: Python<'_>) {
        if RECORDED.load(Ordering::Relaxed) {
            self.note(py);
        }
    }

    /// The lock was released. If the current task is no holder, it releases for the one who came first.
    #[inline]
    pub(crate) fn gave(&self, py: Python<'_>) {
        if !self.0.is_empty() {
            self.forget(py);
        }
    }

    #[cold]
    fn note(&self, py: Python<'_>) {
        let Some(task) = current_task(py) else { return };
        if self.0.is_empty() {
            self.0.set(PyList::empty(py).into_any());
        }
        if let Some(list) = self.list(py) {
            // Without memory the task is not recorded.
            drop(list.append(task));
        }
    }

    #[cold]
    fn forget(&self, py: Python<'_>) {
        let Some(list) = self.list(py) else { return };
        let mine = current_task(py).and_then(|task| list.iter().position(|holder| holder.is(&task)));
        drop(list.del_item(mine.unwrap_or(0)));
        if list.is_empty() {
            self.empty();
        }
    }

    fn list<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyList>> {
        self.0.bind(py)?.cast_into().ok()
    }
}

/// The tasks, in a list.
impl Attribute for Holders {
    type As = Py<PyAny>;

    fn read_attribute(&self, py: Python<'_>) -> PyResult<Self::As> {
        Ok(self.0.object(py).unwrap_or_else(|| PyList::empty(py).into_any().unbind()))
    }
}

impl Held for Holders {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.0.show(visitor);
    }

    fn empty(&self) {
        self.0.empty();
    }
}

/// None, if no loop runs on this thread.
fn current_task(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let task = CURRENT.known(py, "asyncio.tasks", "current_task").and_then(Bound::call0).ok()?;
    Some(task).filter(|task| !task.is_none())
}
