//! `Handle` and `TimerHandle`: one queued callback, one scheduled callback.
//!
//! True subclasses of asyncio's, whose Python methods (`__repr__`, ordering, `get_context`) work through the attributes
//! given here. Invariants: `call` is empty exactly when the handle is cancelled. The collector does not know a `Handle`
//! as long as it is queued: the loop shows it what the handle holds (`Word::traverse`), and a word that lets go of a
//! handle which somebody else has too makes it known. Most are born, run and forgotten without that, and a hundred
//! thousand queued ones cost a collection nothing; known from the start they take `call_soon_chain` 1.5 % more instructions.
//! A `TimerHandle`, which programs do keep, is known from the start.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::event_loop::exceptions::leaves_the_loop;
use crate::event_loop::hooks;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::ffi::call::{Call, in_context};
use crate::ffi::heap_type::{Native, try_state};
use crate::ffi::held::{held, holds};
use crate::ffi::instances::{alloc_tracked, alloc_untracked};
use crate::ffi::members::{Members, members};
use crate::ffi::reference::Ref;
use crate::ffi::word::{Queued, Tag};

/// A queued callback.
pub(crate) struct Handle {
    /// Empty once cancelled.
    call: RefCell<Option<Call>>,
    cancelled: Cell<bool>,
    context: Ref,
    event_loop: Ref,
    /// What few handles have.
    extra: RefCell<Option<Box<Extra>>>,
}

/// What few handles have.
#[derive(Default)]
struct Extra {
    /// Where it was made, in debug mode.
    source_traceback: Option<Py<PyAny>>,
    /// How it looked before it was cancelled, in debug mode.
    repr: Option<Py<PyAny>>,
    /// The file object by which what it watches is known; what is known by its number has none. Empty once cancelled.
    file: Option<Py<PyAny>>,
}

held!(Extra: source_traceback, file);

impl Handle {
    fn new(event_loop: Ref, call: Call, context: Ref) -> Self {
        Handle {
            call: RefCell::new(Some(call)),
            cancelled: Cell::new(false),
            context,
            event_loop,
            extra: RefCell::default(),
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
            let repr = this.repr()?.into_any().unbind();
            self.extra.borrow_mut().get_or_insert_default().repr = Some(repr);
        }
        drop(self.call.take());
        let file = self.extra.borrow_mut().as_mut().and_then(|extra| extra.file.take());
        drop(file);
        Ok(true)
    }

    fn cancel(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.forget(this).map(drop)
    }

    /// Keeps where it was made.
    pub(crate) fn set_traceback(&self, value: &Bound<'_, PyAny>) {
        let traceback = Some(value.clone().unbind());
        let old = std::mem::replace(
            &mut self.extra.borrow_mut().get_or_insert_default().source_traceback,
            traceback,
        );
        drop(old);
    }

    fn of_extra(
        &self,
        py: Python<'_>,
        pick: impl FnOnce(&Extra) -> Option<&Py<PyAny>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.extra.borrow().as_deref().and_then(pick).map(|value| value.clone_ref(py)))
    }

    /// It watches `file`, which is kept alive as long as it does.
    pub(crate) fn set_file(&self, file: Bound<'_, PyAny>) {
        let file = Some(file.unbind());
        let old = std::mem::replace(&mut self.extra.borrow_mut().get_or_insert_default().file, file);
        drop(old);
    }

    /// The file object that is watched.
    pub(crate) fn file<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.extra.borrow().as_ref().and_then(|extra| Some(extra.file.as_ref()?.bind(py).clone()))
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

    fn cancelled(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.base().is_cancelled())
    }

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

    fn context(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(self.base().context.object(this.py()))
    }

    fn event_loop(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(self.base().event_loop.object(this.py()))
    }

    fn source_traceback(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        self.base().of_extra(this.py(), |extra| extra.source_traceback.as_ref())
    }

    fn set_source_traceback(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.base().set_traceback(value);
        Ok(())
    }

    fn repr(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        self.base().of_extra(this.py(), |extra| extra.repr.as_ref())
    }
}

/// The methods and attributes of both types.
macro_rules! shared_members {
    ($state:ty) => {
        members! { $state;
            bare {
                c"cancel" c"Do not run the callback. Harmless when it has run." => cancel,
                c"cancelled" c"Whether cancel() was called." => cancelled,
                c"_run" c"Run the callback now." => run_method,
            }
            attributes {
                c"_callback" => callback;
                c"_args" => arguments;
                c"_cancelled" => cancelled;
                c"_context" => context;
                c"_loop" => event_loop;
                c"_source_traceback" => source_traceback, set_source_traceback;
                c"_repr" => repr;
            }
        }
    };
}

held!(Handle: call, context, event_loop, extra);

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

    holds!(call, context, event_loop, extra);

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

    fn scheduled(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.scheduled.get())
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
            bare {
                c"when" c"The time, on the loop's clock, at which the callback runs." => when,
            }
            attributes {
                c"_when" => when;
                c"_scheduled" => scheduled;
            }
        };
        own.and(shared_members!(TimerHandle))
    }
}

/// The handles among `words`, as a list: what `_ready` and `_scheduled` show.
pub(crate) fn list<'py>(
    handles: impl IntoIterator<Item = Bound<'py, PyAny>>,
    py: Python<'py>,
) -> PyResult<Py<PyAny>> {
    Ok(PyList::new(py, handles.into_iter().collect::<Vec<_>>())?.into_any().unbind())
}
