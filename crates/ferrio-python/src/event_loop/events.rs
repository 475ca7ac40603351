//! `Handle` and `TimerHandle`: one queued callback, one scheduled callback.
//!
//! True subclasses of asyncio's, whose Python methods (`__repr__`, ordering, `get_context`) work through the attributes
//! given here. Invariants: `call` is empty exactly when the handle is cancelled. The collector does not know a `Handle`
//! as long as it is queued: the loop shows it what the handle holds (`Word::traverse`), and a word that lets go of a
//! handle which somebody else has too makes it known. Most are born, run and forgotten without that, and a hundred
//! thousand queued ones cost a collection nothing; known from the start they take `call_soon_chain` 1.5 % more instructions.
//! A `TimerHandle`, which programs do keep, is known from the start.

use pyo3::types::PyList;

use crate::event_loop::exceptions::leaves_the_loop;
use crate::event_loop::hooks;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::ffi::call::{Call, in_context};
use crate::ffi::instances::alloc_untracked;
use crate::ffi::prelude::*;
use crate::ffi::sparse::SparseSlots;
use crate::ffi::word::{Queued, Tag};

/// A queued callback.
pub(crate) struct Handle {
    /// Empty once cancelled.
    call: RefCell<Option<Call>>,
    cancelled: Cell<bool>,
    context: Ref,
    event_loop: Ref,
    /// What few handles have.
    sparse: SparseSlots<3>,
}

/// Where it was made, in debug mode.
const SOURCE: usize = 0;
/// How it looked before it was cancelled, in debug mode.
const REPR: usize = 1;
/// The file object by which what it watches is known; what is known by its number has none. Empty once cancelled.
const FILE: usize = 2;

impl Handle {
    fn new(event_loop: Ref, call: Call, context: Ref) -> Self {
        Handle {
            call: RefCell::new(Some(call)),
            cancelled: Cell::new(false),
            context,
            event_loop,
            sparse: SparseSlots::default(),
        }
    }

    /// A new handle object.
    #[inline]
    pub(crate) fn create<'py>(
        event_loop: &Bound<'py, PyAny>,
        call: Call,
        context: Ref,
    ) -> PyResult<Bound<'py, PyAny>> {
        alloc_untracked(event_loop.py(), Handle::new(event_loop.clone().into(), call, context))
    }

    /// What it will call, if it was not cancelled.
    pub(crate) fn calls<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.call.borrow().as_ref().map(|call| call.callback.bind(py).to_owned())
    }

    /// Drops the callback; says whether it was still there.
    fn forget(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = this.py();
        if self.cancelled.replace(true) {
            return Ok(false);
        }
        if support::is_debug(&self.event_loop.bind(py))? {
            self.sparse.set(REPR, Some(this.repr()?));
        }
        drop(self.call.take());
        drop(self.sparse.take(FILE));
        Ok(true)
    }

    fn cancel(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.forget(this).map(drop)
    }

    /// It watches `file`, which is kept alive as long as it does.
    pub(crate) fn set_file(&self, file: Bound<'_, PyAny>) {
        self.sparse.set(FILE, Some(file));
    }

    /// The file object that is watched.
    pub(crate) fn file<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.sparse.bind(py, FILE)
    }
}

impl Queued for Handle {
    const TAG: Tag = Tag::Handle;

    /// Runs the callback; what it raises goes to the loop's exception handler, unless it has to leave the loop.
    fn run(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let Some(call) = self.call.borrow().as_ref().map(|call| call.hold(py)) else { return Ok(()) };
        match in_context(&self.context.bind(py), || call.call(py)) {
            Ok(()) => Ok(()),
            Err(error) if leaves_the_loop(py, &error) => Err(error),
            Err(error) => hooks::callback_failed(&call.callback.bind(py), &error)
                .and(support::callback_failed(this, &error)),
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }
}

/// What the methods and attributes of both types do.
pub(crate) trait AnyHandle: Native {
    /// What timers and other handles have in common.
    fn base(&self) -> &Handle;

    fn run_method(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.base().run(this)
    }

    fn callback(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.base().call.borrow().as_ref().map(|call| call.callback.object(this.py())))
    }

    fn arguments(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        // Making the tuple may collect garbage, and a finalizer may cancel this very handle.
        let call = self.base().call.borrow().as_ref().map(|call| call.hold(this.py()));
        call.map(|call| Ok(call.tuple(this.py())?.into_any().unbind())).transpose()
    }
}

/// The methods and attributes of both types.
macro_rules! shared_members {
    ($state:ty) => {
        members! { $state;
            bare c"cancel" c"Do not run the callback. Harmless when it has run." => cancel;
            asks c"cancelled" c"Whether cancel() was called." => base().cancelled;
            bare c"_run" c"Run the callback now." => run_method;
            attribute c"_callback" => callback;
            attribute c"_args" => arguments;
            shown c"_cancelled" => base().cancelled;
            shown c"_context" => base().context;
            shown c"_loop" => base().event_loop;
            field c"_source_traceback" => base().sparse.at($crate::event_loop::events::SOURCE);
            shown c"_repr" => base().sparse.at($crate::event_loop::events::REPR);
        }
    };
}

held!(Handle: call, context, event_loop, sparse);

impl AnyHandle for Handle {
    fn base(&self) -> &Handle {
        self
    }
}

impl Native for Handle {
    const NAME: &'static CStr = c"ferrio.Handle";
    // Without its list `call_soon_chain` takes 9.1 % more instructions.
    const KEPT: usize = 1024;
    const DOC: &'static CStr = c"A callback that runs at the loop's next turn. Made by loop.call_soon().";

    holds!(call, context, event_loop, sparse);

    fn members() -> Members {
        shared_members!(Handle)
    }
}

/// A scheduled callback.
pub(crate) struct TimerHandle {
    handle: Handle,
    when: f64,
    /// The object that `call_at` was given, where it was not a float.
    given: Option<Ref>,
    scheduled: Cell<bool>,
}

impl TimerHandle {
    /// A new timer object.
    pub(crate) fn create<'py>(
        event_loop: &Bound<'py, PyAny>,
        when: f64,
        given: Option<Ref>,
        call: Call,
        context: Ref,
    ) -> PyResult<Bound<'py, PyAny>> {
        let handle = Handle::new(event_loop.clone().into(), call, context);
        let timer =
            alloc_tracked(event_loop.py(), TimerHandle { handle, when, given, scheduled: Cell::new(true) })?;
        Ok(timer)
    }

    fn cancel(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.handle.forget(this)?
            && self.scheduled.get()
            && let Some(event_loop) = try_state::<BaseLoop>(&self.handle.event_loop.bind(this.py()))
        {
            event_loop.timer_cancelled();
        }
        Ok(())
    }

    fn when(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        match &self.given {
            Some(given) => Ok(given.object(this.py())),
            None => self.when.into_py_any(this.py()),
        }
    }
}

impl Queued for TimerHandle {
    const TAG: Tag = Tag::Timer;

    fn run(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.scheduled.set(false);
        self.handle.run(this)
    }

    fn is_cancelled(&self) -> bool {
        self.handle.is_cancelled()
    }
}

impl AnyHandle for TimerHandle {
    fn base(&self) -> &Handle {
        &self.handle
    }
}

impl Native for TimerHandle {
    const NAME: &'static CStr = c"ferrio.TimerHandle";
    // Without its list `timer_cancel` takes 9.1 % more instructions.
    const KEPT: usize = 256;
    const DOC: &'static CStr =
        c"A callback that runs at a time. Made by loop.call_later() and loop.call_at().";

    holds!(handle);

    fn members() -> Members {
        let own = members! { TimerHandle;
            bare c"when" c"The time, on the loop's clock, at which the callback runs." => when;
            attribute c"_when" => when;
            shown c"_scheduled" => scheduled;
        };
        own.and(shared_members!(TimerHandle))
    }
}

/// Debug mode: has a handle know who made it.
pub(crate) fn note_caller<T: AnyHandle>(handle: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(state) = try_state::<T>(handle) {
        state.base().sparse.set(SOURCE, Some(support::caller(handle.py())?));
    }
    Ok(())
}

/// The handles among `words`, as a list: what `_ready` and `_scheduled` show.
pub(crate) fn list<'py>(
    handles: impl IntoIterator<Item = Bound<'py, PyAny>>,
    py: Python<'py>,
) -> PyResult<Py<PyAny>> {
    Ok(PyList::new(py, handles.into_iter().collect::<Vec<_>>())?.into_any().unbind())
}
