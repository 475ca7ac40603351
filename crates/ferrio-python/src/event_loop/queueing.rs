//! Queueing callbacks: `call_soon` and the like of a loop, and the same for native code, on any loop.
//!
//! Native code queues what was waiting for something that has happened: nobody would call that a second time. So an
//! interrupt keeps nothing from being queued, and is the caller's afterwards.

use std::time::Duration;

use ferrio_engine::Time;
use pyo3::exceptions::PyTypeError;
use pyo3::types::{IntoPyDict, PyDict, PyFloat, PyTuple};

use crate::event_loop::events::{Handle, TimerHandle, note_caller};
use crate::event_loop::exceptions::leaves_the_loop;
use crate::event_loop::loop_time::moment;
use crate::event_loop::run;
use crate::event_loop::state::BaseLoop;
use crate::ffi::call::{Arguments, Call, INLINE, copy_context, plain_number};
use crate::ffi::instances::track;
use crate::ffi::prelude::*;

impl BaseLoop {
    /// The methods of this file.
    pub(crate) fn queue_members() -> Members {
        members! { BaseLoop;
            light method c"call_soon" c"Call callback(*args) at the loop's next turn." => call_soon;
            light method c"call_soon_threadsafe" c"As call_soon(), from any thread." => call_soon_threadsafe;
            light method c"call_later" c"Call callback(*args) after delay seconds." => call_later;
            light method c"call_at" c"Call callback(*args) when the loop's clock reaches when." => call_at;
        }
    }

    /// Queues a callback: the body of `call_soon` and `call_soon_threadsafe`.
    fn soon<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        method: &str,
        args: Args<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let ([callback], context) = args.split(method, ["callback"], intern!(py, "context"))?;
        let (call, context) = call_of(callback, args.positional().skip(1), context)?;
        if self.is_debug() {
            self.engine()?;
            self.check(this, method, &call)?;
        }
        let handle = Handle::create(this, call, context)?;
        if self.is_debug() {
            note_caller::<Handle>(&handle)?;
        }
        if !self.runs() {
            track(&handle);
        }
        self.push(Word::of::<Handle>(handle.clone()))?;
        Ok(handle)
    }

    /// Queues what was waiting for something that has happened: nobody would call it a second time. In debug mode, a signal's
    /// handler may raise in the checks: that is not their judgement.
    fn soon_at_any_rate(&self, this: &Bound<'_, PyAny>, call: Call, context: Ref) -> QueueResult {
        let py = this.py();
        let checked = if self.is_debug() {
            self.engine()?;
            self.check(this, "call_soon", &call)
        } else {
            Ok(())
        };
        if checked.as_ref().is_err_and(|error| !leaves_the_loop(py, error)) {
            return checked.map(Ok);
        }
        // None stands for a copy of the present one, as whoever calls `add_done_callback(callback, context=None)` means it.
        let context = if context.bind(py).is_none() { copy_context(py)? } else { context };
        let handle = Handle::create(this, call, context)?;
        if !self.runs() {
            track(&handle);
        }
        if !self.is_debug() {
            return self.push(Word::of::<Handle>(handle)).map(Ok);
        }
        self.push(Word::of::<Handle>(handle.clone()))?;
        Ok(run::both(py, checked, note_caller::<Handle>(&handle)))
    }

    /// Schedules a callback: the body of `call_later` and `call_at`.
    fn at(
        &self,
        this: &Bound<'_, PyAny>,
        method: &str,
        (when, given): (f64, Option<Ref>),
        call: Call,
        context: Ref,
    ) -> PyResult<Py<PyAny>> {
        let engine = self.engine()?;
        if self.is_debug() {
            self.check(this, method, &call)?;
        }
        let timer = TimerHandle::create(this, when, given, call, context)?;
        if self.is_debug() {
            note_caller::<TimerHandle>(&timer)?;
        }
        engine.call_at(Time::from_secs_f64(when), Word::of::<TimerHandle>(timer.clone()));
        Ok(timer.unbind())
    }

    /// Debug mode's checks, by asyncio's own methods.
    fn check(&self, this: &Bound<'_, PyAny>, method: &str, call: &Call) -> PyResult<()> {
        let py = this.py();
        if method != "call_soon_threadsafe" {
            this.call_method0(intern!(py, "_check_thread"))?;
        }
        let method = if method == "call_later" { "call_at" } else { method };
        this.call_method1(intern!(py, "_check_callback"), (&call.callback, method)).map(drop)
    }

    fn call_soon<'py>(&self, this: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Py<PyAny>> {
        Ok(self.soon(this, "call_soon", args)?.unbind())
    }

    /// The interpreter's lock makes the push safe from any thread; only a sleeping loop has to be woken.
    fn call_soon_threadsafe<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        args: Args<'_, 'py>,
    ) -> PyResult<Py<PyAny>> {
        let handle = self.soon(this, "call_soon_threadsafe", args)?;
        // One that was closed meanwhile needs no waking.
        let queued = self.on_engine(|engine| {
            engine.ring();
            engine.ready().len()
        });
        if let Some(queued) = queued
            && queued > CROWDED
            && queued.is_multiple_of(ONE_IN)
            && self.runs_elsewhere(this.py())?
        {
            this.py().detach(|| std::thread::sleep(A_MOMENT));
        }
        Ok(handle.unbind())
    }

    /// Whether another thread runs the loop.
    fn runs_elsewhere(&self, py: Python<'_>) -> PyResult<bool> {
        let Some(thread) = self.thread.borrow().as_ref().map(|thread| thread.clone_ref(py)) else {
            return Ok(false);
        };
        run::thread_ident(py)?.ne(thread)
    }

    fn call_later<'py>(&self, this: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let ([delay, callback], context) =
            args.split("call_later", ["delay", "callback"], intern!(py, "context"))?;
        if delay.is_none() {
            return Err(PyTypeError::new_err("delay must not be None"));
        }
        self.notice_class(this);
        if self.foreign_call_at.get() {
            let mut values = vec![this.call_method0(intern!(py, "time"))?.add(delay)?, callback.to_owned()];
            values.extend(args.positional().skip(2).map(Borrowed::to_owned));
            let keywords = [("context", context)].into_py_dict(py)?;
            let call_at = this.getattr(intern!(py, "call_at"))?;
            return Ok(call_at.call(PyTuple::new(py, values)?, Some(&keywords))?.unbind());
        }
        let (call, context) = call_of(callback, args.positional().skip(2), context)?;
        let engine = self.engine.borrow().clone();
        let now = match &engine {
            Some(engine) if !self.foreign_time.get() => engine.core().clock.now().as_secs_f64(),
            _ => this.call_method0(intern!(py, "time"))?.extract()?,
        };
        let when = match plain_number(&delay) {
            Some(delay) => (now + delay, None),
            None => moment(&PyFloat::new(py, now).add(delay)?)?,
        };
        self.at(this, "call_later", when, call, context)
    }

    fn call_at<'py>(&self, this: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Py<PyAny>> {
        let ([when, callback], context) =
            args.split("call_at", ["when", "callback"], intern!(this.py(), "context"))?;
        let (call, context) = call_of(callback, args.positional().skip(2), context)?;
        if when.is_none() {
            return Err(PyTypeError::new_err("when cannot be None"));
        }
        self.at(this, "call_at", moment(&when)?, call, context)
    }
}

/// How many callbacks may be queued before threads that queue more sleep a moment now and then, in which the loop's thread
/// has the interpreter. Without that, such threads have most of it and each turn is longer than the last one: with four of
/// them a `sleep(0.3)` took 9 s. asyncio gives the interpreter away with each callback, to write to its self-pipe.
const CROWDED: usize = 1000;

/// After how many callbacks such a thread sleeps: together they then cost what as many writes to a self-pipe do.
const ONE_IN: usize = 8;

/// The shortest sleep there is: some 50 us on Linux.
const A_MOMENT: Duration = Duration::from_micros(1);

/// A callback with its arguments, and the context it is to run in: where none is given, a copy of the present one.
pub(crate) fn call_of<'a, 'py: 'a>(
    callback: Borrowed<'a, 'py, PyAny>,
    positional: impl ExactSizeIterator<Item = Borrowed<'a, 'py, PyAny>>,
    context: Option<Borrowed<'a, 'py, PyAny>>,
) -> PyResult<(Call, Ref)> {
    let py = callback.py();
    let callback = callback.to_owned().into();
    let arguments = if positional.len() <= INLINE {
        let mut few = [const { None }; INLINE];
        for (place, value) in few.iter_mut().zip(positional) {
            *place = Some(value.to_owned().into());
        }
        Arguments::Few(few)
    } else {
        Arguments::Many(PyTuple::new(py, positional)?.into())
    };
    let context = match context {
        Some(context) if !context.is_none() => context.to_owned().into(),
        _ => copy_context(py)?,
    };
    Ok((Call { callback, arguments }, context))
}

/// What came of queueing a callback. Where it is queued: what a signal's handler raised meanwhile.
pub(crate) type QueueResult = PyResult<PyResult<()>>;

/// Schedules `callback` in `context` on any loop, by its own `call_soon` where that may matter to somebody.
pub(crate) fn call_soon(
    event_loop: &Bound<'_, PyAny>,
    callback: Ref,
    argument: Option<&Bound<'_, PyAny>>,
    context: Ref,
) -> PyResult<()> {
    queue(event_loop, callback, argument, context)?
}

/// As `call_soon`, for who must know whether the callback is queued when there was an error.
pub(crate) fn queue(
    event_loop: &Bound<'_, PyAny>,
    callback: Ref,
    argument: Option<&Bound<'_, PyAny>>,
    context: Ref,
) -> QueueResult {
    let py = event_loop.py();
    if let Some(state) = try_state::<BaseLoop>(event_loop)
        && state.queues_natively(event_loop)
    {
        let mut few = [const { None }; INLINE];
        few[0] = argument.map(|argument| argument.clone().into());
        return state.soon_at_any_rate(
            event_loop,
            Call { callback, arguments: Arguments::Few(few) },
            context,
        );
    }
    let names = PyDict::new(py);
    names.set_item(intern!(py, "context"), &context)?;
    let name = intern!(py, "call_soon");
    match argument {
        Some(argument) => event_loop.call_method(name, (&callback, argument), Some(&names)),
        None => event_loop.call_method(name, (&callback,), Some(&names)),
    }
    .map(|_| Ok(()))
}
