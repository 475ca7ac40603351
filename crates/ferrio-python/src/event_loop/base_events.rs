//! `BaseLoop`: what of asyncio's BaseEventLoop runs for every callback.
//!
//! Python's `ferrio.unix_events.Loop` is this type and `asyncio.SelectorEventLoop`, in this order: methods given here
//! win, everything else (argument checks, connecting, serving, executors, exception handlers) is the running version's
//! own. Queueing is in `queueing`, sockets are in `selector_events`, running is in `run`.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::rc::Rc;

use ferrio_engine::{Clock, Loop, Time};
use pyo3::IntoPyObjectExt;
use pyo3::ffi as raw;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::event_loop::events::list;
use crate::event_loop::exceptions::{loop_closed, os_error};
use crate::event_loop::run;
use crate::ffi::args::{Args, missing};
use crate::ffi::current::Last;
use crate::ffi::heap_type::{Native, Place, Visitor, class_version, owner, type_object};
use crate::ffi::instances::track;
use crate::ffi::loop_slots;
use crate::ffi::members::{Members, members};
use crate::ffi::reference::Slot;
use crate::ffi::registry;
use crate::ffi::weak::Transports;
use crate::ffi::word::Word;
use crate::tasks::task_factory::is_replaced;

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
    /// The same of `call_at` alone, which `call_later` goes by.
    pub(crate) foreign_call_at: Cell<bool>,
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
            foreign_call_at: Cell::new(false),
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

    /// Tells the engine of an open loop something, without an owner of its own.
    pub(crate) fn on_engine<R>(&self, tell: impl FnOnce(&Loop<Word>) -> R) -> Option<R> {
        self.engine.borrow().as_deref().map(tell)
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

    /// Whether nobody has put something in the place of what queues.
    #[inline]
    pub(crate) fn queues_natively(&self, this: &Bound<'_, PyAny>) -> bool {
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

    /// When the present turn began.
    #[inline]
    pub(crate) fn turn_time(&self) -> Option<Time> {
        self.engine.borrow().as_ref().map(|engine| engine.turn_time())
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

    /// A method, not a slot of the type: `object.__setattr__(loop, ...)` refuses to pass over a slot.
    fn set_attribute(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let ([Some(name), Some(value)], _) =
            args.split("__setattr__", ["name", "value"], intern!(this.py(), ""))?
        else {
            return Err(missing("__setattr__", "value"));
        };
        self.attribute_changed(this, &name, Some(&value))
    }

    fn delete_attribute(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let ([Some(name)], _) = args.split("__delattr__", ["name"], intern!(this.py(), ""))? else {
            return Err(missing("__delattr__", "name"));
        };
        self.attribute_changed(this, &name, None)
    }

    fn attribute_changed(
        &self,
        this: &Bound<'_, PyAny>,
        name: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        loop_slots::set_attribute(this, name, value)?;
        let name = name.cast::<PyString>()?.to_str().unwrap_or_default();
        if ["call_soon", "call_later", "call_at", "create_future", "create_task"].contains(&name) {
            self.notice_replaced(this)?;
        }
        Ok(this.py().None())
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
        self.foreign_call_at.set(is_replaced(this, intern!(py, "call_at"))?);
        self.foreign_timers.set(futures || later || self.foreign_call_at.get());
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
                c"__setattr__" c"Set an attribute, and notice one that stands in the place of a method." => set_attribute,
                c"__delattr__" c"The reverse of __setattr__()." => delete_attribute,
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
        own.and(BaseLoop::queue_members())
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
