//! How a loop ends its tasks: which ones it cancels, which ones it waits for, and in which order.
//!
//! ```text
//! round:  cancel all but cleanups and what they started ──▶ turns until no cleanup is left ──▶ the next round, until no task is left
//! ```
//!
//! A cleanup is a task that `finally` started for somebody who is gone. What a cleanup starts, and what that starts in turn, is
//! spared as long as any cleanup runs, and cancelled with the next round. Most loops never have a cleanup: they look here only
//! when a task was marked.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use ferrio_engine::TaskId;

use crate::events::LoopState;
use crate::tasks::{TaskInfo, mark};

/// What is dropped may start tasks, whose end starts others: so often that is followed. Then the loop drops what is left.
const ROUNDS: usize = 1_000;

/// The tasks that closing a loop does not cancel at once, by number.
#[derive(Default)]
pub(crate) struct Spared {
    cleanups: RefCell<HashSet<u64>>,
    of_cleanups: RefCell<HashSet<u64>>,
}

impl Spared {
    /// From now on the loop waits for this task before it closes.
    pub(crate) fn protect(&self, task: &TaskInfo) {
        mark();
        self.cleanups.borrow_mut().insert(task.number());
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

    fn is_cleaning_up(&self) -> bool {
        !self.cleanups.borrow().is_empty()
    }

    fn has(&self, task: TaskId) -> bool {
        self.cleanups.borrow().contains(&task.number) || self.of_cleanups.borrow().contains(&task.number)
    }
}

/// Ends all tasks of the loop, which is the running one. `turn` runs one turn; it says no when there is none to be had any more.
pub(crate) fn end_tasks(state: &Rc<LoopState>, mut turn: impl FnMut() -> bool) {
    for _ in 0..ROUNDS {
        cancel_all(state);
        if state.core().tasks.ids().is_empty() {
            return;
        }
        loop {
            if !turn() {
                return;
            }
            if !state.spared.is_cleaning_up() {
                break;
            }
        }
    }
}

fn cancel_all(state: &Rc<LoopState>) {
    let spares = state.spared.is_cleaning_up();
    for id in state.core().tasks.ids() {
        if !(spares && state.spared.has(id)) {
            TaskInfo::new(id, state).cancel();
        }
    }
}
