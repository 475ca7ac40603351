//! A loop's idea of time: its clock, a clock that a test put in its place, a virtual one.

use ferrio_engine::{Clock, Loop, Pace, Time};
use pyo3::exceptions::PyOverflowError;
use pyo3::types::PyFloat;

use crate::event_loop::state::BaseLoop;
use crate::ffi::prelude::*;

impl BaseLoop {
    /// The methods of this file.
    pub(crate) fn time_members() -> Members {
        members! { BaseLoop;
            bare c"_monotonic" c"The loop's clock, in seconds." => time;
            attribute c"time" => time_attribute, set_time_attribute;
            attribute c"_held" => held_attribute, set_held_attribute;
        }
    }

    /// How the loop's time passes: a virtual clock jumps, unless something is under way that it must not overtake.
    pub(crate) fn pace(&self, engine: &Loop<Word>) -> Pace {
        let is_virtual = matches!(engine.core().clock, Clock::Virtual(_)) && !self.foreign_time.get();
        match self.held.get() {
            _ if !is_virtual => Pace::Real,
            0 => Pace::Jumping,
            _ => Pace::Held,
        }
    }

    /// The time as Python sees it.
    #[inline]
    pub(crate) fn now(&self, this: &Bound<'_, PyAny>, engine: &Loop<Word>) -> PyResult<Time> {
        if self.foreign_time.get() { Self::foreign_now(this) } else { Ok(engine.core().clock.now()) }
    }

    #[cold]
    fn foreign_now(this: &Bound<'_, PyAny>) -> PyResult<Time> {
        let seconds: f64 = this.call_method0(intern!(this.py(), "time"))?.extract()?;
        Ok(Time::from_secs_f64(seconds))
    }

    fn time(&self, _: &Bound<'_, PyAny>) -> PyResult<f64> {
        let now = match &*self.engine.borrow() {
            Some(engine) => engine.core().clock.now(),
            None => self.last_time.get().unwrap_or_else(|| Clock::Monotonic.now()),
        };
        Ok(now.as_secs_f64())
    }

    fn time_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let own = self.own_time.borrow().as_ref().map(|own| own.clone_ref(this.py()));
        match own {
            Some(own) => Ok(own),
            None => Ok(this.getattr(intern!(this.py(), "_monotonic"))?.unbind()),
        }
    }

    /// A test suite sets a clock of its own; deleting it brings ours back.
    fn set_time_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let own = (!value.is_none()).then(|| value.clone().unbind());
        self.foreign_time.set(own.is_some());
        let old = self.own_time.replace(own);
        drop(old);
        Ok(())
    }

    fn held_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.held.get().into_py_any(this.py())
    }

    fn set_held_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.held.set(value.extract()?);
        Ok(())
    }
}

/// A time as the timers count it, and as it was given, where that is no float: whatever compares with one is good, as it is
/// with asyncio, whose timers are a heap of what was given.
pub(crate) fn moment(when: &Bound<'_, PyAny>) -> PyResult<(f64, Option<Ref>)> {
    if let Ok(when) = when.cast_exact::<PyFloat>() {
        return Ok((when.value(), None));
    }
    let is_past = when.lt(0.0)?;
    let seconds = match when.extract::<f64>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(when.py()) => {
            if is_past {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            }
        }
        seconds => seconds?,
    };
    Ok((seconds, Some(when.clone().into())))
}
