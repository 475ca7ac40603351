//! What a debug build checks after every batch: rule STEPPED of `step`. A task that is not done is queued, or waits.
//!
//! In debug mode, and with a `call_soon` of the program's own, steps are callbacks, and the rule cannot be checked; callbacks that
//! are still queued after that are found. The rule does not hold for a task that was garbage: the collector closes the
//! coroutine, and then a finalizer may save the task.

use std::collections::HashSet;

use ferrio_engine::Loop;

use crate::event_loop::events::Handle;
use crate::event_loop::state::BaseLoop;
use crate::ffi::instances::is_finalized;
use crate::ffi::nesting;
use crate::ffi::prelude::*;
use crate::ffi::registry;
use crate::tasks::callback::WaiterCallback;
use crate::tasks::outcome::Outcome;
use crate::tasks::outcome::exact_outcome;
use crate::tasks::task::Task;

/// Panics, naming the task, if the loop has lost one.
pub(crate) fn check(this: &Bound<'_, PyAny>, engine: &Loop<Word>) {
    let direct = try_state::<BaseLoop>(this).is_some_and(|state| state.queues_directly(this));
    if nesting::is_nested() || !direct {
        return;
    }
    let mut queued = HashSet::new();
    engine.for_each(|word| {
        let Some(object) = word.as_object(this.py()) else { return };
        if word.is_step() {
            queued.insert(object.as_ptr());
        } else if let Some(callback) = try_state::<Handle>(&object).and_then(|handle| handle.calls(this.py()))
            && let Some(wakeup) = try_state::<WaiterCallback>(&callback)
        {
            queued.extend(wakeup.of(this.py()).map(|(task, _)| task.as_ptr()));
        }
    });
    for object in registry::all(this.py()) {
        let Some(task) = try_state::<Task>(&object) else { continue };
        let matters = task.outcome.is_pending()
            && task.outcome.has_loop(this)
            && !task.coroutine.is_empty()
            && !is_finalized(&object);
        let goes_on = !matters || queued.contains(&object.as_ptr()) || waits(task, this.py());
        debug_assert!(goes_on, "nobody will ever step {object:?} again");
    }
}

/// Whether the task waits for a future that will wake it. A future that is not ours is trusted to.
fn waits(task: &Task, py: Python<'_>) -> bool {
    task.waits_for.bind(py).is_some_and(|waited| exact_outcome(&waited).is_none_or(Outcome::is_pending))
}
