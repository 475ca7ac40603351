//! Which tasks there are.
//!
//! asyncio keeps a weak reference to every task, or has it in a list. Ours are in a table of plain pointers instead, which
//! `all_tasks()` is shown (`ferrio.tasks`): one word in, one word out. One that is started eagerly is in it from its first
//! step on. From Python 3.14 on ours are on asyncio's list, too (`task_struct`), by which `all_tasks()` goes; the table has
//! those of all loops and threads, for reports (`ferrio.dump`). Which task is current is in `current`.
//!
//! Invariant LISTED: what the table points to is memory of a task that was not given back. An `Entry` lies in that memory,
//! knows the table without anybody's help, and takes the pointer off in its drop, which `dealloc` runs before it frees the
//! memory or keeps it for the next task; no order of `tp_clear`, finalizers and the loop's own end changes that.

use std::cell::{Cell, UnsafeCell};

use pyo3::ffi;
use pyo3::prelude::*;
use slab::Slab;

use super::heap_type::{Visitor, state};
use super::reference::try_new_ref;
use crate::tasks::task::Task;

struct Table {
    /// LISTED; borrowed, while no other code runs.
    tasks: UnsafeCell<Slab<*mut ffi::PyObject>>,
    number: UnsafeCell<u64>,
}

// SAFETY: touched attached only (ATTACHED), no borrow across a call into the interpreter.
unsafe impl Sync for Table {}

static TABLE: Table = Table { tasks: UnsafeCell::new(Slab::new()), number: UnsafeCell::new(0) };

/// A task's place in the table.
#[derive(Debug, Default)]
pub(crate) struct Entry(Cell<Option<usize>>);

impl Entry {
    /// Enters the object this belongs to. Doing it again does no harm.
    pub(crate) fn enlist(&self, task: &Bound<'_, PyAny>) {
        if self.0.get().is_none() {
            // SAFETY: see `Sync`.
            self.0.set(Some(unsafe { &mut *TABLE.tasks.get() }.insert(task.as_ptr())));
        }
    }

    /// Takes the object off the table: whoever looks does not find it any more.
    pub(crate) fn delist(&self) {
        if let Some(key) = self.0.take() {
            // SAFETY: see `Sync`. The key is our own.
            unsafe { &mut *TABLE.tasks.get() }.try_remove(key);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.delist();
    }
}

/// The tasks of the table that are alive, done or not, of any loop.
#[pyfunction]
#[pyo3(name = "_tasks")]
pub(crate) fn all(py: Python<'_>) -> Vec<Bound<'_, PyAny>> {
    // SAFETY: see `Sync`; counting references runs no code.
    let tasks = unsafe { &*TABLE.tasks.get() };
    // SAFETY: LISTED.
    tasks.iter().filter_map(|(_, task)| unsafe { try_new_ref(py, *task) }).collect()
}

/// Shows the collector the references by which the loop at `event_loop` keeps its tasks: they are the loop's, though each
/// task holds its own, so that a loop which is garbage takes its tasks along.
pub(crate) fn show_kept(event_loop: *mut ffi::PyObject, visitor: &mut Visitor<'_>) {
    // SAFETY: see `Sync`; LISTED; the collector's callback changes no task and no list.
    unsafe {
        for (_, task) in &*TABLE.tasks.get() {
            if state::<Task>(*task).is_kept_by(event_loop) {
                visitor.raw(*task);
            }
        }
    }
}

/// The number in the name of a task that was given none.
pub(crate) fn next_number() -> u64 {
    // SAFETY: see `Sync`.
    let number = unsafe { &mut *TABLE.number.get() };
    *number += 1;
    *number
}
