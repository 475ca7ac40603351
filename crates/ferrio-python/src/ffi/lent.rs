//! `Lent`: an object that exports memory of ours for the time of one call. A memoryview costs several times as much: it is two
//! objects, which the collector knows. With those an echo of 1 KiB over TLS by `MemoryBIO`s takes 4.5 % more CPU time.
//!
//! Invariant LENT: the object has memory only during the call it was made for, which is a method of C that keeps nothing.

use std::ffi::{c_int, c_ulong, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

#[repr(C)]
struct Lent {
    head: ffi::PyObject,
    /// Null before and after the call.
    memory: *mut c_void,
    size: ffi::Py_ssize_t,
    readonly: c_int,
}

/// Lends `bytes` to `body` as an object that exports them (LENT).
pub(crate) fn with_view<'py, R>(
    py: Python<'py>,
    bytes: &[u8],
    body: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<R>,
) -> PyResult<R> {
    lend(py, bytes.as_ptr().cast_mut().cast(), bytes.len(), true, body)
}

/// Lends `buffer` to `body` as an object to be filled (LENT).
pub(crate) fn with_writable_view<'py, R>(
    py: Python<'py>,
    buffer: &mut [MaybeUninit<u8>],
    body: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<R>,
) -> PyResult<R> {
    lend(py, buffer.as_mut_ptr().cast(), buffer.len(), false, body)
}

fn lend<'py, R>(
    py: Python<'py>,
    memory: *mut c_void,
    size: usize,
    readonly: bool,
    body: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<R>,
) -> PyResult<R> {
    let class = class(py)?;
    // SAFETY: ATTACHED. The type's instances are `Lent`, zeroed when they are made; the object outlives `body`, and LENT.
    unsafe {
        let object = Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(class.as_type_ptr(), 0))?;
        let lent = object.as_ptr().cast::<Lent>();
        (*lent).memory = memory;
        (*lent).size = size.cast_signed();
        (*lent).readonly = c_int::from(readonly);
        let result = body(&object);
        (*lent).memory = ptr::null_mut();
        result
    }
}

fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.get_or_try_init(py, || make_class(py)).map(|class| class.bind(py))
}

fn make_class(py: Python<'_>) -> PyResult<Py<PyType>> {
    let slot = |slot, pfunc| ffi::PyType_Slot { slot, pfunc };
    let mut slots = [slot(ffi::Py_bf_getbuffer, on_export as *mut c_void), slot(0, ptr::null_mut())];
    let flags: c_ulong = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
    #[expect(clippy::cast_possible_truncation, reason = "a size of some bytes, flags below 2^32")]
    let mut spec = ffi::PyType_Spec {
        name: c"ferrio._ferrio.Lent".as_ptr(),
        basicsize: size_of::<Lent>().cast_signed() as c_int,
        itemsize: 0,
        flags: flags as _,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: ATTACHED; the name is static, and the rest is copied.
    unsafe {
        let class = Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&raw mut spec))?;
        Ok(class.cast_into_unchecked::<PyType>().unbind())
    }
}

unsafe extern "C" fn on_export(object: *mut ffi::PyObject, view: *mut ffi::Py_buffer, flags: c_int) -> c_int {
    // SAFETY: Python calls this with an object of the type, attached; LENT.
    unsafe {
        let lent = object.cast::<Lent>();
        if (*lent).memory.is_null() {
            (*view).obj = ptr::null_mut();
            ffi::PyErr_SetString(ffi::PyExc_BufferError, c"the memory was lent for one call".as_ptr());
            return -1;
        }
        ffi::PyBuffer_FillInfo(view, object, (*lent).memory, (*lent).size, (*lent).readonly, flags)
    }
}
