//! `Coroutine`: what every native coroutine is. `Steps`: what a kind of them does.
//!
//! ```text
//! New ── begin ──▶ Running ── yields ──▶ Waiting ── go_on, thrown ──▶ Running
//!  │                  └─ returns, raises ─▶ Ended ◀── closed, dropped: leave ── Waiting
//!  └── closed, thrown ──▶ Ended         (New and dropped: a warning that nobody awaited it)
//! ```
//!
//! A coroutine that runs, or has ended, refuses to go on, as the interpreter's own does; its `Steps` are not called. A coroutine
//! that has ended holds nothing any more, unless its kind says so.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::Borrowed;
use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::args::Args;
pub(crate) use super::call::Step;
use super::entry::{attached, enter};
use super::heap_type::{Native, Place, Visitor, state};
use super::held::Held;
use super::members::{Members, getter, method, one_method};
use super::raised::{self, COROUTINE, ITERATOR, Wording, thrown};
use super::stop::{Stop, stop_with, stopped};
use crate::compat;

/// How far a coroutine has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    New,
    Running,
    Waiting,
    Ended,
}

/// The type of a kind of native coroutines; `kind!` implements it.
pub(crate) trait Kind: Held + 'static {
    /// The full name of the type.
    const TYPE: &'static CStr;
    const DOC: &'static CStr;
    /// How many dead ones are kept for reuse.
    const KEPT: usize = 0;
    /// Whether its steps drop no `Py`, so that they need not be counted in (`entry::enter`).
    const LIGHT: bool = true;
    /// Whether one object serves all awaits. It is always new.
    const SHARED: bool = false;

    /// Where the type is kept once made.
    fn place() -> &'static Place;
}

/// `kind!(Steps, c"type", c"doc"[, CONSTANT: type = value]*)`
macro_rules! kind {
    ($steps:ty, $type:literal, $doc:literal $(, $constant:ident: $kind:ty = $value:literal)*) => {
        impl $crate::ffi::coroutine::Kind for $steps {
            const TYPE: &'static std::ffi::CStr = $type;
            const DOC: &'static std::ffi::CStr = $doc;
            $(const $constant: $kind = $value;)*

            $crate::ffi::held::kept!();
        }
    };
}

pub(crate) use kind;

/// What a kind of native coroutines does.
pub(crate) trait Steps: Kind {
    /// Whether one that has ended holds nothing but its `Stop` any more.
    const QUIET: bool = true;

    /// asyncio's name for the coroutine, with its class.
    fn name(&self) -> &'static str;

    /// The first step.
    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>>;

    /// The next step. A kind that never waits needs none.
    fn go_on<'py>(&self, _: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        Err(reused())
    }

    /// `error` is raised where the coroutine waits. The coroutine ends with it, unless what it awaits handles the error.
    fn thrown<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        self.leave(this.py())?;
        Err(error)
    }

    /// The coroutine waits, and will not go on.
    fn leave(&self, _: Python<'_>) -> PyResult<()> {
        Ok(())
    }

    /// The coroutine has ended.
    #[inline]
    fn end(&self, _: Python<'_>) {
        self.empty();
    }

    /// The error texts for a wrong call of `throw()`: those of what the coroutine waits for, mostly a future's iterator.
    fn wording(&self) -> &'static Wording {
        &ITERATOR
    }

    /// Where the coroutine keeps the exception by which it returned a value, if its kind ends often.
    fn stop(&self) -> Option<&Stop> {
        None
    }

    /// Attributes of its own.
    fn members() -> Members {
        Members::default()
    }
}

/// See the module.
#[repr(C)]
pub(crate) struct Coroutine<S: Steps> {
    /// First, so that an I/O object's `Head` can be the first of all.
    pub(crate) steps: S,
    life: Cell<Life>,
}

impl<S: Steps> Coroutine<S> {
    pub(crate) fn new(steps: S) -> Self {
        Coroutine { steps, life: Cell::new(Life::New) }
    }

    pub(crate) fn life(&self) -> Life {
        self.life.get()
    }

    /// Goes on until it has to wait, or is done.
    #[expect(
        clippy::inline_always,
        reason = "outlined, which is chance, it takes 2 % more instructions of an awaited lock or queue"
    )]
    #[inline(always)]
    fn step<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        if S::SHARED {
            return self.steps.begin(this);
        }
        match self.life.replace(Life::Running) {
            Life::New => self.settle(this, self.steps.begin(this)),
            Life::Waiting => self.settle(this, self.steps.go_on(this)),
            other => {
                self.life.set(other);
                Err(if other == Life::Ended { reused() } else { running() })
            }
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "outlined, which is chance, it takes 2 % more instructions of an awaited lock or queue"
    )]
    #[inline(always)]
    fn settle<'py>(&self, this: &Bound<'py, PyAny>, step: PyResult<Step<'py>>) -> PyResult<Step<'py>> {
        if let Ok(Step::Yield(_)) = &step {
            self.life.set(Life::Waiting);
        } else {
            self.end(this.py());
        }
        step.map_err(|error| never_stop(this.py(), error))
    }

    /// It has ended; also one that never began, since what it would do was done.
    #[inline]
    pub(crate) fn end(&self, py: Python<'_>) {
        self.life.set(Life::Ended);
        self.steps.end(py);
    }

    fn throw<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        match self.life.get() {
            Life::Waiting => {
                self.life.set(Life::Running);
                return self.settle(this, self.steps.thrown(this, error));
            }
            Life::Running => return Err(running()),
            Life::New if !S::SHARED => self.end(this.py()),
            Life::New | Life::Ended => {}
        }
        Err(error)
    }

    /// Ends the coroutine where it waits. Does nothing if it has ended.
    fn close(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.life.get() == Life::Running { Err(running()) } else { self.give_up(this.py()) }
    }

    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        if S::SHARED || self.life.get() == Life::Ended {
            return Ok(());
        }
        let left = match self.life.replace(Life::Running) {
            Life::Waiting => self.steps.leave(py),
            _ => Ok(()),
        };
        self.end(py);
        left
    }

    /// As `close`, where no caller can get an error.
    fn die(&self) {
        let give_up = |py: Python<'_>| {
            if let Err(error) = self.give_up(py) {
                error.write_unraisable(py, None);
            }
        };
        // SAFETY: CPython clears and frees objects attached.
        unsafe { attached(give_up) }
    }

    fn qualified_name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(PyString::new(this.py(), self.steps.name()).into_any().unbind())
    }

    fn short_name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let short = self.steps.name().rsplit('.').next().unwrap_or_default();
        Ok(PyString::new(this.py(), short).into_any().unbind())
    }

    fn is_running(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.life() == Life::Running)
    }
}

impl<S: Steps> Native for Coroutine<S> {
    const NAME: &'static CStr = S::TYPE;
    const DOC: &'static CStr = S::DOC;
    const KEPT: usize = S::KEPT;

    fn place() -> &'static Place {
        S::place()
    }

    fn members() -> Members {
        Members::default()
            .slot(ffi::Py_am_await, itself as ffi::unaryfunc as *mut c_void)
            .slot(ffi::Py_tp_iter, itself as ffi::unaryfunc as *mut c_void)
            .slot(ffi::Py_tp_iternext, next::<S> as ffi::iternextfunc as *mut c_void)
            .slot(ffi::Py_am_send, send_slot::<S> as ffi::sendfunc as *mut c_void)
            .one_method(c"send", c"Go on.", send::<S>)
            .method(c"throw", c"Raise an exception where it waits.", throw::<S>)
            .bare_method(c"close", c"End it where it waits.", close::<S>)
            .attribute(c"cr_frame", no_frame, None)
            .attribute(c"cr_running", is_running::<S>, None)
            .attribute(c"__qualname__", qualified_name::<S>, None)
            .attribute(c"__name__", short_name::<S>, None)
            .and(S::members())
    }

    fn traverse(&self, visitor: &mut Visitor<'_>) {
        self.steps.show(visitor);
        if let Some(stop) = self.steps.stop() {
            stop.slot().show(visitor);
        }
    }

    /// A coroutine that was never begun stays new, for the warning that nobody awaited it.
    fn clear(&self) {
        if self.life.get() == Life::New {
            self.steps.empty();
        } else {
            self.die();
        }
    }

    fn is_quiet(&self) -> bool {
        S::QUIET && self.life.get() == Life::Ended
    }
}

impl<S: Steps> Drop for Coroutine<S> {
    #[inline]
    fn drop(&mut self) {
        match self.life.get() {
            Life::Ended => {}
            Life::New if !S::SHARED => warn_never_awaited(self.steps.name()),
            _ => self.die(),
        }
    }
}

/// Warns of a coroutine that died before anybody had awaited it, as the interpreter does of its own.
fn warn_never_awaited(name: &str) {
    let warn = |py: Python<'_>| {
        let text = CString::new(format!("coroutine '{name}' was never awaited")).unwrap_or_default();
        let pending = PyErr::take(py);
        if let Err(error) = PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 1) {
            error.write_unraisable(py, None);
        }
        if let Some(error) = pending {
            error.restore(py);
        }
    };
    // SAFETY: CPython frees objects attached.
    unsafe { attached(warn) }
}

/// The types of native coroutines, one for each kind.
static TYPES: [AtomicPtr<ffi::PyTypeObject>; 14] = [const { AtomicPtr::new(ptr::null_mut()) }; 14];

/// Enters the type of a kind. The type was made before.
pub(crate) fn enlist<S: Steps>() {
    let free = TYPES.iter().find(|known| known.load(Ordering::Relaxed).is_null());
    debug_assert!(free.is_some(), "too few places");
    if let Some(free) = free {
        free.store(S::place().object(), Ordering::Relaxed);
    }
}

/// Whether `object` is a native coroutine of ours.
pub(crate) fn is_ours(object: &Bound<'_, PyAny>) -> bool {
    TYPES.iter().any(|known| known.load(Ordering::Relaxed) == object.get_type_ptr())
}

/// Tools that follow what a task awaits look for a frame in any object with a `cr_await`.
// SAFETY: called by CPython only, as its slot or table promises.
unsafe extern "C" fn no_frame(_: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: attached.
    unsafe { ffi::Py_NewRef(ffi::Py_None()) }
}

// SAFETY: called by CPython only, as its slot or table promises.
unsafe extern "C" fn itself(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a live object, attached.
    unsafe { ffi::Py_NewRef(this) }
}

unsafe extern "C" fn send_slot<S: Steps>(
    this: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type.
        let step = unsafe { state::<Coroutine<S>>(this).step(&Borrowed::from_ptr(py, this)) }?;
        Ok(match step {
            Step::Yield(value) => (ffi::PySendResult::PYGEN_NEXT, value.into_ptr()),
            Step::Return(value) => (ffi::PySendResult::PYGEN_RETURN, value.into_ptr()),
        })
    };
    let failed = (ffi::PySendResult::PYGEN_ERROR, ptr::null_mut());
    // SAFETY: CPython calls this attached, and gives a place for the result.
    unsafe {
        let (status, value) =
            if S::LIGHT { enter::<true, _>(body, failed) } else { enter::<false, _>(body, failed) };
        result.write(value);
        status
    }
}

/// What the interpreter calls for `await`.
// SAFETY: called by CPython only, as its slot or table promises.
unsafe extern "C" fn next<S: Steps>(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of our type.
        let (state, this) = unsafe { (state::<Coroutine<S>>(this), Borrowed::from_ptr(py, this)) };
        Ok(match state.step(&this)? {
            Step::Yield(value) => value.into_ptr(),
            Step::Return(value) => {
                match state.steps.stop() {
                    Some(stop) => stop.raise(&value),
                    None => stop_with(&value),
                }
                ptr::null_mut()
            }
        })
    };
    let failed = ptr::null_mut();
    // SAFETY: CPython calls this attached.
    unsafe { if S::LIGHT { enter::<true, _>(body, failed) } else { enter::<false, _>(body, failed) } }
}

// SAFETY: as above.
unsafe extern "C" fn send<S: Steps>(
    this: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |state: &Coroutine<S>, this: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>| {
        if state.life() == Life::New && !value.is_none() {
            let text = "can't send non-None value to a just-started coroutine";
            return Err(PyTypeError::new_err(text));
        }
        resume(state, this).map(Bound::unbind)
    };
    // SAFETY: CPython calls this for a method of the type of `S`.
    unsafe { one_method::<false, Coroutine<S>, Py<PyAny>>(this, value, body) }
}

unsafe extern "C" fn throw<S: Steps>(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |state: &Coroutine<S>, this: &Bound<'_, PyAny>, args: Args<'_, '_>| {
        let error = match state.life() {
            Life::New => thrown(this.py(), &args, &COROUTINE)?,
            // The object that it waits for refuses the call. That error is raised where the coroutine waits.
            Life::Running | Life::Waiting => {
                thrown(this.py(), &args, state.steps.wording()).unwrap_or_else(|mistake| mistake)
            }
            Life::Ended => return thrown(this.py(), &args, &COROUTINE).and(Err(reused())),
        };
        let is_as_it_is = compat::NEW_ONES_RAISE_STOP && state.life() == Life::New;
        let step = state
            .throw(this, error)
            .map_err(|error| if is_as_it_is { error } else { never_stop(this.py(), error) });
        answer(step).map(Bound::unbind)
    };
    // SAFETY: CPython calls this for a method of the type of `S`.
    unsafe { method::<false, Coroutine<S>, Py<PyAny>>(this, values, positional, names, body) }
}

unsafe extern "C" fn close<S: Steps>(this: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython calls this for a method of the type of `S`.
    unsafe { getter::<false, Coroutine<S>, ()>(this, Coroutine::close) }
}

// SAFETY: called by CPython only, as its table promises.
unsafe extern "C" fn qualified_name<S: Steps>(
    this: *mut ffi::PyObject,
    _: *mut c_void,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls this for an attribute of the type of `S`.
    unsafe { getter::<false, Coroutine<S>, _>(this, Coroutine::qualified_name) }
}

// SAFETY: as above.
unsafe extern "C" fn short_name<S: Steps>(this: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: as above.
    unsafe { getter::<false, Coroutine<S>, _>(this, Coroutine::short_name) }
}

// SAFETY: as above.
unsafe extern "C" fn is_running<S: Steps>(this: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: as above.
    unsafe { getter::<false, Coroutine<S>, _>(this, Coroutine::is_running) }
}

/// The error of a step. A program's function may have raised a `StopIteration`.
#[cold]
fn never_stop(py: Python<'_>, error: PyErr) -> PyErr {
    if error.is_instance_of::<PyStopIteration>(py) { raised_stop(py, &error) } else { error }
}

/// The error that replaces a `StopIteration`, since that would mean that the coroutine has returned.
fn raised_stop(py: Python<'_>, stop: &PyErr) -> PyErr {
    let error = PyRuntimeError::new_err("coroutine raised StopIteration");
    let (value, stop) = (error.value(py), raised::value(py, stop));
    raised::set_cause(value, &stop);
    raised::set_context(value, &stop);
    error
}

/// The error of a coroutine that runs.
fn running() -> PyErr {
    PyValueError::new_err("coroutine already executing")
}

/// The error of a coroutine that has ended.
fn reused() -> PyErr {
    PyRuntimeError::new_err("cannot reuse already awaited coroutine")
}

/// One step for callers that want `StopIteration`.
fn resume<'py, S: Steps>(state: &Coroutine<S>, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    answer(state.step(this))
}

fn answer(step: PyResult<Step<'_>>) -> PyResult<Bound<'_, PyAny>> {
    match step? {
        Step::Yield(value) => Ok(value),
        Step::Return(value) => {
            let py = value.py();
            stop_with(&value);
            Err(stopped(py, false))
        }
    }
}
