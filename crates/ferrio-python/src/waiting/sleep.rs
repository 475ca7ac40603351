//! `sleep()`: a native coroutine.
//!
//! ```text
//! New ── delay <= 0: yields None ──▶ Yielded ───────┐
//!  ├──── a loop of ours: a future among its timers ▶ Waiting ── its time, or cancelled ──▶ Done
//!  └──── any other loop, debug mode: asyncio's own ▶ Delegated ─┘
//! ```
//!
//! A pending sleep is this object, a future, and one word of the timer heap. Invariant: as long as it holds something that
//! could lead back to it, the collector knows it; a `sleep(0)` lives and dies without.

use std::cell::Cell;
use std::ffi::CStr;

use ferrio_engine::Time;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::event_loop::support;
use crate::event_loop::which::running_loop;
use crate::ffi::args::{Args, missing};
use crate::ffi::call::{Sent, plain_number, send_none, throw_into, with_python};
use crate::ffi::coroutine::{Coroutine, Life, Step, coroutine_slots, reused, warn_never_awaited};
use crate::ffi::heap_type::{Native, Place, Visitor};
use crate::ffi::instances::{alloc_untracked, track};
use crate::ffi::members::{Members, members};
use crate::ffi::raised::{self, COROUTINE, ITERATOR, Wording};
use crate::ffi::reference::Slot;
use crate::ffi::word::Word;
use crate::tasks::futures::Future;
use crate::tasks::outcome::outcome_of;
use crate::tasks::outcome::step;
use crate::tasks::outcome::timers_of;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    New,
    Yielded,
    Waiting,
    Delegated,
    Done,
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
    let [Some(delay), result] = args.bind("sleep", ["delay", "result"], 1)? else {
        return Err(missing("sleep", "delay"));
    };
    let state = Sleep::default();
    state.delay.set(delay.to_owned());
    let result = result.filter(|result| !result.is_none());
    if let Some(result) = result {
        state.result.set(result.to_owned());
    }
    let this = alloc_untracked(py, state)?;
    if result.is_some() || plain_number(&delay).is_none() {
        track(&this);
    }
    Ok(this)
}

/// How long to wait.
enum Length {
    /// It is over at once.
    Nothing,
    Seconds(f64),
    /// A number of the program's own, which asyncio's sleep adds to the time.
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
    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        self.stage.set(Stage::Done);
        let Some(delay) = self.delay.bind(py) else { return Ok(Step::Return(py.None().into_bound(py))) };
        let length = length(&delay)?;
        if matches!(length, Length::Nothing) {
            self.stage.set(Stage::Yielded);
            return Ok(Step::Yield(py.None().into_bound(py)));
        }
        track(this);
        let event_loop = running_loop(py)?;
        if let Some(state) = timers_of(&event_loop)
            && let Length::Seconds(seconds) = length
        {
            let engine = state.engine()?;
            let now = state.now(&event_loop, &engine)?.as_secs_f64();
            let future = Future::create(&event_loop)?;
            let Some(outcome) = outcome_of(&future) else { return Ok(Step::Return(future)) };
            outcome.wait_for_time();
            engine.call_at(Time::from_secs_f64(now + seconds), Word::of::<Future>(future.clone()));
            outcome.blocking.set(true);
            self.waits_for.set(future.clone());
            self.stage.set(Stage::Waiting);
            return Ok(Step::Yield(future));
        }
        let original = support::helper(py, intern!(py, "sleep"))?;
        let coroutine = original.call1((delay, self.answer(py)))?;
        self.waits_for.set(coroutine.clone());
        self.stage.set(Stage::Delegated);
        self.delegate(send_none(&coroutine))
    }

    fn delegate<'py>(&self, sent: PyResult<Sent<'py>>) -> PyResult<Step<'py>> {
        match sent {
            Ok(Sent::Yielded(value)) => Ok(Step::Yield(value)),
            Ok(Sent::Returned(value)) => {
                self.end();
                Ok(Step::Return(value))
            }
            Err(error) => {
                self.end();
                Err(error)
            }
        }
    }

    fn answer<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.result.bind(py).unwrap_or_else(|| py.None().into_bound(py))
    }

    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        let Some(future) = self.waits_for.bind(py) else { return Ok(Step::Return(self.answer(py))) };
        let Some(outcome) = outcome_of(&future) else { return Ok(Step::Return(self.answer(py))) };
        if outcome.is_done() {
            self.end();
            return match outcome.error(py)? {
                Some(error) => Err(raised::raise(&error)),
                None => Ok(Step::Return(self.answer(py))),
            };
        }
        match step(outcome, &future) {
            Ok(yielded) => Ok(yielded.map_or_else(|| Step::Return(self.answer(py)), Step::Yield)),
            Err(error) => {
                outcome.forget_time(py);
                self.end();
                Err(error)
            }
        }
    }

    fn end(&self) {
        self.stage.set(Stage::Done);
        drop(self.waits_for.take());
    }

    fn delay_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.delay.object(this.py()))
    }

    fn name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(PyString::intern(this.py(), "sleep").into_any().unbind())
    }
}

impl Coroutine for Sleep {
    const LIGHT: bool = true;

    fn life(&self) -> Life {
        match self.stage.get() {
            Stage::New => Life::New,
            Stage::Done => Life::Ended,
            _ => Life::Begun,
        }
    }

    fn step<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        match self.stage.get() {
            Stage::New => self.begin(this),
            Stage::Yielded => {
                self.stage.set(Stage::Done);
                Ok(Step::Return(self.answer(py)))
            }
            Stage::Waiting => self.wait(py),
            Stage::Delegated => match self.waits_for.bind(py) {
                Some(coroutine) => self.delegate(send_none(&coroutine)),
                None => Ok(Step::Return(self.answer(py))),
            },
            Stage::Done => Err(reused()),
        }
    }

    fn throw<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        if self.stage.get() == Stage::Delegated
            && let Some(coroutine) = self.waits_for.bind(this.py())
        {
            return self.delegate(throw_into(&coroutine, &raised::value(this.py(), &error)));
        }
        self.close(this)?;
        Err(error)
    }

    fn wording(&self) -> &'static Wording {
        if self.stage.get() == Stage::Yielded { &COROUTINE } else { &ITERATOR }
    }

    fn close(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let stage = self.stage.replace(Stage::Done);
        let Some(waited) = self.waits_for.take() else { return Ok(()) };
        let waited = waited.into_bound(this.py());
        if stage == Stage::Delegated {
            return waited.call_method0(intern!(this.py(), "close")).map(drop);
        }
        if let Some(outcome) = outcome_of(&waited) {
            outcome.forget_time(this.py());
        }
        Ok(())
    }
}

impl Native for Sleep {
    const NAME: &'static CStr = c"ferrio._ferrio.Sleep";
    const DOC: &'static CStr = c"What sleep() returns, to be awaited.";
    const KEPT: usize = 256;

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        coroutine_slots::<Sleep>().and(members! { Sleep;
            methods {}
            attributes {
                c"__qualname__" => name;
                c"__name__" => name;
                c"_delay" => delay_attribute;
            }
        })
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        for slot in [&self.delay, &self.result, &self.waits_for] {
            visitor.raw(slot.as_ptr());
        }
    }

    fn clear(&self) {
        for slot in [&self.delay, &self.result, &self.waits_for] {
            drop(slot.take());
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if self.stage.get() == Stage::New && !self.delay.is_empty() {
            warn_never_awaited("sleep");
        }
        if self.stage.get() == Stage::Waiting {
            with_python(|py| {
                let waited = self.waits_for.bind(py);
                if let Some(outcome) = waited.as_ref().and_then(outcome_of) {
                    outcome.forget_time(py);
                }
            });
        }
    }
}
