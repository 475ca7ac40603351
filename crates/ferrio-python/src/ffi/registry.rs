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
//!
//! A loop may keep its tasks until they are done (`ferrio.keeping`). That reference is the table's, and the collector is shown
//! it by the loop (`show_kept`): such a task is garbage only together with its loop.

use std::cell::{Cell, UnsafeCell};
use std::{mem, ptr};

use pyo3::ffi;
use pyo3::prelude::*;
use slab::Slab;

use super::held::Held;
use super::reference::try_new_ref;
use super::visitor::Visitor;

struct Table {
    /// Borrowed while no other code runs.
    tasks: UnsafeCell<Slab<Listed>>,
    number: UnsafeCell<u64>,
}

// SAFETY: touched attached only (ATTACHED), no borrow across a call into the interpreter.
unsafe impl Sync for Table {}

static TABLE: Table = Table { tasks: UnsafeCell::new(Slab::new()), number: UnsafeCell::new(0) };

struct Listed {
    /// LISTED.
    task: *mut ffi::PyObject,
    /// The loop that keeps the task; compared, never followed. Null where none does, else the table owns a reference to the
    /// task.
    keeper: *mut ffi::PyObject,
}

/// A task's place in the table.
#[derive(Debug, Default)]
pub(crate) struct Entry(Cell<Option<usize>>);

impl Entry {
    /// Enters the object this belongs to. Doing it again does no harm.
    pub(crate) fn enlist(&self, task: &Bound<'_, PyAny>) {
        if self.0.get().is_none() {
            let listed = Listed { task: task.as_ptr(), keeper: ptr::null_mut() };
            // SAFETY: see `Sync`.
            self.0.set(Some(unsafe { &mut *TABLE.tasks.get() }.insert(listed)));
        }
    }

    /// Takes the object off the table: whoever looks does not find it any more.
    pub(crate) fn delist(&self) {
        self.let_go();
        if let Some(key) = self.0.take() {
            // SAFETY: see `Sync`. The key is our own.
            unsafe { &mut *TABLE.tasks.get() }.try_remove(key);
        }
    }

    /// `event_loop` keeps the task that this belongs to, which is in the table.
    pub(crate) fn keep(&self, task: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) {
        if self.replace_keeper(event_loop.as_ptr()).is_null() {
            mem::forget(task.clone());
        }
    }

    /// The task is kept no longer.
    pub(crate) fn let_go(&self) {
        if !self.replace_keeper(ptr::null_mut()).is_null()
            && let Some(task) = self.task()
        {
            // SAFETY: the reference that `keep` took. The caller has another: `self` lives on.
            unsafe { ffi::Py_DECREF(task) };
        }
    }

    fn replace_keeper(&self, keeper: *mut ffi::PyObject) -> *mut ffi::PyObject {
        let Some(key) = self.0.get() else { return ptr::null_mut() };
        // SAFETY: see `Sync`.
        let listed = unsafe { &mut *TABLE.tasks.get() }.get_mut(key);
        listed.map_or(ptr::null_mut(), |listed| mem::replace(&mut listed.keeper, keeper))
    }

    fn task(&self) -> Option<*mut ffi::PyObject> {
        // SAFETY: see `Sync`.
        Some(unsafe { &*TABLE.tasks.get() }.get(self.0.get()?)?.task)
    }
}

/// What keeps a task is shown by the loop.
impl Held for Entry {
    fn show(&self, _: &mut Visitor<'_>) {}

    fn empty(&self) {
        self.let_go();
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
    tasks.iter().filter_map(|(_, listed)| unsafe { try_new_ref(py, listed.task) }).collect()
}

/// Shows the collector the tasks that the loop at `event_loop` keeps.
pub(crate) fn show_kept(event_loop: *mut ffi::PyObject, visitor: &mut Visitor<'_>) {
    // SAFETY: see `Sync`; the collector's callback changes no task and no list.
    for (_, listed) in unsafe { &*TABLE.tasks.get() } {
        if listed.keeper == event_loop {
            visitor.raw(listed.task);
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
