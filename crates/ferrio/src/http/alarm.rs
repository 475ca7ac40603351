//! `Alarm`: wakes a task by a time that mostly never comes. It is not moved later, only sooner: whoever is woken looks at what has
//! happened since, and sets it anew. So a connection that is used costs one timer in as long as its limit, not one a request.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;

use ferrio_engine::Time;

use crate::events::LoopState;
use crate::sleeping::Sleep;

/// See the module.
#[derive(Default)]
pub(super) struct Alarm(Option<(Sleep, Time)>);

impl Alarm {
    /// Has the task woken at `due` or before. Never once: the alarm that has rung is over.
    pub(super) fn ring_by(&mut self, due: Time, now: Time, context: &mut Context<'_>) {
        let (sleep, _) = match &mut self.0 {
            Some(set) if now < set.1 && set.1 <= due => set,
            other => other.insert((crate::sleep(due.since(now)), due)),
        };
        let _pending = Pin::new(sleep).poll(context);
    }
}

/// What time it is on the running loop.
pub(super) fn now() -> Time {
    LoopState::require("a connection").time()
}
