//! How deep a program may nest native calls: in a chain of `wait_for()`, or of cancelled tasks.
//!
//! Code that calls itself looks at how much stack is left, and raises `RecursionError`, as the interpreter does. Up to Python
//! 3.13 the interpreter counts calls instead, with a limit for a main thread's stack: a thread of 512 KiB has room for far
//! fewer. A loop that follows a chain takes no stack, and counts as the interpreter counts.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::PyRecursionError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::compat;

/// What has to be left of the stack, in bytes: enough for whatever the interpreter calls before it looks itself.
const LEFT: usize = 48 * 1024;

/// What a chain that takes no stack may come to from Python 3.14 on, where the interpreter looks at the stack alone. A
/// chain that leads back into itself ends by this.
const LONGEST: usize = 100_000;

// Asked anew each time, `wait_for` takes a hundred times the instructions.
thread_local!(static LOWEST: Cell<usize> = const { Cell::new(usize::MAX) });

/// Runs `body`, which may come here again; `doing` completes the text of the error ("while ...").
#[inline]
pub(crate) fn nested<R>(doing: &'static CStr, body: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    if is_low_on_stack() { Err(too_deep(doing)) } else { body() }
}

/// A chain that is followed in a loop. Each of its links counts as a call.
pub(crate) struct Chain {
    doing: &'static CStr,
    links: Vec<Counted>,
}

impl Chain {
    pub(crate) fn new(doing: &'static CStr) -> Self {
        Chain { doing, links: Vec::new() }
    }

    /// Goes one link further.
    pub(crate) fn enter(&mut self, py: Python<'_>) -> PyResult<()> {
        if compat::COUNTS_NO_CALLS && self.links.len() >= LONGEST {
            return Err(too_deep(self.doing));
        }
        self.links.push(Counted::new(py, self.doing)?);
        Ok(())
    }

    /// Goes one link back.
    pub(crate) fn leave(&mut self) {
        drop(self.links.pop());
    }
}

#[cold]
fn too_deep(doing: &CStr) -> PyErr {
    PyRecursionError::new_err(format!("maximum recursion depth exceeded{}", doing.to_string_lossy()))
}

/// One call more in the interpreter's count.
struct Counted;

impl Counted {
    fn new(py: Python<'_>, doing: &'static CStr) -> PyResult<Self> {
        // SAFETY: ATTACHED.
        let entered = unsafe { ffi::Py_EnterRecursiveCall(doing.as_ptr()) } == 0;
        if entered { Ok(Counted) } else { Err(PyErr::fetch(py)) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // SAFETY: ATTACHED; it was entered.
        unsafe { ffi::Py_LeaveRecursiveCall() };
    }
}

/// Whether this thread's stack is nearly used up. A stack that is not the thread's own, as some libraries make them, is
/// not judged.
fn is_low_on_stack() -> bool {
    let marker = 0_u8;
    let here = std::hint::black_box(&raw const marker).addr();
    let lowest = LOWEST.get();
    let lowest = if lowest == usize::MAX { learn_lowest() } else { lowest };
    here >= lowest && here - lowest < LEFT
}

/// The lowest address of this thread's stack; 0 where the system does not say.
#[cold]
fn learn_lowest() -> usize {
    let lowest = lowest_address().unwrap_or(0);
    LOWEST.set(lowest);
    lowest
}

#[cfg(not(target_os = "macos"))]
fn lowest_address() -> Option<usize> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut lowest, mut size, mut guard) = (std::ptr::null_mut(), 0, 0);
    // SAFETY: the calls fill what they are given, the first the attributes, which the last one frees.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let known = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lowest, &raw mut size) == 0
            && libc::pthread_attr_getguardsize(attributes.as_ptr(), &raw mut guard) == 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        known.then(|| lowest.addr() + guard)
    }
}

#[cfg(target_os = "macos")]
fn lowest_address() -> Option<usize> {
    // SAFETY: asks for what the calling thread has.
    unsafe {
        let thread = libc::pthread_self();
        let highest = libc::pthread_get_stackaddr_np(thread).addr();
        Some(highest - libc::pthread_get_stacksize_np(thread))
    }
}
