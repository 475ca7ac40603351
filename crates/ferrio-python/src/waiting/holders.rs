//! `Holders`: which tasks hold a lock or a semaphore, as far as that is recorded.
//!
//! Recorded only while somebody watches for tasks that are stuck (`ferrio.stuck`): asking who the current task is costs
//! about as much as taking a free lock does. It must not know what is held. Invariant: what is given back is forgotten, also
//! when nobody watches any more; a task is kept alive by what it holds only while it is recorded there.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

use crate::ffi::heap_type::Visitor;
use crate::ffi::held::Held;
use crate::ffi::known::Place;
use crate::ffi::reference::Slot;

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

    /// It was given back: by the current task or, of those who do so for others, in the place of whoever came first.
    #[inline]
    pub(crate) fn gave(&self, py: Python<'_>) {
        if !self.0.is_empty() {
            self.forget(py);
        }
    }

    /// The tasks, in a list.
    pub(crate) fn attribute(&self, py: Python<'_>) -> Py<PyAny> {
        self.0.object(py).unwrap_or_else(|| PyList::empty(py).into_any().unbind())
    }

    #[cold]
    fn note(&self, py: Python<'_>) {
        let Some(task) = current_task(py) else { return };
        if self.0.is_empty() {
            self.0.set(PyList::empty(py).into_any());
        }
        if let Some(list) = self.list(py) {
            // Where there is no memory for it, it is not recorded.
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

impl Held for Holders {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.0.show(visitor);
    }

    fn empty(&self) {
        self.0.empty();
    }
}

/// Nobody, where no loop runs on this thread.
fn current_task(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let task = CURRENT.known(py, "asyncio.tasks", "current_task").and_then(Bound::call0).ok()?;
    Some(task).filter(|task| !task.is_none())
}
