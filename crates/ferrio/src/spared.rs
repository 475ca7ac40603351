//! `Spared`: the tasks that closing a loop does not cancel at once, by number (`closing.rs` says when).
//!
//! A cleanup is a task that `finally` started for somebody who is gone. Most loops never have one: they look here only when a task
//! was marked.

use std::cell::RefCell;
use std::collections::HashSet;

use ferrio_engine::TaskId;

/// See the module.
#[derive(Default)]
pub(crate) struct Spared {
    cleanups: RefCell<HashSet<u64>>,
    of_cleanups: RefCell<HashSet<u64>>,
}

impl Spared {
    /// From now on the loop waits for this task before it closes.
    pub(crate) fn protect(&self, task: u64) {
        self.cleanups.borrow_mut().insert(task);
    }

    /// `parent` starts `child`, which is spared if the parent is.
    pub(crate) fn inherit(&self, parent: TaskId, child: TaskId) {
        if self.has(parent) {
            self.of_cleanups.borrow_mut().insert(child.number);
        }
    }

    /// The task has ended.
    pub(crate) fn forget(&self, task: TaskId) {
        self.cleanups.borrow_mut().remove(&task.number);
        self.of_cleanups.borrow_mut().remove(&task.number);
    }

    pub(crate) fn is_cleaning_up(&self) -> bool {
        !self.cleanups.borrow().is_empty()
    }

    /// Whether the task is a cleanup, or one's.
    pub(crate) fn has(&self, task: TaskId) -> bool {
        self.cleanups.borrow().contains(&task.number) || self.of_cleanups.borrow().contains(&task.number)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.cleanups.borrow().is_empty() && self.of_cleanups.borrow().is_empty()
    }
}
