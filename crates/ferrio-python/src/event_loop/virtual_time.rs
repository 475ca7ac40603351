//! Waiting on a virtual clock: where nothing is ready, time jumps to the next timer.
//!
//! It does not jump while something is under way that only the real world can end (`BaseLoop::is_held`): then the loop
//! waits as any other does, and the clock moves by what that took. Where no timer is scheduled the loop waits too, and the
//! clock stands still, so that a test's times do not depend on the kernel's.

use std::time::{Duration, Instant};

use ferrio_engine::{Loop, Time};
use pyo3::prelude::*;

use crate::event_loop::run::poll;
use crate::event_loop::state::BaseLoop;
use crate::ffi::word::Word;

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
    let Some(jump) = timeout.filter(|_| !state.is_held()) else {
        let begin = Instant::now();
        poll(py, engine, timeout)?;
        let now = if state.is_held() { now.after(begin.elapsed()) } else { now };
        engine.collect(now);
        return Ok(now);
    };
    let has_to_wait = !jump.is_zero() && engine.core().reactor.is_watching();
    poll(py, engine, Some(if has_to_wait { DELIVERY } else { Duration::ZERO }))?;
    engine.collect(now);
    Ok(if engine.ready().is_empty() { now.after(jump) } else { now })
}
