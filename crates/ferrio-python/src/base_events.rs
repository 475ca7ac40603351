//! `BaseLoop`: what of asyncio's BaseEventLoop runs for every callback.
//!
//! Python's `ferrio.unix_events.Loop` is this type and `asyncio.SelectorEventLoop`, in this order: methods given here
//! win, everything else (argument checks, connecting, serving, executors, exception handlers) is the running version's
//! own. Sockets are in `selector_events`, running in `run`.
//!
//! Over 500 lines because all ways to queue a callback belong together, with what a loop knows of itself.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_void};
use std::rc::Rc;

use ferrio_engine::{Clock, Loop, Time};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi as raw;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyFloat, PyString, PyTuple};
use pyo3::{Borrowed, IntoPyObjectExt};

use crate::events::{AnyHandle, Handle, TimerHandle, list};
use crate::exceptions::{leaves_the_loop, loop_closed, os_error};
use crate::ffi::args::{Args, missing};
use crate::ffi::call::{Arguments, Call, INLINE, copy_context, plain_number};
use crate::ffi::current::Last;
use crate::ffi::heap_type::{Native, Place, Visitor, class_version, owner, try_state, type_object};
use crate::ffi::instances::track;
use crate::ffi::loop_slots;
use crate::ffi::members::{Members, members};
use crate::ffi::reference::{Ref, Slot};
use crate::ffi::registry;
use crate::ffi::weak::Transports;
use crate::ffi::word::Word;
use crate::loop_time::moment;
use crate::task_factory::is_replaced;
use crate::{run, support};

/// The state of a loop.
pub(crate) struct BaseLoop {
    /// Empty once closed, so that its descriptors are.
    pub(super) engine: RefCell<Option<Rc<Loop<Word>>>>,
    debug: Cell<bool>,
    stopping: Cell<bool>,
    /// Python's identity of the thread that runs the loop, or `None`.
    thread: RefCell<Option<Py<PyAny>>>,
    /// The class as it was when somebody last looked whether a method was replaced.
    class_version: Cell<u32>,
    /// Whether `time` was replaced, on the instance or by a subclass: then its answer rules.
    pub(super) foreign_time: Cell<bool>,
    /// What was set as `time` on the instance.
    pub(super) own_time: RefCell<Option<Py<PyAny>>>,
    /// Whether `call_soon` or `create_future` was replaced, on the instance or by a subclass: then tasks, futures and
    /// whoever makes one go by them.
    foreign_call_soon: Cell<bool>,
    /// The same of `call_later`, `call_at` and `create_future`.
    foreign_timers: Cell<bool>,
    /// The same of `create_task`.
    pub(crate) foreign_create_task: Cell<bool>,
    /// Whose step ran last.
    pub(crate) last_task: Last,
    /// What makes tasks instead of us.
    pub(crate) task_factory: Slot,
    /// Whether tasks are kept alive until they are done.
    pub(crate) keeps_tasks: Cell<bool>,
    /// How many things are under way outside the loop that a virtual clock must not overtake.
    pub(super) held: Cell<u32>,
    /// The time at which the loop was closed, if its clock was a virtual one.
    pub(super) last_time: Cell<Option<Time>>,
    /// Whether that is our own factory of eager tasks: then nobody is asked.
    pub(crate) eager: Cell<bool>,
    /// Open transports by descriptor.
    pub(crate) transports: Transports,
}

impl BaseLoop {
    pub(crate) fn new(is_virtual: bool) -> PyResult<Self> {
        let clock = if is_virtual { Clock::manual() } else { Clock::Monotonic };
        let engine = Loop::new(clock).map_err(|error| os_error(&error))?;
        Ok(BaseLoop {
            engine: RefCell::new(Some(Rc::new(engine))),
            debug: Cell::new(false),
            stopping: Cell::new(false),
            thread: RefCell::default(),
            class_version: Cell::new(0),
            foreign_time: Cell::new(false),
            own_time: RefCell::default(),
            foreign_call_soon: Cell::new(false),
            foreign_timers: Cell::new(false),
            foreign_create_task: Cell::new(false),
            last_task: Last::default(),
            task_factory: Slot::default(),
            keeps_tasks: Cell::new(false),
            held: Cell::new(0),
            last_time: Cell::new(None),
            eager: Cell::new(false),
            transports: Transports::default(),
        })
    }

    /// The engine of an open loop.
    pub(crate) fn engine(&self) -> PyResult<Rc<Loop<Word>>> {
        self.engine.borrow().clone().ok_or_else(loop_closed)
    }

    pub(crate) fn is_debug(&self) -> bool {
        self.debug.get()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    pub(crate) fn forget_stop(&self) {
        self.stopping.set(false);
    }

    pub(crate) fn timer_cancelled(&self) {
        if let Some(engine) = &*self.engine.borrow() {
            engine.timers().note_cancelled();
        }
    }

    /// Queues a callback: the body of `call_soon` and `call_soon_threadsafe`.
    fn soon<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        method: &str,
        args: Args<'_, 'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Rc<Loop<Word>>)> {
        let py = this.py();
        let ([Some(callback)], context) = args.split(method, ["callback"], intern!(py, "context"))? else {
            return Err(missing(method, "callback"));
        };
        let (call, context) = call_of(callback, args.positional().skip(1), context)?;
        let engine = self.engine()?;
        if self.is_debug() {
            self.check(this, method, &call)?;
        }
        let handle = Handle::create(this, call, context)?;
        if self.is_debug() {
            note_caller(&handle)?;
        }
        if self.thread.borrow().is_none() {
            track(&handle);
        }
        engine.call_soon(Word::handle(handle.clone()));
        Ok((handle, engine))
    }

    /// Queues what was waiting for something that has happened: nobody would call it a second time. In debug mode, a signal's
    /// handler may raise in the checks: that is not their judgement. So an error that leaves the loop says that it is queued,
    /// any other one that it is not.
    fn soon_at_any_rate(&self, this: &Bound<'_, PyAny>, call: Call, context: Ref) -> PyResult<()> {
        let py = this.py();
        let engine = self.engine()?;
        let checked = if self.is_debug() { self.check(this, "call_soon", &call) } else { Ok(()) };
        if checked.as_ref().is_err_and(|error| !leaves_the_loop(py, error)) {
            return checked;
        }
        let handle = Handle::create(this, call, context)?;
        if self.thread.borrow().is_none() {
            track(&handle);
        }
        if !self.is_debug() {
            engine.call_soon(Word::handle(handle));
            return Ok(());
        }
        engine.call_soon(Word::handle(handle.clone()));
        let noted = note_caller(&handle).or_else(|error| {
            if leaves_the_loop(py, &error) {
                return Err(error);
            }
            error.write_unraisable(py, Some(&handle));
            Ok(())
        });
        run::both(py, checked, noted)
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
        let py = this.py();
        let engine = self.engine()?;
        if self.is_debug() {
            self.check(this, method, &call)?;
        }
        let timer = TimerHandle::create(this, when, given, call, context)?;
        if self.is_debug()
            && let Some(state) = try_state::<TimerHandle>(&timer)
        {
            state.base().set_traceback(&support::helper(py, intern!(py, "caller"))?.call0()?);
        }
        engine.call_at(Time::from_secs_f64(when), Word::timer(timer.clone()));
        Ok(timer.unbind())
    }

    /// Whether nobody has put something in the place of what queues.
    #[inline]
    fn queues_natively(&self, this: &Bound<'_, PyAny>) -> bool {
        self.notice_class(this);
        !self.foreign_call_soon.get()
    }

    /// Whether what is queued may go to the ring directly.
    #[inline]
    pub(crate) fn queues_directly(&self, this: &Bound<'_, PyAny>) -> bool {
        !self.debug.get() && self.queues_natively(this)
    }

    /// Whether what waits for a time may go to the timers directly.
    pub(crate) fn schedules_directly(&self) -> bool {
        !self.foreign_timers.get()
    }

    /// Whether it runs.
    pub(crate) fn runs(&self) -> bool {
        self.thread.borrow().is_some()
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
        Ok(self.soon(this, "call_soon", args)?.0.unbind())
    }

    /// The interpreter's lock makes the push safe from any thread; only a sleeping loop has to be woken.
    fn call_soon_threadsafe<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        args: Args<'_, 'py>,
    ) -> PyResult<Py<PyAny>> {
        let (handle, engine) = self.soon(this, "call_soon_threadsafe", args)?;
        engine.ring();
        Ok(handle.unbind())
    }

    fn call_later<'py>(&self, this: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let names = ["delay", "callback"];
        let ([Some(delay), Some(callback)], context) =
            args.split("call_later", names, intern!(py, "context"))?
        else {
            return Err(missing("call_later", "callback"));
        };
        if delay.is_none() {
            return Err(PyTypeError::new_err("delay must not be None"));
        }
        self.notice_class(this);
        if self.foreign_timers.get() && is_replaced(this, intern!(py, "call_at"))? {
            let mut values = vec![this.call_method0(intern!(py, "time"))?.add(delay)?, callback.to_owned()];
            values.extend(args.positional().skip(2).map(Borrowed::to_owned));
            let keywords = [("context", context)].into_py_dict(py)?;
            return Ok(this
                .getattr(intern!(py, "call_at"))?
                .call(PyTuple::new(py, values)?, Some(&keywords))?
                .unbind());
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
        let (names, context) = (["when", "callback"], intern!(this.py(), "context"));
        let ([Some(when), Some(callback)], context) = args.split("call_at", names, context)? else {
            return Err(missing("call_at", "callback"));
        };
        let (call, context) = call_of(callback, args.positional().skip(2), context)?;
        if when.is_none() {
            return Err(PyTypeError::new_err("when cannot be None"));
        }
        self.at(this, "call_at", moment(&when)?, call, context)
    }

    fn stop(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.stopping.set(true);
        Ok(())
    }

    fn is_running(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.runs())
    }

    fn is_closed(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.engine.borrow().is_none())
    }

    fn debug_on(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.debug.get())
    }

    fn run_outermost(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        run::outermost(self, this)
    }

    /// Runs turns until `stop()`.
    fn run_turns(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.notice_replaced(this)?;
        run::until_stopped(self, this)
    }

    /// Runs one turn; for test tools that step a loop by hand.
    fn run_once(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.notice_replaced(this)?;
        run::once(self, this)
    }

    fn notice_time(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.notice_replaced(this)
    }

    fn poller(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let name = self.engine()?.core().reactor.name();
        Ok(PyString::new(this.py(), name).into_any().unbind())
    }

    fn ready(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let mut handles = Vec::new();
        if let Some(engine) = &*self.engine.borrow() {
            engine.ready().for_each(|word| handles.extend(word.as_handle(this.py()).inspect(track)));
        }
        list(handles, this.py())
    }

    fn scheduled(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let mut handles = Vec::new();
        if let Some(engine) = &*self.engine.borrow() {
            engine.timers().for_each(|word| handles.extend(word.as_handle(this.py())));
        }
        list(handles, this.py())
    }

    /// asyncio's constructor sets attributes whose place is taken by the engine.
    fn ignore(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(())
    }

    fn set_debug_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.debug.set(value.is_truthy()?);
        Ok(())
    }

    fn stopping_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.stopping.get())
    }

    fn set_stopping_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.stopping.set(value.is_truthy()?);
        Ok(())
    }

    /// asyncio's `close()` sets this: the engine is closed with all it holds.
    fn set_closed_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_truthy()? {
            self.close_engine();
        }
        Ok(())
    }

    /// Drops everything the engine holds and closes its descriptors.
    fn close_engine(&self) {
        let engine = self.engine.borrow_mut().take();
        if let Some(engine) = engine {
            if let Clock::Virtual(now) = &engine.core().clock {
                self.last_time.set(Some(now.get()));
            }
            engine.close();
        }
    }

    /// A number that stays the same while the loop is in one callback; None while it does not run, or sleeps.
    fn progress(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let engine = self.engine.borrow();
        let running = engine.as_ref().filter(|_| self.thread.borrow().is_some());
        running.and_then(|engine| engine.progress()).into_py_any(this.py())
    }

    fn thread_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.thread.borrow().as_ref().map(|thread| thread.clone_ref(this.py())))
    }

    fn set_thread_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_thread((!value.is_none()).then(|| value.clone()));
        Ok(())
    }

    pub(crate) fn set_thread(&self, thread: Option<Bound<'_, PyAny>>) {
        drop(self.thread.replace(thread.map(Bound::unbind)));
    }

    /// As `notice_replaced`, where a class was changed since.
    #[inline]
    pub(crate) fn notice_class(&self, this: &Bound<'_, PyAny>) {
        let version = class_version(this);
        if version != self.class_version.get() || version == 0 {
            // What cannot be looked up is not replaced.
            drop(self.notice_replaced(this));
        }
    }

    /// Whether an attribute of this name is one that `notice_replaced` looks for.
    pub(crate) fn is_noticed(name: &Bound<'_, PyAny>) -> bool {
        let py = name.py();
        let names = [
            intern!(py, "call_soon"),
            intern!(py, "call_later"),
            intern!(py, "call_at"),
            intern!(py, "create_future"),
            intern!(py, "create_task"),
        ];
        names.iter().any(|noticed| name.is(noticed))
    }

    /// `time` may be a subclass's own, or an attribute of the instance; so may what makes and schedules things be.
    #[cold]
    pub(crate) fn notice_replaced(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let name = intern!(py, "time");
        let native = type_object::<BaseLoop>(py)?.getattr(name)?;
        let same = this.get_type().getattr(name)?.is(&native);
        self.foreign_time.set(!same || self.own_time.borrow().is_some());
        let futures = is_replaced(this, intern!(py, "create_future"))?;
        self.foreign_call_soon.set(futures || is_replaced(this, intern!(py, "call_soon"))?);
        let later = is_replaced(this, intern!(py, "call_later"))?;
        self.foreign_timers.set(futures || later || is_replaced(this, intern!(py, "call_at"))?);
        self.foreign_create_task.set(is_replaced(this, intern!(py, "create_task"))?);
        self.class_version.set(class_version(this));
        Ok(())
    }
}

impl Native for BaseLoop {
    const NAME: &'static CStr = c"ferrio._ferrio.BaseLoop";
    const DOC: &'static CStr = c"The native part of ferrio's event loop.";
    const NEW: Option<raw::newfunc> = Some(loop_slots::new_base_loop);

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        let own = members! { BaseLoop;
            light {
                c"call_soon" c"Call callback(*args) at the loop's next turn." => call_soon,
                c"call_soon_threadsafe" c"As call_soon(), from any thread." => call_soon_threadsafe,
                c"call_later" c"Call callback(*args) after delay seconds." => call_later,
                c"call_at" c"Call callback(*args) when the loop's clock reaches when." => call_at,
            }
            bare {
                c"stop" c"Stop running at the end of the present turn." => stop,
                c"is_running" c"Whether the loop runs." => is_running,
                c"is_closed" c"Whether the loop was closed." => is_closed,
                c"get_debug" c"Whether debug mode is on." => debug_on,
                c"_run_outermost" c"Run until stop() is called, as the thread's running loop." => run_outermost,
                c"_run_turns" c"Run until stop() is called." => run_turns,
                c"_run_once" c"Run one turn." => run_once,
                c"_notice_time" c"Find out whether a subclass has a clock of its own." => notice_time,
                c"_poller" c"The name of the poller in use." => poller,
                c"_progress" c"A number that stays the same while the loop is in one callback." => progress,
            }
            methods {}
            attributes {
                c"_ready" => ready, ignore;
                c"_scheduled" => scheduled, ignore;
                c"_closed" => is_closed, set_closed_attribute;
                c"_debug" => debug_on, set_debug_attribute;
                c"_stopping" => stopping_attribute, set_stopping_attribute;
                c"_thread_id" => thread_attribute, set_thread_attribute;
            }
        };
        own.slot(raw::Py_tp_setattro, loop_slots::set_attribute as raw::setattrofunc as *mut c_void)
            .and(BaseLoop::selector_members())
            .and(BaseLoop::server_members())
            .and(BaseLoop::tls_members())
            .and(BaseLoop::datagram_members())
            .and(BaseLoop::operation_members())
            .and(BaseLoop::task_members())
            .and(BaseLoop::time_members())
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        if let Ok(engine) = self.engine.try_borrow()
            && let Some(engine) = &*engine
        {
            engine.for_each(|word| word.traverse(visitor));
        }
        if self.keeps_tasks.get() {
            registry::show_kept(owner(self), visitor);
        }
        visitor.raw(self.task_factory.as_ptr());
        if let Ok(own) = self.own_time.try_borrow() {
            visitor.object(own.as_ref());
        }
    }

    fn clear(&self) {
        self.close_engine();
        drop(self.task_factory.take());
        drop(self.own_time.take());
    }
}

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
        Arguments::Many(pyo3::types::PyTuple::new(py, positional)?.into())
    };
    let context = match context {
        Some(context) if !context.is_none() => context.to_owned().into(),
        _ => copy_context(py)?,
    };
    Ok((Call { callback, arguments }, context))
}

/// Schedules `callback` in `context` on any loop, by its own `call_soon` where that may matter to somebody.
pub(crate) fn call_soon(
    event_loop: &Bound<'_, PyAny>,
    callback: Ref,
    argument: Option<&Bound<'_, PyAny>>,
    context: Ref,
) -> PyResult<()> {
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
    .map(drop)
}

/// Debug mode: has a handle know who made it.
fn note_caller(handle: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = handle.py();
    if let Some(state) = try_state::<Handle>(handle) {
        state.set_traceback(&support::helper(py, intern!(py, "caller"))?.call0()?);
    }
    Ok(())
}
