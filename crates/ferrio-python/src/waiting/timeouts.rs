//! `Timeout`, `timeout()` and `timeout_at()`.
//!
//! ```text
//! created ── enter ──▶ active ── exit ──▶ finished
//!                        │ its time comes: the task is cancelled
//!                        └──▶ expiring ── exit ──▶ expired: TimeoutError in the place of that cancellation
//! ```
//!
//! The time is an `Alarm` among the loop's timers: no handle, no bound method, no context. On a loop that is not ours, in debug
//! mode, or where a method of the loop was replaced, the time is an ordinary callback.

use std::mem::offset_of;

use ferrio_engine::Time;
use pyo3::exceptions::{PyAssertionError, PyRuntimeError, PyTimeoutError, PyTypeError};
use pyo3::types::PyFloat;

use crate::compat;
use crate::event_loop::exceptions::cancelled_class;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::which::running_loop;
use crate::ffi::call::plain_number;
use crate::ffi::current;
use crate::ffi::instances::{alloc_untracked, track};
use crate::ffi::names::TIMEOUTS;
use crate::ffi::object::Shown;
use crate::ffi::prelude::*;
use crate::ffi::weak::WeakReferences;
use crate::tasks::cancelling;
use crate::tasks::outcome::timers_of;
use crate::tasks::task::Task;
use crate::waiting::alarm::Alarm;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Created,
    Active,
    Expiring,
    Expired,
    Finished,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Created => "created",
            Stage::Active => "active",
            Stage::Expiring => "expiring",
            Stage::Expired => "expired",
            Stage::Finished => "finished",
        }
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Timeout {
    stage: Cell<Stage>,
    /// Empty for never.
    when: Slot,
    task: Slot,
    /// An `Alarm`, or a handle of the loop.
    alarm: Slot,
    /// How many requests to cancel the task were open when the timeout was entered.
    cancelling: Cell<isize>,
    weak: WeakReferences,
}

/// `timeout(delay)`.
pub(crate) fn timeout<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let [delay] = args.all("timeout", ["delay"])?;
    Timeout::after(&running_loop(py)?, &delay)
}

/// `timeout_at(when)`.
pub(crate) fn timeout_at<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let [when] = args.all("timeout_at", ["when"])?;
    Timeout::create(py, (!when.is_none()).then(|| when.to_owned()))
}

impl Timeout {
    fn create<'py>(py: Python<'py>, when: Option<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let this = alloc_tracked(py, Timeout::default())?;
        if let (Some(state), Some(when)) = (try_state::<Timeout>(&this), when) {
            state.when.set(when);
        }
        Ok(this)
    }

    /// A timeout that ends `delay` seconds from now. With None it never ends.
    pub(crate) fn after<'py>(
        event_loop: &Bound<'py, PyAny>,
        delay: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        if delay.is_none() {
            return Timeout::create(py, None);
        }
        if let Some(state) = try_state::<BaseLoop>(event_loop)
            && let Some(seconds) = plain_number(delay)
        {
            let engine = state.engine()?;
            let now = state.now(event_loop, &engine)?.as_secs_f64();
            let when = PyFloat::new(py, now + seconds);
            return Timeout::create(py, Some(when.into_any()));
        }
        let now = event_loop.call_method0(intern!(py, "time"))?;
        Timeout::create(py, Some(now.add(delay)?))
    }

    /// What `__aenter__` does.
    pub(crate) fn enter(&self, this: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.stage.get() != Stage::Created {
            return Err(PyRuntimeError::new_err("Timeout has already been entered"));
        }
        let Some(task) = current::current(event_loop)? else {
            return Err(PyRuntimeError::new_err("Timeout should be used inside a task"));
        };
        self.stage.set(Stage::Active);
        self.cancelling.set(match exact_task(&task) {
            Some(task) => task.open_requests().cast_signed(),
            None => task.call_method0(intern!(task.py(), "cancelling"))?.extract()?,
        });
        self.task.set(task);
        if is_exact(this) {
            return self.schedule(this, event_loop);
        }
        this.call_method1(intern!(this.py(), "reschedule"), (self.when.object(this.py()),)).map(drop)
    }

    /// What `__aexit__` does, with the exception that ends the block.
    pub(crate) fn exit(&self, py: Python<'_>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.cancel_alarm(py)?;
        match self.stage.get() {
            Stage::Active => self.stage.set(Stage::Finished),
            Stage::Expiring => {
                self.stage.set(Stage::Expired);
                return self.expire(py, error);
            }
            _ => return Err(PyAssertionError::new_err(())),
        }
        Ok(())
    }

    fn expire(&self, py: Python<'_>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let Some(task) = self.task.bind(py) else { return Ok(()) };
        let left: isize = match exact_task(&task) {
            Some(task) => task.take_back().cast_signed(),
            None => task.call_method0(intern!(py, "uncancel"))?.extract()?,
        };
        let Some(error) = error.filter(|_| left <= self.cancelling.get()) else { return Ok(()) };
        let class = cancelled_class(py)?;
        let kind = error.get_type();
        let cancelled = if compat::CANCELLED_BY_SUBCLASS { kind.is_subclass(class)? } else { kind.is(class) };
        if cancelled {
            let timeout = PyTimeoutError::new_err(()).into_value(py).into_bound(py);
            raised::set_context(&timeout, error);
            raised::set_cause(&timeout, error);
            return Err(PyErr::from_value(timeout.into_any()));
        }
        TIMEOUTS.helper(py, intern!(py, "insert_timeout_error"))?.call1((error,)).map(drop)
    }

    /// Sets the alarm.
    fn schedule(&self, this: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let Some(when) = self.when.bind(py) else { return Ok(()) };
        if is_exact(this)
            && let Some(state) = timers_of(event_loop)
            && let Some(seconds) = plain_number(&when)
        {
            let engine = state.engine()?;
            let at_once = seconds <= state.now(event_loop, &engine)?.as_secs_f64();
            let alarm = Alarm::create(this, event_loop, !at_once)?;
            let word = Word::io::<Alarm>(&alarm, Turn::Deferred);
            self.alarm.set(alarm);
            if at_once {
                engine.call_soon(word);
            } else {
                engine.call_at(Time::from_secs_f64(seconds), word);
            }
            return Ok(());
        }
        let callback = this.getattr(intern!(py, "_on_timeout"))?;
        let handle = if when.le(event_loop.call_method0(intern!(py, "time"))?)? {
            event_loop.call_method1(intern!(py, "call_soon"), (callback,))?
        } else {
            event_loop.call_method1(intern!(py, "call_at"), (when, callback))?
        };
        self.alarm.set(handle);
        Ok(())
    }

    fn cancel_alarm(&self, py: Python<'_>) -> PyResult<()> {
        let Some(alarm) = self.alarm.take() else { return Ok(()) };
        let alarm = alarm.into_bound(py);
        match try_state::<Alarm>(&alarm) {
            Some(state) => state.cancel(py),
            None => alarm.call_method0(intern!(py, "cancel")).map(drop)?,
        }
        Ok(())
    }

    /// The time is over: cancels the task.
    pub(crate) fn ring(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        if self.stage.get() != Stage::Active {
            return Err(PyAssertionError::new_err(()));
        }
        if let Some(task) = self.task.bind(py) {
            match exact_task(&task) {
                Some(_) => cancelling::cancel(&task, None).map(drop)?,
                None => task.call_method0(intern!(py, "cancel")).map(drop)?,
            }
        }
        self.stage.set(Stage::Expiring);
        drop(self.alarm.take());
        Ok(())
    }

    fn expired(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(matches!(self.stage.get(), Stage::Expiring | Stage::Expired))
    }

    fn reschedule(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [when] = args.all("reschedule", ["when"])?;
        match self.stage.get() {
            Stage::Active => {}
            Stage::Created => return Err(PyRuntimeError::new_err("Timeout has not been entered")),
            other => {
                let text = format!("Cannot change state of {} Timeout", other.name());
                return Err(PyRuntimeError::new_err(text));
            }
        }
        drop(self.when.replace((!when.is_none()).then(|| when.to_owned().into())));
        self.cancel_alarm(this.py())?;
        if when.is_none() { Ok(()) } else { self.schedule(this, &running_loop(this.py())?) }
    }

    fn aenter(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.none("__aenter__")?;
        TimeoutStep::create(this, Border::Enter, None)
    }

    fn aexit(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [_, error, _] = args.all("__aexit__", ["exc_type", "exc_val", "exc_tb"])?;
        TimeoutStep::create(this, Border::Exit, given(error).as_ref())
    }

    fn stage_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(pyo3::types::PyString::intern(this.py(), self.stage.get().name()).into_any().unbind())
    }
}

/// A timeout whose methods are ours.
fn is_exact(this: &Bound<'_, PyAny>) -> bool {
    this.get_type_ptr() == Timeout::place().object()
}

/// A task whose methods are ours.
fn exact_task<'a>(task: &'a Bound<'_, PyAny>) -> Option<&'a Task> {
    (task.get_type_ptr() == Task::place().object()).then(|| try_state::<Task>(task)).flatten()
}

impl Constructed for Timeout {
    fn init(&self, _: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        let [when] = given.keywords("Timeout.__init__", ["when"])?;
        let Some(when) = given.args.get_item(0).ok().or(when).filter(|_| given.args.len() < 2) else {
            return Err(PyTypeError::new_err("Timeout.__init__() takes one argument: 'when'"));
        };
        drop(self.when.replace((!when.is_none()).then(|| when.into())));
        Ok(())
    }
}

impl Shown for Timeout {
    fn repr<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let stage = self.stage.get();
        let active = stage == Stage::Active;
        TIMEOUTS.helper(py, intern!(py, "timeout_repr"))?.call1((stage.name(), active, self.when.object(py)))
    }
}

impl Native for Timeout {
    const NAME: &'static CStr = c"ferrio.Timeout";
    const DOC: &'static CStr =
        c"Cancels what runs in an `async with` block when its time is over. Made by timeout().";
    // Without its list `wait_for` takes 6.7 % more instructions.
    const KEPT: usize = 64;
    const NEW: New = Some(object::new::<Timeout>);

    holds!(when, task, alarm);

    fn members() -> Members {
        object::constructed_slots::<Timeout>()
            .and(object::shown_slots::<Timeout>())
            .and(members! { Timeout;
                light method c"__aenter__" c"Begin." => aenter;
                light method c"__aexit__" c"End." => aexit;
                asks c"when" c"The time at which it ends, or None." => when;
                bare c"expired" c"Whether its time was over." => expired;
                bare c"_on_timeout" c"Its time is over." => ring;
                method c"reschedule" c"End at another time, or never." => reschedule;
                shown c"_when" => when;
                attribute c"_state" => stage_attribute;
                shown c"_task" => task;
            })
            .weak_references::<Timeout>(offset_of!(Timeout, weak))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Border {
    Enter,
    Exit,
}

/// What `__aenter__` and `__aexit__` return. The work is done when the object is awaited. It never waits.
pub(crate) struct TimeoutStep {
    timeout: Slot,
    error: Slot,
    border: Border,
}

impl TimeoutStep {
    fn create(
        timeout: &Bound<'_, PyAny>,
        border: Border,
        error: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let state =
            TimeoutStep { timeout: Slot::new(timeout.clone().into()), error: Slot::default(), border };
        if let Some(error) = error {
            state.error.set(error.clone());
        }
        // Known to the collector, it would take `timeout` 1.5 % more instructions.
        let this = alloc_untracked(timeout.py(), Coroutine::new(state))?;
        if error.is_some() {
            track(&this);
        }
        Ok(this.unbind())
    }
}

held!(TimeoutStep: timeout, error);

// Without its list `timeout` takes 6.5 % more instructions.
kind!(TimeoutStep, c"ferrio._ferrio.TimeoutStep", c"Begins or ends a timeout, when awaited.", KEPT: usize = 64);

impl Steps for TimeoutStep {
    fn name(&self) -> &'static str {
        if self.border == Border::Enter { "Timeout.__aenter__" } else { "Timeout.__aexit__" }
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let timeout = self.timeout.bind(py).unwrap_or_else(|| py.None().into_bound(py));
        let Some(state) = try_state::<Timeout>(&timeout) else { return Ok(Step::Return(timeout)) };
        if self.border == Border::Enter {
            state.enter(&timeout, &running_loop(py)?)?;
            return Ok(Step::Return(timeout));
        }
        state.exit(py, self.error.bind(py).as_ref())?;
        Ok(Step::Return(py.None().into_bound(py)))
    }
}
