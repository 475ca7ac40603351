//! `sleep()`: a native coroutine.
//!
//! ```text
//! begin ── delay <= 0: yields None ─────────────────▶ Yielded
//!   ├───── a loop of ours: a future among its timers ▶ Waiting ── its time, or cancelled
//!   └───── any other loop, debug mode: asyncio's own ▶ Delegated
//! ```
//!
//! A pending sleep is this object, a future, and one word of the timer heap. Invariant: the collector knows every sleep that
//! holds an object which could lead back to it. The collector never learns of a plain `sleep(0)`, which saves `sleep_zero` 2 %.

use ferrio_engine::Time;
use pyo3::exceptions::{PyRuntimeError, PyValueError};

use crate::event_loop::which::running_loop;
use crate::ffi::call::{plain_number, send_none, throw_into};
use crate::ffi::instances::{alloc_untracked, track};
use crate::ffi::names::TASKS;
use crate::ffi::prelude::*;
use crate::ffi::raised::{COROUTINE, ITERATOR, Wording};
use crate::tasks::futures::Future;
use crate::tasks::outcome::{exact_outcome, timers_of};

/// What the sleep waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// The next turn.
    #[default]
    Yielded,
    /// A future of ours.
    Waiting,
    /// asyncio's coroutine.
    Delegated,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Sleep {
    stage: Cell<Stage>,
    delay: Slot,
    /// Empty for None.
    result: Slot,
    /// The future, or asyncio's coroutine.
    waits_for: Slot,
}

/// `sleep(delay, result=None)`.
pub(crate) fn sleep<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let ([delay], [result]) = args.bind("sleep", ["delay"], ["result"])?;
    let state = Sleep::default();
    state.delay.set(delay.to_owned());
    let result = result.filter(|result| !result.is_none());
    if let Some(result) = result {
        state.result.set(result.to_owned());
    }
    let this = alloc_untracked(py, Coroutine::new(state))?;
    if result.is_some() || plain_number(&delay).is_none() {
        track(&this);
    }
    Ok(this)
}

/// How long to wait.
enum Length {
    /// The sleep is over at once.
    Nothing,
    Seconds(f64),
    /// Another kind of number, which asyncio's `sleep` adds to the time.
    Odd,
}

fn length(delay: &Bound<'_, PyAny>) -> PyResult<Length> {
    match plain_number(delay) {
        Some(seconds) if seconds.is_nan() => Err(PyValueError::new_err("Invalid delay: NaN (not a number)")),
        Some(seconds) if seconds > 0.0 => Ok(Length::Seconds(seconds)),
        None if !delay.le(0)? => Ok(Length::Odd),
        _ => Ok(Length::Nothing),
    }
}

impl Sleep {
    /// Has a coroutine of asyncio's sleep.
    fn delegate<'py>(&self, py: Python<'py>, delay: Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let original = TASKS.helper(py, intern!(py, "sleep"))?;
        let coroutine = original.call1((delay, self.answer(py)))?;
        self.waits_for.set(coroutine.clone());
        self.stage.set(Stage::Delegated);
        send_none(&coroutine)
    }

    fn answer<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.result.bind(py).unwrap_or_else(|| py.None().into_bound(py))
    }
}

impl Coroutine<Sleep> {}

held!(Sleep: delay, result, waits_for);

// Without its list `sleep_zero` takes 8.5 % more instructions.
kind!(Sleep, c"ferrio._ferrio.Sleep", c"What sleep() returns, to be awaited.", KEPT: usize = 256);

impl Steps for Sleep {
    fn name(&self) -> &'static str {
        "sleep"
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let Some(delay) = self.delay.bind(py) else { return Ok(Step::Return(py.None().into_bound(py))) };
        let length = length(&delay)?;
        if matches!(length, Length::Nothing) {
            return Ok(Step::Yield(py.None().into_bound(py)));
        }
        track(this);
        let event_loop = running_loop(py)?;
        let (Some(state), Length::Seconds(seconds)) = (timers_of(&event_loop), length) else {
            return self.delegate(py, delay);
        };
        let engine = state.engine()?;
        let now = state.now(&event_loop, &engine)?.as_secs_f64();
        let future = Future::create(&event_loop)?;
        let Some(outcome) = exact_outcome(&future) else { return Ok(Step::Return(future)) };
        outcome.wait_for_time();
        engine.call_at(Time::from_secs_f64(now + seconds), Word::of::<Future>(future.clone()));
        outcome.blocking.set(true);
        self.waits_for.set(future.clone());
        self.stage.set(Stage::Waiting);
        Ok(Step::Yield(future))
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let Some(waited) = self.waits_for.bind(py) else { return Ok(Step::Return(self.answer(py))) };
        let Some(outcome) = exact_outcome(&waited).filter(|_| self.stage.get() == Stage::Waiting) else {
            return send_none(&waited);
        };
        if outcome.is_done() {
            return match outcome.error(py)? {
                Some(error) => Err(raised::raise(&error)),
                None => Ok(Step::Return(self.answer(py))),
            };
        }
        outcome.forget_time(py);
        Err(PyRuntimeError::new_err("await wasn't used with future"))
    }

    fn thrown<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        if self.stage.get() == Stage::Delegated
            && let Some(coroutine) = self.waits_for.bind(py)
        {
            return throw_into(&coroutine, &raised::value(py, &error));
        }
        self.leave(py)?;
        Err(error)
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        let Some(waited) = self.waits_for.bind(py) else { return Ok(()) };
        match exact_outcome(&waited).filter(|_| self.stage.get() == Stage::Waiting) {
            Some(outcome) => outcome.forget_time(py),
            None => waited.call_method0(intern!(py, "close")).map(drop)?,
        }
        Ok(())
    }

    fn wording(&self) -> &'static Wording {
        if self.stage.get() == Stage::Yielded { &COROUTINE } else { &ITERATOR }
    }

    fn members() -> Members {
        members! { Coroutine<Sleep>;
            shown c"_delay" => steps.delay;
        }
    }
}
