//! Waiting on a virtual clock: where nothing is ready, time jumps to the next timer.
//!
//! It does not jump while something is under way that only the real world can end (`BaseLoop::is_held`), nor where no
//! timer is scheduled: then the loop waits as any other does, and the clock moves by what that took.

use std::time::{Duration, Instant};

use ferrio_engine::{Loop, Plan, Time};
use pyo3::prelude::*;

use crate::base_events::BaseLoop;
use crate::ffi::word::Word;
use crate::run::poll;

/// How long the kernel is given to deliver what was sent, where somebody waits for a descriptor. Loopback delivers while
/// it sends, unless the machine is busy.
const DELIVERY: Duration = Duration::from_millis(1);

/// Waits as planned, collects what became ready, and gives the time.
pub(crate) fn wait(
    state: &BaseLoop,
    py: Python<'_>,
    engine: &Loop<Word>,
    now: Time,
    timeout: Option<Duration>,
) -> PyResult<Time> {
    let is_watching = engine.core().reactor.is_watching();
    let glance = if is_watching && timeout != Some(Duration::ZERO) { DELIVERY } else { Duration::ZERO };
    poll(py, engine, Some(glance))?;
    engine.collect(now);
    if !engine.ready().is_empty() || state.is_stopping() {
        return Ok(now);
    }
    match timeout {
        Some(timeout) if !state.is_held() => Ok(now.after(timeout)),
        _ => really(py, engine, now),
    }
}

/// Waits in real time. Planned anew, since something may have been posted during the glance.
fn really(py: Python<'_>, engine: &Loop<Word>, now: Time) -> PyResult<Time> {
    let Plan::Wait(timeout) = engine.plan(now) else { return Ok(now) };
    let begin = Instant::now();
    poll(py, engine, timeout)?;
    let now = now.after(begin.elapsed());
    engine.core().clock.advance_to(now);
    engine.collect(now);
    Ok(now)
}
