//! Running: the turn of `ferrio_engine::event_loop`, attached to the interpreter except while the poller waits.
//!
//! An exception that leaves the loop (KeyboardInterrupt, SystemExit, and whatever an exception handler raises) leaves
//! the words after it queued, as asyncio does: the loop can run again, or be closed.
//!
//! A callback may run its loop again, where the program asked for that (`ferrio.nested`): an inner run takes words from the
//! same ring, and the batch around it goes on with what it finds there. No borrow is alive while a word runs.

use std::io;
use std::time::Duration;

use ferrio_engine::{Loop, Plan};
use pyo3::intern;
use pyo3::prelude::*;

use crate::base_events::BaseLoop;
use crate::exceptions::os_error;
use crate::ffi::call::{check_signals, wait_detached};
use crate::ffi::word::Word;
use crate::{audit, nesting, support, virtual_time};

/// Runs turns until `stop()` was called; the turn in which it was called runs to its end.
pub(crate) fn until_stopped(state: &BaseLoop, this: &Bound<'_, PyAny>) -> PyResult<()> {
    let engine = state.engine()?;
    let _current = engine.core().enter();
    let _inside = nesting::enter();
    engine.poll_next_turn();
    run_left_words(this.py(), &engine)?;
    let result = loop {
        match turn(state, this, &engine) {
            Ok(()) if !state.is_stopping() => {}
            result => break result,
        }
    };
    engine.ready().for_each(|word| word.track_if_shared(this.py()));
    result
}

/// Runs one turn.
pub(crate) fn once(state: &BaseLoop, this: &Bound<'_, PyAny>) -> PyResult<()> {
    let engine = state.engine()?;
    let _current = engine.core().enter();
    let _inside = nesting::enter();
    engine.poll_next_turn();
    run_left_words(this.py(), &engine)?;
    turn(state, this, &engine)
}

fn turn(state: &BaseLoop, this: &Bound<'_, PyAny>, engine: &Loop<Word>) -> PyResult<()> {
    let py = this.py();
    check_signals(py)?;
    let mut now = state.now(this, engine)?;
    if state.is_stopping() {
        // stop() was called before the loop ran: asyncio runs one turn, without waiting.
        poll(py, engine, Some(Duration::ZERO))?;
        engine.collect(now);
    } else {
        match engine.plan(now) {
            Plan::Skip => engine.collect_posts(),
            Plan::Wait(timeout) if state.has_virtual_time(engine) => {
                now = virtual_time::wait(state, py, engine, now, timeout)?;
            }
            Plan::Wait(timeout) => {
                poll(py, engine, timeout)?;
                if timeout != Some(Duration::ZERO) {
                    now = state.now(this, engine)?;
                }
                engine.collect(now);
            }
        }
    }
    engine.expire(now);
    batch(state, this, engine)
}

/// Waits for events; a signal ends the wait and has its handlers run.
pub(crate) fn poll(py: Python<'_>, engine: &Loop<Word>, timeout: Option<Duration>) -> PyResult<()> {
    let result = if timeout == Some(Duration::ZERO) {
        engine.wait(timeout)
    } else {
        wait_detached(py, engine, timeout)
    };
    match result {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => check_signals(py),
        result => result.map_err(|error| os_error(&error)),
    }
}

/// Runs what was queued when the batch began, and what that left.
fn batch(state: &BaseLoop, this: &Bound<'_, PyAny>, engine: &Loop<Word>) -> PyResult<()> {
    let _running = engine.callback().enter();
    let result = words(state, this, engine);
    let result =
        if engine.callback().left_words() { result.and(run_left_words(this.py(), engine)) } else { result };
    if cfg!(debug_assertions) && result.is_ok() {
        audit::check(state, this, engine);
    }
    result
}

fn words(state: &BaseLoop, this: &Bound<'_, PyAny>, engine: &Loop<Word>) -> PyResult<()> {
    let py = this.py();
    for _ in 0..engine.ready().len() {
        let Some(word) = engine.ready().pop() else { break };
        if state.is_debug() {
            watched(state, this, engine, word)?;
        } else {
            if !word.is_step() {
                state.last_task.forget(this)?;
            }
            word.run(py)?;
        }
        if engine.callback().is_overdue() {
            run_left_words(py, engine)?;
        }
    }
    state.last_task.forget(this)
}

/// Runs what callbacks left, whether or not they failed. An inner run does it for the callback around it, which may wait for
/// the answer to what it wrote.
#[cold]
pub(crate) fn run_left_words(py: Python<'_>, engine: &Loop<Word>) -> PyResult<()> {
    engine.callback().take_words().into_iter().map(|word| word.run(py)).fold(Ok(()), PyResult::and)
}

/// Debug mode: the running handle is known by name, and a slow one is reported.
fn watched(state: &BaseLoop, this: &Bound<'_, PyAny>, engine: &Loop<Word>, word: Word) -> PyResult<()> {
    let py = this.py();
    let object = word.as_object(py);
    let is_handle = word.as_handle(py).is_some();
    let current = intern!(py, "_current_handle");
    if is_handle {
        this.setattr(current, &object)?;
    }
    let begin = state.now(this, engine)?.as_secs_f64();
    let result = word.run(py);
    state.last_task.forget(this)?;
    let elapsed = state.now(this, engine)?.as_secs_f64() - begin;
    this.setattr(current, py.None())?;
    result?;
    let limit: f64 = this.getattr(intern!(py, "slow_callback_duration"))?.extract()?;
    if elapsed >= limit {
        let report = if is_handle { intern!(py, "slow_callback") } else { intern!(py, "slow_turn") };
        support::helper(py, report)?.call1((object, elapsed))?;
    }
    Ok(())
}
