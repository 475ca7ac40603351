//! Calling Python: a callable in a context, a method, a coroutine, signal handlers.

use std::io;
use std::ptr;
use std::time::Duration;

use ferrio_engine::Loop;
use pyo3::exceptions::PyStopIteration;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::held::Held;
use super::reference::Ref;
use super::visitor::Visitor;
use super::word::Word;
use crate::ffi::nesting;

/// How many arguments a callback keeps without a tuple. asyncio's own callbacks have at most two. With a tuple always
/// `call_soon_chain` takes 2.7 % more instructions.
pub(crate) const INLINE: usize = 3;

/// The arguments of a callback.
pub(crate) enum Arguments {
    Few([Option<Ref>; INLINE]),
    /// A tuple.
    Many(Ref),
}

/// A callable and what to call it with.
pub(crate) struct Call {
    pub(crate) callback: Ref,
    pub(crate) arguments: Arguments,
}

impl Call {
    /// The arguments as a tuple.
    pub(crate) fn tuple<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match &self.arguments {
            Arguments::Few(few) => {
                PyTuple::new(py, few.iter().flatten().map(|value| value.bind(py)).collect::<Vec<_>>())
            }
            Arguments::Many(tuple) => Ok(tuple.bind(py).to_owned().cast_into()?),
        }
    }

    /// Another reference to callable and arguments, for the time of a call: the callback may cancel the handle that holds the first.
    pub(crate) fn hold(&self, py: Python<'_>) -> Call {
        let arguments = match &self.arguments {
            Arguments::Few(few) => {
                Arguments::Few(few.each_ref().map(|value| value.as_ref().map(|v| v.clone_ref(py))))
            }
            Arguments::Many(tuple) => Arguments::Many(tuple.clone_ref(py)),
        };
        Call { callback: self.callback.clone_ref(py), arguments }
    }

    /// Calls, and drops what it returns.
    pub(crate) fn call(&self, py: Python<'_>) -> PyResult<()> {
        let result = match &self.arguments {
            Arguments::Few(few) => {
                let mut stack = [ptr::null_mut(); INLINE + 1];
                let mut count = 0;
                for (place, value) in stack[1..].iter_mut().zip(few) {
                    let Some(value) = value else { break };
                    *place = value.as_ptr();
                    count += 1;
                }
                vectorcall(py, self.callback.as_ptr(), &mut stack, count)
            }
            Arguments::Many(tuple) => call_tuple(&self.callback.bind(py), &tuple.bind(py)),
        };
        result.map(drop)
    }
}

impl Held for Call {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.callback.show(visitor);
        match &self.arguments {
            Arguments::Few(few) => few.iter().for_each(|value| value.show(visitor)),
            Arguments::Many(tuple) => tuple.show(visitor),
        }
    }
}

/// `callable(*tuple)`.
pub(crate) fn call_tuple<'py>(
    callable: &Bound<'py, PyAny>,
    tuple: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let guard = Hang;
    // SAFETY: ATTACHED, live objects.
    let result = unsafe {
        opaque(unwinding::PyObject_Call as CallObject)(callable.as_ptr(), tuple.as_ptr(), ptr::null_mut())
    };
    std::mem::forget(guard);
    // SAFETY: a new reference, or null and an error.
    unsafe { Bound::from_owned_ptr_or_err(callable.py(), result) }
}

/// `stack` is one free place, then `count` arguments.
fn vectorcall<'py, const N: usize>(
    py: Python<'py>,
    callable: *mut ffi::PyObject,
    stack: &mut [*mut ffi::PyObject; N],
    count: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let guard = Hang;
    // SAFETY: ATTACHED, live objects; the free place in front is what the offset flag promises.
    let result = unsafe {
        let arguments = stack.as_mut_ptr().add(1);
        let flags = count | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        opaque(unwinding::PyObject_Vectorcall as Vectorcall)(callable, arguments, flags, ptr::null_mut())
    };
    std::mem::forget(guard);
    // SAFETY: a new reference, or null and an error.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// `stack` is the object, then the arguments. With a bound method `echo_protocol` takes 13 % more instructions.
fn vectorcall_method<'py>(
    py: Python<'py>,
    name: &Bound<'py, PyString>,
    stack: &[*mut ffi::PyObject],
) -> PyResult<Bound<'py, PyAny>> {
    let guard = Hang;
    // SAFETY: ATTACHED, live objects.
    let result = unsafe {
        opaque(unwinding::PyObject_VectorcallMethod as Vectorcall)(
            name.as_ptr(),
            stack.as_ptr(),
            stack.len(),
            ptr::null_mut(),
        )
    };
    std::mem::forget(guard);
    // SAFETY: a new reference, or null and an error.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// Up to Python 3.13 an interpreter that ends unwinds the stacks of daemon threads that run Python code, and Rust frames
/// must not be unwound like that. Dropped in the course of it, this stops the thread where it is, for the moments that
/// the process has left; Python 3.14 does the same by itself.
struct Hang;

impl Drop for Hang {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

type Vectorcall = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;
type IterSend = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut *mut ffi::PyObject,
) -> ffi::PySendResult;
type CallObject = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// A function that the optimiser does not recognise. pyo3 declares the same symbols as functions which never unwind, and
/// where it saw that declaration first it would leave the guard out.
fn opaque<F>(function: F) -> F {
    std::hint::black_box(function)
}

/// The calls that run users' code, declared as what they are: functions that may unwind (see `Hang`).
mod unwinding {
    use pyo3::ffi::{PyObject, PySendResult};

    unsafe extern "C-unwind" {
        pub(super) fn PyObject_Vectorcall(
            callable: *mut PyObject,
            arguments: *const *mut PyObject,
            flags: usize,
            names: *mut PyObject,
        ) -> *mut PyObject;
        pub(super) fn PyObject_VectorcallMethod(
            name: *mut PyObject,
            arguments: *const *mut PyObject,
            flags: usize,
            names: *mut PyObject,
        ) -> *mut PyObject;
        pub(super) fn PyObject_Call(
            callable: *mut PyObject,
            arguments: *mut PyObject,
            names: *mut PyObject,
        ) -> *mut PyObject;
        pub(super) fn PyIter_Send(
            iterator: *mut PyObject,
            value: *mut PyObject,
            answer: *mut *mut PyObject,
        ) -> PySendResult;
    }
}

/// A copy of the current context.
pub(crate) fn copy_context(py: Python<'_>) -> PyResult<Ref> {
    // SAFETY: ATTACHED.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()).map(Ref::from) }
}

/// Runs `body` in `context`, which must not be entered already. If a loop runs in a callback of a loop, the context may be
/// entered: then as `in_shared_context`.
pub(crate) fn in_context<R>(context: &Bound<'_, PyAny>, body: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    match enter(context) {
        Ok(()) => inside(context, body),
        Err(_) if nesting::is_nested() => body(),
        Err(error) => Err(error),
    }
}

/// As `in_context`. If `context` is entered already, further up the stack, `body` runs in the present context.
pub(crate) fn in_shared_context<R>(
    context: &Bound<'_, PyAny>,
    body: impl FnOnce() -> PyResult<R>,
) -> PyResult<R> {
    if enter(context).is_ok() { inside(context, body) } else { body() }
}

fn enter(context: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: ATTACHED; Enter answers with an error for what is not a context, or one that is entered already.
    let entered = unsafe { ffi::PyContext_Enter(context.as_ptr()) } == 0;
    if entered { Ok(()) } else { Err(PyErr::fetch(context.py())) }
}

/// Runs `body` and leaves `context`, which was entered.
fn inside<R>(context: &Bound<'_, PyAny>, body: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    let result = body();
    // SAFETY: entered by the caller. It fails only when `body` left another context entered.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } != 0 {
        let error = PyErr::fetch(context.py());
        return result.and(Err(error));
    }
    result
}

/// Runs Python's handlers of signals that arrived; does nothing but on the main thread.
pub(crate) fn check_signals(py: Python<'_>) -> PyResult<()> {
    py.check_signals()
}

/// Waits for events while other threads have the interpreter.
pub(crate) fn wait_detached(
    py: Python<'_>,
    engine: &Loop<Word>,
    timeout: Option<Duration>,
) -> io::Result<()> {
    struct Waiting<'a>(&'a Loop<Word>);
    // SAFETY: the closure below runs on this very thread, and `wait` touches nothing that an attached thread touches:
    // the event list belongs to the thread that runs the loop, the rest is in the kernel or atomic.
    unsafe impl Send for Waiting<'_> {}
    let waiting = Waiting(engine);
    py.detach(move || {
        let waiting = waiting;
        waiting.0.wait(timeout)
    })
}

/// Whether it is a context.
pub(crate) fn is_context(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a live object.
    unsafe { ffi::PyContext_CheckExact(object.as_ptr()) != 0 }
}

/// A copy of `context`, which is one.
pub(crate) fn copy_of(context: &Bound<'_, PyAny>) -> PyResult<Ref> {
    // SAFETY: ATTACHED; what is not a context is an error.
    unsafe {
        Bound::from_owned_ptr_or_err(context.py(), ffi::PyContext_Copy(context.as_ptr())).map(Ref::from)
    }
}

/// Whether the object is a coroutine of the interpreter's own type.
pub(crate) fn is_native_coroutine(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: ATTACHED, a live object.
    unsafe { ffi::PyCoro_CheckExact(object.as_ptr()) != 0 }
}

/// The value of an exact int or float. `None` for any other object, and for an int that is too large. Where such numbers are
/// treated as any other, `timer_cancel` takes 12 % more instructions.
pub(crate) fn plain_number(object: &Bound<'_, PyAny>) -> Option<f64> {
    // SAFETY: ATTACHED, a live object whose type is checked first.
    unsafe {
        if ffi::PyFloat_CheckExact(object.as_ptr()) != 0 {
            return Some(ffi::PyFloat_AS_DOUBLE(object.as_ptr()));
        }
        if ffi::PyLong_CheckExact(object.as_ptr()) == 0 {
            return None;
        }
        let value = ffi::PyLong_AsDouble(object.as_ptr());
        if !ffi::PyErr_Occurred().is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(value)
    }
}

/// Whether it is a plain generator.
pub(crate) fn is_generator(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: ATTACHED, a live object.
    unsafe { ffi::PyGen_CheckExact(object.as_ptr()) != 0 }
}

/// What one step of a coroutine came to.
pub(crate) enum Step<'py> {
    /// The coroutine waits for this future, or with None for one turn of the loop.
    Yield(Bound<'py, PyAny>),
    /// The coroutine has returned this.
    Return(Bound<'py, PyAny>),
}

/// `coroutine.send(None)`. Outlined, `wait_for` takes 3.8 % more instructions.
#[inline]
pub(crate) fn send_none<'py>(coroutine: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
    let py = coroutine.py();
    let mut answer = ptr::null_mut();
    let guard = Hang;
    // SAFETY: ATTACHED, live objects; the answer is a new reference unless there is an error.
    unsafe {
        let status =
            opaque(unwinding::PyIter_Send as IterSend)(coroutine.as_ptr(), ffi::Py_None(), &raw mut answer);
        std::mem::forget(guard);
        match status {
            ffi::PySendResult::PYGEN_NEXT => Ok(Step::Yield(Bound::from_owned_ptr(py, answer))),
            ffi::PySendResult::PYGEN_RETURN => Ok(Step::Return(Bound::from_owned_ptr(py, answer))),
            ffi::PySendResult::PYGEN_ERROR => Err(PyErr::fetch(py)),
        }
    }
}

/// `coroutine.throw(error)`.
pub(crate) fn throw_into<'py>(
    coroutine: &Bound<'py, PyAny>,
    error: &Bound<'py, PyAny>,
) -> PyResult<Step<'py>> {
    let py = coroutine.py();
    match call_method1(coroutine, pyo3::intern!(py, "throw"), error) {
        Ok(answer) => Ok(Step::Yield(answer)),
        Err(end) if end.is_instance_of::<PyStopIteration>(py) => {
            Ok(Step::Return(end.value(py).getattr(pyo3::intern!(py, "value"))?))
        }
        Err(error) => Err(error),
    }
}

/// Calls `object.name()` without making a bound method.
pub(crate) fn call_method0<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    vectorcall_method(object.py(), name, &[object.as_ptr()])
}

/// Calls `object.name(argument)` without making a bound method.
pub(crate) fn call_method1<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    argument: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let stack = [object.as_ptr(), argument.as_ptr()];
    vectorcall_method(object.py(), name, &stack)
}

/// Calls `object.name(first, second)` without making a bound method.
pub(crate) fn call_method2<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    first: &Bound<'py, PyAny>,
    second: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let stack = [object.as_ptr(), first.as_ptr(), second.as_ptr()];
    vectorcall_method(object.py(), name, &stack)
}

/// Calls `callable(first, second)`.
pub(crate) fn call2<'py>(
    callable: &Bound<'py, PyAny>,
    first: &Bound<'py, PyAny>,
    second: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut stack = [ptr::null_mut(), first.as_ptr(), second.as_ptr()];
    vectorcall(callable.py(), callable.as_ptr(), &mut stack, 2)
}

/// Calls `callable(first, second, third)`.
pub(crate) fn call3<'py>(
    callable: &Bound<'py, PyAny>,
    first: &Bound<'py, PyAny>,
    second: &Bound<'py, PyAny>,
    third: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut stack = [ptr::null_mut(), first.as_ptr(), second.as_ptr(), third.as_ptr()];
    vectorcall(callable.py(), callable.as_ptr(), &mut stack, 3)
}

/// A context with nothing in it.
pub(crate) fn new_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: ATTACHED.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_New()) }
}
