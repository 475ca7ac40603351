//! How a loop ends its tasks: which ones it cancels, which ones it waits for, and in which order.
//!
//! ```text
//! round:  cancel all but cleanups and what they started ──▶ turns until no cleanup is left ──▶ the next round, until no task is left
//! ```
//!
//! What a cleanup starts, and what that starts in turn, is spared as long as any cleanup runs, and cancelled with the next round.

use std::rc::Rc;

use crate::events::LoopState;
use crate::tasks::TaskInfo;

/// What is dropped may start tasks, whose end starts others: so often that is followed. Then the loop drops what is left.
const ROUNDS: usize = 1_000;

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
            TaskInfo::new(id).cancel();
        }
    }
}
