//! `BaseLoop`: the state of a loop, and what of its class or instance the program has replaced.
//!
//! Python's `ferrio.unix_events.Loop` is this type and `asyncio.SelectorEventLoop`, in this order: methods given here
//! win, everything else (argument checks, connecting, serving, executors, exception handlers) is the running version's
//! own. The methods are in `base_events`, `queueing`, `loop_time`, and in the rooms above, each beside what it does.

use std::rc::Rc;

use ferrio_engine::{Clock, Loop, Time};
use pyo3::types::PyString;

use crate::event_loop::exceptions::{loop_closed, os_error};
use crate::ffi::current::Last;
use crate::ffi::heap_type::{class_version, owner};
use crate::ffi::object::{Made, new_made};
use crate::ffi::prelude::*;
use crate::ffi::registry;
use crate::ffi::weak::Transports;

/// The state of a loop.
pub(crate) struct BaseLoop {
    /// Empty once closed, so that its descriptors are.
    pub(super) engine: RefCell<Option<Rc<Loop<Word>>>>,
    pub(super) debug: Cell<bool>,
    pub(super) stopping: Cell<bool>,
    /// Python's identity of the thread that runs the loop, or `None`.
    pub(super) thread: RefCell<Option<Py<PyAny>>>,
    /// The class as it was when somebody last looked whether a method was replaced. Where somebody looks each time,
    /// `create_task` takes three times the instructions.
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
    fn new(is_virtual: bool) -> PyResult<Self> {
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

    /// Queues `word`, unless the loop is closed.
    #[inline]
    pub(crate) fn push(&self, word: Word) -> PyResult<()> {
        self.on_engine(|engine| engine.call_soon(word)).ok_or_else(loop_closed)
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

    pub(super) fn is_closed(&self) -> bool {
        self.engine.borrow().is_none()
    }

    /// Drops everything the engine holds and closes its descriptors.
    pub(super) fn close_engine(&self) {
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

/// A class with a true `_virtual_clock` gets loops on a virtual clock.
impl Made for BaseLoop {
    fn made(class: &Bound<'_, PyAny>) -> PyResult<Self> {
        let wish = class.getattr_opt(intern!(class.py(), "_virtual_clock"))?;
        BaseLoop::new(wish.map_or(Ok(false), |wish| wish.is_truthy())?)
    }
}

impl Native for BaseLoop {
    const NAME: &'static CStr = c"ferrio._ferrio.BaseLoop";
    const DOC: &'static CStr = c"The native part of ferrio's event loop.";
    const NEW: New = Some(new_made::<BaseLoop>);

    kept!();

    /// Each file that has methods of a loop adds its own (`types`).
    fn members() -> Members {
        Members::default()
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

/// Whether a subclass or the instance has a method of its own of that name.
pub(crate) fn is_replaced(this: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    let native = type_object::<BaseLoop>(this.py())?.getattr(name)?;
    let same = this.get_type().getattr(name)?.is(&native);
    Ok(!same || this.getattr(intern!(this.py(), "__dict__"))?.contains(name)?)
}
