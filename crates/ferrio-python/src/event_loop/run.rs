//! Running: turns of the engine's `Loop`, attached to the interpreter except while the poller waits.
//!
//! An exception that leaves the loop (KeyboardInterrupt, SystemExit, and whatever an exception handler raises) leaves
//! the words after it queued, as asyncio does: the loop can run again, or be closed.
//!
//! Invariant WHOLE: a signal's handler may raise wherever Python code runs, and nothing is lost by that: a word that was taken
//! is run or put back, what was left runs whatever else failed, and leaving the loop is done to its end.
//!
//! A callback may run its loop again, where the program asked for that (`ferrio.nested`): an inner run takes words from the
//! same ring, and the batch around it goes on with what it finds there. No borrow is alive while a word runs.

use std::io;
use std::time::Duration;

use ferrio_engine::{Clock, Door, Loop, Pace, Time};
use pyo3::types::IntoPyDict;

use crate::event_loop::exceptions::os_error;
use crate::event_loop::hooks;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::ffi::call::{check_signals, wait_detached};
use crate::ffi::names::BASE_EVENTS;
use crate::ffi::names::Names;
use crate::ffi::nesting;
use crate::ffi::prelude::*;

/// A run that is not inside another: the thread has a running loop from here on, and none afterwards, whatever comes.
pub(crate) fn outermost(state: &BaseLoop, this: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = this.py();
    begin_tracking(this, state.is_debug())?;
    let hooks = SYS.find(py, intern!(py, "get_asyncgen_hooks"))?.call0()?;
    let result = enter(state, this).and_then(|()| until_stopped(state, this));
    both(py, result, leave(state, this, &hooks))
}

/// Only functions of C are called here and in `leave`: no signal's handler gets in between, but by way of a program's audit
/// hook (`set_hooks`).
fn enter(state: &BaseLoop, this: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = this.py();
    state.notice_replaced(this)?;
    state.set_thread(Some(thread_ident(py)?));
    let first = this.getattr(intern!(py, "_asyncgen_firstiter_hook"))?;
    let last = this.getattr(intern!(py, "_asyncgen_finalizer_hook"))?;
    set_hooks(py, &first, &last)?;
    EVENTS.find(py, intern!(py, "_set_running_loop"))?.call1((this,)).map(drop)
}

/// Python's identity of this thread.
pub(crate) fn thread_ident(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    THREAD.find(py, intern!(py, "get_ident"))?.call0()
}

fn leave(state: &BaseLoop, this: &Bound<'_, PyAny>, hooks: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = this.py();
    state.forget_stop();
    state.set_thread(None);
    let none = EVENTS.find(py, intern!(py, "_set_running_loop")).and_then(|set| set.call1((py.None(),)));
    let restored = hooks.get_item(0).and_then(|first| set_hooks(py, &first, &hooks.get_item(1)?));
    // Python code, hence the last.
    both(py, both(py, none.map(drop), restored), end_tracking(this))
}

fn track_origins(this: &Bound<'_, PyAny>, enabled: bool) -> PyResult<()> {
    this.call_method1(intern!(this.py(), "_set_coroutine_origin_tracking"), (enabled,)).map(drop)
}

/// A signal's handler may interrupt the method between the depth and the note that the depth was set: then both are undone here,
/// where nothing interrupts.
fn begin_tracking(this: &Bound<'_, PyAny>, enabled: bool) -> PyResult<()> {
    let py = this.py();
    if !enabled {
        return track_origins(this, false);
    }
    let depth = SYS.find(py, intern!(py, "get_coroutine_origin_tracking_depth"))?.call0()?;
    track_origins(this, true).or_else(|error| {
        let undone = SYS
            .find(py, intern!(py, "set_coroutine_origin_tracking_depth"))
            .and_then(|set| set.call1((depth,)))
            .and_then(|_| this.setattr(intern!(py, "_coroutine_origin_tracking_enabled"), false));
        both(py, Err(error), undone)
    })
}

/// The method does the same thing when it is called again: once more, where a signal's handler has interrupted it.
fn end_tracking(this: &Bound<'_, PyAny>) -> PyResult<()> {
    track_origins(this, false).or_else(|error| both(this.py(), Err(error), track_origins(this, false)))
}

/// Each by a call of its own: a call for both, whose second half an audit hook refuses, puts a finalizer back that CPython has
/// freed by then. An audit hook is Python code, which a signal's handler may interrupt: then the call is made once more.
fn set_hooks(py: Python<'_>, first: &Bound<'_, PyAny>, last: &Bound<'_, PyAny>) -> PyResult<()> {
    let set = SYS.find(py, intern!(py, "set_asyncgen_hooks"))?;
    let mut result = Ok(());
    for (name, hook) in [(intern!(py, "firstiter"), first), (intern!(py, "finalizer"), last)] {
        let names = [(name, hook)].into_py_dict(py)?;
        if let Err(error) = set.call((), Some(&names)) {
            result = both(py, result, Err(error));
            result = both(py, result, set.call((), Some(&names)).map(drop));
        }
    }
    result
}

static SYS: Names = Names::of("sys");
static THREAD: Names = Names::of("_thread");
static EVENTS: Names = Names::of("asyncio.events");

/// What running needs, known from the import on.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    [&SYS, &THREAD, &EVENTS].into_iter().try_for_each(|names| names.known(py).map(drop))
}

/// Runs turns until `stop()` was called; the turn in which it was called runs to its end.
pub(crate) fn until_stopped(state: &BaseLoop, this: &Bound<'_, PyAny>) -> PyResult<()> {
    let engine = state.engine()?;
    let _current = engine.core().enter();
    let _inside = nesting::enter();
    let _outside = engine.callback().outside();
    engine.poll_next_turn();
    let mut result = run_left_words(this.py(), &engine);
    if result.is_ok() {
        result = loop {
            match turn(state, this, &engine) {
                Ok(()) if !state.is_stopping() => {}
                result => break result,
            }
        };
    }
    engine.ready().for_each(|word| word.track_if_shared(this.py()));
    both(this.py(), result, state.last_task.forget(this))
}

/// Runs one turn.
pub(crate) fn once(state: &BaseLoop, this: &Bound<'_, PyAny>) -> PyResult<()> {
    let engine = state.engine()?;
    let _current = engine.core().enter();
    let _inside = nesting::enter();
    let _outside = engine.callback().outside();
    engine.poll_next_turn();
    run_left_words(this.py(), &engine)?;
    let result = turn(state, this, &engine);
    both(this.py(), result, state.last_task.forget(this))
}

/// Signals are looked for in each turn that waits, and in each that asks the poller: a busy loop does so every 100 us, and the
/// interpreter looks in Python code.
fn turn(state: &BaseLoop, this: &Bound<'_, PyAny>, engine: &Loop<Word>) -> PyResult<()> {
    if engine.ready().is_empty() {
        between_tasks(state, this)?;
    }
    let result = engine.turn(Attached { state, this });
    if cfg!(debug_assertions) && result.is_ok() {
        hooks::batch_ended(this, engine);
    }
    result
}

/// No task is the current one, for whoever looks, and the handlers of signals run.
fn between_tasks(state: &BaseLoop, this: &Bound<'_, PyAny>) -> PyResult<()> {
    state.last_task.forget(this)?;
    check_signals(this.py())
}

/// The Python door of a turn: a loop on the thread that has the interpreter.
#[derive(Clone, Copy)]
struct Attached<'a, 'py> {
    state: &'a BaseLoop,
    this: &'a Bound<'py, PyAny>,
}

impl Door<Word> for Attached<'_, '_> {
    type Error = PyErr;

    fn now(self, engine: &Loop<Word>) -> PyResult<Time> {
        if self.state.foreign_time.get() {
            self.state.last_task.forget(self.this)?;
        }
        self.state.now(self.this, engine)
    }

    /// A signal ends the wait and has its handlers run.
    fn wait(self, engine: &Loop<Word>, timeout: Option<Duration>) -> PyResult<()> {
        let py = self.this.py();
        let result = if timeout == Some(Duration::ZERO) {
            between_tasks(self.state, self.this)?;
            engine.wait(timeout)
        } else {
            wait_detached(py, engine, timeout)
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => check_signals(py),
            result => result.map_err(|error| os_error(&error)),
        }
    }

    #[inline]
    fn run(self, engine: &Loop<Word>, word: Word) -> PyResult<()> {
        let Attached { state, this } = self;
        let debug = state.is_debug();
        if (debug || !word.is_step())
            && let Err(error) = state.last_task.forget(this)
        {
            engine.ready().put_back(word);
            return Err(error);
        }
        if debug { watched(state, this, engine, word) } else { word.run(this.py(), support::turn_failed) }
    }

    fn run_left(self, words: Vec<Word>) -> PyResult<()> {
        let forgotten = self.state.last_task.forget(self.this);
        both(self.this.py(), forgotten, run_all(self.this.py(), words))
    }

    fn pace(self, engine: &Loop<Word>) -> Pace {
        self.state.pace(engine)
    }

    fn has_system_clock(self, engine: &Loop<Word>) -> bool {
        matches!(engine.core().clock, Clock::Monotonic) && !self.state.foreign_time.get()
    }

    fn is_stopping(self) -> bool {
        self.state.is_stopping()
    }

    fn both(self, first: PyResult<()>, second: PyResult<()>) -> PyResult<()> {
        both(self.this.py(), first, second)
    }
}

/// Runs what callbacks left, whether or not they failed. An inner run does it for the callback around it, which may wait for
/// the answer to what it wrote.
#[cold]
pub(crate) fn run_left_words(py: Python<'_>, engine: &Loop<Word>) -> PyResult<()> {
    let _outside = engine.callback().outside();
    run_all(py, engine.callback().take_words())
}

#[cold]
fn run_all(py: Python<'_>, words: Vec<Word>) -> PyResult<()> {
    let mut result = Ok(());
    for word in words {
        result = both(py, result, word.run(py, support::turn_failed));
    }
    result
}

/// The first error; a second one is reported where nobody can catch it, as that of a finalizer is.
pub(crate) fn both(py: Python<'_>, first: PyResult<()>, second: PyResult<()>) -> PyResult<()> {
    if let (Err(_), Err(error)) = (&first, &second) {
        error.clone_ref(py).write_unraisable(py, None);
    }
    first.and(second)
}

/// Debug mode: the running handle is known by name, and a slow one is reported.
fn watched(state: &BaseLoop, this: &Bound<'_, PyAny>, engine: &Loop<Word>, word: Word) -> PyResult<()> {
    let py = this.py();
    let handle = word.as_handle(py);
    let object = word.as_object(py);
    let begin = match announce(state, this, engine, handle.as_ref()) {
        Ok(begin) => begin,
        Err(error) => {
            engine.ready().put_back(word);
            return Err(error);
        }
    };
    let result = word.run(py, support::turn_failed);
    let forgotten = state.last_task.forget(this);
    let end = state.now(this, engine);
    let cleared = this.setattr(intern!(py, "_current_handle"), py.None());
    let elapsed = end.map(|end| end.as_secs_f64() - begin);
    both(py, result, both(py, forgotten, cleared))?;
    let (elapsed, limit) = (elapsed?, this.getattr(intern!(py, "slow_callback_duration"))?);
    if elapsed >= limit.extract::<f64>()? {
        let report = if handle.is_some() { intern!(py, "slow_callback") } else { intern!(py, "slow_turn") };
        BASE_EVENTS.helper(py, report)?.call1((object, elapsed))?;
    }
    Ok(())
}

/// Says which handle is about to run, and gives the time.
fn announce(
    state: &BaseLoop,
    this: &Bound<'_, PyAny>,
    engine: &Loop<Word>,
    handle: Option<&Bound<'_, PyAny>>,
) -> PyResult<f64> {
    if let Some(handle) = handle {
        this.setattr(intern!(this.py(), "_current_handle"), handle)?;
    }
    Ok(state.now(this, engine)?.as_secs_f64())
}
