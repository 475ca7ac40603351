//! A Python socket's number as the socket has it now, and whether the socket is of a class that replaces no method.
//!
//! A socket can be closed or detached at any time, and the kernel gives its number to the next descriptor that is opened.
//! So whoever stands for a socket's method asks the socket each time, as the method would: one load from the socket's
//! struct, which begins with the number. That is not believed but tried: where the struct of a socket does not hold what
//! its attributes say, open and closed, its `fileno` is called instead.
//!
//! Invariant PROVED: `LAYOUT` is null, or `_socket.socket`, whose instances begin with an object's head and the number; and
//! `EXACT` is null, or `socket.socket`, which derives from that and is kept for good. Most sockets are of exactly that class:
//! one comparison. With a question of descent instead `echo_datagrams` takes 2 % more instructions.

use std::ffi::c_int;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::entry::attached;
use super::reference::{Ref, Slot};
use crate::ffi::known::Place;

static LAYOUT: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());
static EXACT: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());

/// The version of `socket.socket` when it was last found to replace no method. CPython gives each state of each class a
/// number of its own, and 0 to those that have none. Where it is asked each time, `echo_sock` takes 3.7 times the instructions.
static PLAIN: AtomicU32 = AtomicU32::new(0);

/// How a socket's struct begins.
#[repr(C)]
struct Start {
    head: ffi::PyObject,
    /// The number, the family, the type and the protocol.
    facts: [c_int; 4],
}

/// A place for a socket that lends its descriptor.
#[derive(Debug, Default)]
pub(crate) struct Lender(Slot);

impl Lender {
    pub(crate) fn new(socket: Option<&Bound<'_, PyAny>>) -> Self {
        Lender(socket.map_or_else(Slot::default, |socket| Slot::new(socket.clone().into())))
    }

    /// What is there.
    pub(crate) fn slot(&self) -> &Slot {
        &self.0
    }

    /// Whether it still has `number`. So it is, too, where nobody is there.
    #[inline]
    pub(crate) fn lends(&self, number: RawFd) -> bool {
        let socket = self.0.as_ptr();
        // SAFETY: the slot keeps it alive.
        socket.is_null() || unsafe { number_of(socket) } == number
    }

    pub(crate) fn set(&self, socket: &Bound<'_, PyAny>) {
        self.0.set(socket.clone());
    }

    pub(crate) fn take(&self) -> Option<Ref> {
        self.0.take()
    }
}

/// The number that `socket` has now; -1 when it is closed.
#[inline]
pub(crate) fn number(socket: &Bound<'_, PyAny>) -> RawFd {
    // SAFETY: a live object.
    unsafe { number_of(socket.as_ptr()) }
}

/// See `number`.
///
/// # Safety
/// `socket` is a live object. Attached.
#[inline]
unsafe fn number_of(socket: *mut ffi::PyObject) -> RawFd {
    // SAFETY: the caller's promise; PROVED.
    unsafe {
        if ffi::Py_TYPE(socket) == EXACT.load(Ordering::Relaxed) {
            (*socket.cast::<Start>()).facts[0]
        } else {
            of_another_class(socket)
        }
    }
}

/// The number of a socket of a subclass, or of one before the struct is proved.
///
/// # Safety
/// As `number_of`.
#[cold]
unsafe fn of_another_class(socket: *mut ffi::PyObject) -> RawFd {
    let layout = LAYOUT.load(Ordering::Relaxed);
    // SAFETY: the caller's promise; PROVED.
    unsafe {
        if !layout.is_null() && ffi::PyObject_TypeCheck(socket, layout) != 0 {
            (*socket.cast::<Start>()).facts[0]
        } else {
            asked(socket)
        }
    }
}

/// The number by the C method, which no program replaces: nothing else of Python runs.
///
/// # Safety
/// As `number_of`.
unsafe fn asked(socket: *mut ffi::PyObject) -> RawFd {
    static FILENO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let ask = |py: Python<'_>| {
        // SAFETY: the caller's promise.
        let socket = unsafe { Bound::from_borrowed_ptr(py, socket) };
        let method = FILENO
            .get_or_try_init(py, || class(py)?.getattr(intern!(py, "fileno")).map(Bound::unbind))
            .and_then(|method| method.call1(py, (socket,))?.extract(py));
        method.unwrap_or(-1)
    };
    // SAFETY: the caller's promise.
    unsafe { attached(ask) }
}

fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.known(py, "_socket", "socket")
}

/// Whether `socket` is one, of the standard library's class or a subclass of it.
pub(crate) fn is_socket(socket: &Bound<'_, PyAny>) -> PyResult<bool> {
    socket.get_type().is_subclass(class(socket.py())?)
}

/// Whether native code may stand for the methods of `socket`, which `look` finds out.
pub(crate) fn is_plain(socket: &Bound<'_, PyAny>, look: impl FnOnce() -> PyResult<bool>) -> PyResult<bool> {
    // SAFETY: a live object's type.
    let version = || unsafe { (*ffi::Py_TYPE(socket.as_ptr())).tp_version_tag };
    let known = version();
    if known != 0 && known == PLAIN.load(Ordering::Relaxed) {
        return Ok(true);
    }
    let plain = look()?;
    if plain {
        static SOCKET: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let py = socket.py();
        let exact = SOCKET.known(py, "socket", "socket")?;
        if LAYOUT.load(Ordering::Relaxed).is_null() && exact.is_subclass(class(py)?)? && prove(py) {
            LAYOUT.store(class(py)?.as_type_ptr(), Ordering::Relaxed);
            EXACT.store(exact.as_type_ptr(), Ordering::Relaxed);
        }
        // Instances of other classes may have attributes in the place of methods, each its own.
        if socket.get_type().is(exact) {
            PLAIN.store(version(), Ordering::Relaxed);
        }
    }
    Ok(plain)
}

/// Whether `socket.socket` is the standard library's and replaces no method, as far as that was found out.
pub(crate) fn are_plain(py: Python<'_>) -> PyResult<bool> {
    let (exact, plain) = (EXACT.load(Ordering::Relaxed), PLAIN.load(Ordering::Relaxed));
    // A class that was changed often has no version, whether it was changed again or not.
    // SAFETY: PROVED.
    if exact.is_null() || plain == 0 || unsafe { (*exact).tp_version_tag } != plain {
        return Ok(false);
    }
    let now = py.import(intern!(py, "socket"))?.getattr(intern!(py, "socket"))?;
    Ok(now.as_ptr() == exact.cast())
}

/// Whether the struct of a socket holds what the socket says, open and closed. A socket that cannot be made proves nothing.
fn prove(py: Python<'_>) -> bool {
    let proved = class(py).and_then(|class| {
        // SAFETY: a type object.
        let size = unsafe { (*class.as_type_ptr()).tp_basicsize };
        if size.cast_unsigned() < size_of::<Start>() {
            return Ok(false);
        }
        let socket = class.call0()?;
        // SAFETY: a live object of that size.
        let facts = || unsafe { (*socket.as_ptr().cast::<Start>()).facts };
        let said = |name| socket.getattr(name)?.extract::<c_int>();
        let number = || socket.call_method0(intern!(py, "fileno"))?.extract::<c_int>();
        let expected = [number()?, said("family")?, said("type")?, said("proto")?];
        let open = facts() == expected && expected[0] >= 0;
        socket.call_method0(intern!(py, "close"))?;
        Ok(open && number()? == -1 && facts()[0] == -1)
    });
    proved.unwrap_or(false)
}
