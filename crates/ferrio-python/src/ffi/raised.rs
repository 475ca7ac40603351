//! What the interpreter keeps in an exception, by its own functions: a class of exceptions may refuse to have attributes
//! set, or hide them behind properties of its own.

use std::ptr;

use pyo3::exceptions::{PyBaseException, PyDeprecationWarning, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::args::Args;
use crate::compat;

/// The exception of `error`, with its traceback, which before Python 3.12 is kept beside it.
pub(crate) fn value<'py>(py: Python<'py>, error: &PyErr) -> Bound<'py, PyAny> {
    let value = error.value(py).clone().into_any();
    if !compat::TRACEBACK_INSIDE
        && let Some(traceback) = error.traceback(py)
    {
        set_traceback(&value, Some(traceback.into_any()));
    }
    value
}

/// Raises the exception `error`, as `raise` does: its context is the exception that is handled just now.
pub(crate) fn raise(error: &Bound<'_, PyAny>) -> PyErr {
    // SAFETY: ATTACHED, an exception and its class.
    unsafe { ffi::PyErr_SetObject(error.get_type_ptr().cast(), error.as_ptr()) };
    PyErr::fetch(error.py())
}

/// Runs `body` as an `except` block that caught `error`, which is an exception, does: an exception handler of the program's
/// own may ask `sys.exc_info()`, as `logging.exception()` does.
pub(crate) fn handling<R>(error: &Bound<'_, PyAny>, body: impl FnOnce() -> R) -> R {
    let _present = Handled::replaced_by(error);
    body()
}

/// What was handled before, which is so again when this is dropped.
struct Handled<'py> {
    py: Python<'py>,
    /// What the running coroutine, or else the thread's plain code, handles itself; what others below it do is not touched.
    own: Option<Bound<'py, PyAny>>,
}

impl<'py> Handled<'py> {
    fn replaced_by(error: &Bound<'py, PyAny>) -> Self {
        let py = error.py();
        let topmost = handled(py);
        let own = topmost.filter(|topmost| {
            set_handled(py, None);
            // Seen without it, too: it is somebody else's.
            !handled(py).is_some_and(|below| below.is(topmost))
        });
        set_handled(py, Some(error));
        Handled { py, own }
    }
}

impl Drop for Handled<'_> {
    fn drop(&mut self) {
        set_handled(self.py, self.own.as_ref());
    }
}

fn handled(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    // SAFETY: ATTACHED; a new reference, or null for none.
    let handled = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyErr_GetHandledException()) };
    handled.filter(|handled| !handled.is_none())
}

fn set_handled(py: Python<'_>, error: Option<&Bound<'_, PyAny>>) {
    let none = py.None();
    // SAFETY: ATTACHED, an exception or None; the call takes a reference of its own.
    unsafe { ffi::PyErr_SetHandledException(error.map_or(none.as_ptr(), Bound::as_ptr)) };
}

/// The traceback of `error`, which is an exception.
pub(crate) fn traceback<'py>(error: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: ATTACHED, an exception; a new reference, or null for none.
    unsafe { Bound::from_owned_ptr_or_opt(error.py(), ffi::PyException_GetTraceback(error.as_ptr())) }
}

/// Gives `error`, which is an exception, that traceback or none.
pub(crate) fn set_traceback(error: &Bound<'_, PyAny>, traceback: Option<Bound<'_, PyAny>>) {
    let py = error.py();
    let traceback = traceback.unwrap_or_else(|| py.None().into_bound(py));
    // SAFETY: ATTACHED, an exception, and what an exception gave as its traceback or None: this cannot fail.
    unsafe { ffi::PyException_SetTraceback(error.as_ptr(), traceback.as_ptr()) };
}

/// `error`, which is an exception, was raised while `context` was handled.
pub(crate) fn set_context(error: &Bound<'_, PyAny>, context: &Bound<'_, PyAny>) {
    // SAFETY: ATTACHED, two exceptions; the reference that is passed is taken over.
    unsafe { ffi::PyException_SetContext(error.as_ptr(), context.clone().into_ptr()) };
}

/// `error`, which is an exception, was raised because of `cause`.
pub(crate) fn set_cause(error: &Bound<'_, PyAny>, cause: &Bound<'_, PyAny>) {
    // SAFETY: as above.
    unsafe { ffi::PyException_SetCause(error.as_ptr(), cause.clone().into_ptr()) };
}

/// How a kind of object words mistakes in a call of its `throw()`.
pub(crate) struct Wording {
    traceback: &'static str,
    kind: &'static str,
    /// Whether the name of the wrong type follows.
    named: bool,
}

/// A coroutine's.
pub(crate) static COROUTINE: Wording = Wording {
    traceback: "throw() third argument must be a traceback object",
    kind: "exceptions must be classes or instances deriving from BaseException",
    named: true,
};

/// A future's iterator's.
pub(crate) static ITERATOR: Wording = Wording {
    traceback: "throw() third argument must be a traceback",
    kind: "exceptions must be classes deriving BaseException or instances of such a class",
    named: false,
};

/// What `throw(type, value=None, traceback=None)` was called with, as one exception. An error is a mistake of the call:
/// then nothing was thrown.
pub(crate) fn thrown(py: Python<'_>, args: &Args<'_, '_>, wording: &Wording) -> PyResult<PyErr> {
    let given = args.only_positional("throw", 1, 3)?;
    if compat::THROW_WARNS && given.len() > 1 {
        let text =
            c"the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.";
        PyErr::warn(py, &py.get_type::<PyDeprecationWarning>(), text, 1)?;
    }
    let optional = |place: usize| given.get(place).filter(|value| !value.is_none());
    let (kind, value, traceback) = (given[0], optional(1), optional(2));
    // SAFETY: ATTACHED, a live object.
    if traceback.is_some_and(|traceback| unsafe { ffi::PyTraceBack_Check(traceback.as_ptr()) } == 0) {
        return Err(PyTypeError::new_err(wording.traceback));
    }
    if kind.is_instance_of::<PyBaseException>() {
        if value.is_some() {
            return Err(PyTypeError::new_err("instance exception may not have a separate value"));
        }
        if let Some(traceback) = traceback {
            set_traceback(&kind, Some((**traceback).clone()));
        }
        return Ok(PyErr::from_value((*kind).clone()));
    }
    let class = kind.cast::<PyType>().ok().map(|class| class.is_subclass_of::<PyBaseException>());
    if !class.unwrap_or(Ok(false))? {
        if !wording.named {
            return Err(PyTypeError::new_err(wording.kind));
        }
        // SAFETY: a live type, whose name lives as long.
        let name = unsafe { std::ffi::CStr::from_ptr((*ffi::Py_TYPE(kind.as_ptr())).tp_name) };
        return Err(PyTypeError::new_err(format!("{}, not {}", wording.kind, name.to_string_lossy())));
    }
    Ok(normalized(&kind, value.map(|value| &**value), traceback.map(|traceback| &**traceback)))
}

/// The exception that raising a class with a value gives; or what making that raised.
fn normalized(
    class: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
    traceback: Option<&Bound<'_, PyAny>>,
) -> PyErr {
    let py = class.py();
    let owned =
        |object: Option<&Bound<'_, PyAny>>| object.map_or(ptr::null_mut(), |it| it.clone().into_ptr());
    let (mut kind, mut value, mut trace) = (owned(Some(class)), owned(value), owned(traceback));
    // SAFETY: ATTACHED; three owned references or nulls, which the call replaces by others of the kind.
    #[allow(deprecated)]
    let (value, trace) = unsafe {
        ffi::PyErr_NormalizeException(&raw mut kind, &raw mut value, &raw mut trace);
        drop(Bound::from_owned_ptr_or_opt(py, kind));
        (Bound::from_owned_ptr_or_opt(py, value), Bound::from_owned_ptr_or_opt(py, trace))
    };
    let value = value.unwrap_or_else(|| class.clone());
    if let Some(trace) = trace.filter(|_| value.is_instance_of::<PyBaseException>()) {
        set_traceback(&value, Some(trace));
    }
    PyErr::from_value(value)
}
