//! Memory that Rust and Python share for a moment: `bytes` that a call fills or that are kept, texts of bytes, and buffers that
//! objects export.

use std::mem::MaybeUninit;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::reference::Ref;

/// The text whose characters are these bytes.
pub(crate) fn latin1<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    let length = isize::try_from(bytes.len())?;
    // SAFETY: ATTACHED; so many bytes are there; a new text, or null and an error.
    unsafe {
        let text = ffi::PyUnicode_DecodeLatin1(bytes.as_ptr().cast(), length, ptr::null());
        Bound::from_owned_ptr_or_err(py, text).map(|text| text.cast_into_unchecked())
    }
}

/// A `bytes` of the length that `fill` reports, at most `capacity`, filled without a copy. `Ok(None)` passes through.
pub(crate) fn bytes_filled_by<E>(
    py: Python<'_>,
    capacity: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize, E>,
) -> PyResult<Result<Bound<'_, PyBytes>, E>> {
    // SAFETY: ATTACHED. The object is ours alone until it is returned, and `capacity` bytes long.
    unsafe {
        let mut object = ffi::PyBytes_FromStringAndSize(ptr::null(), capacity.cast_signed());
        if object.is_null() {
            return Err(PyErr::fetch(py));
        }
        let data = ffi::PyBytes_AsString(object).cast::<MaybeUninit<u8>>();
        let filled = match fill(std::slice::from_raw_parts_mut(data, capacity)) {
            Ok(filled) => filled.min(capacity),
            Err(error) => {
                ffi::Py_DECREF(object);
                return Ok(Err(error));
            }
        };
        if filled < capacity && _PyBytes_Resize(&raw mut object, filled.cast_signed()) != 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(Ok(Bound::from_owned_ptr(py, object).cast_into_unchecked()))
    }
}

unsafe extern "C" {
    /// Part of CPython's documented interface, though pyo3 keeps it to itself.
    fn _PyBytes_Resize(bytes: *mut *mut ffi::PyObject, size: ffi::Py_ssize_t) -> std::ffi::c_int;
}

/// A `bytes` that is filled from its beginning, and grows where it has to.
///
/// Invariant GROWING: the object is a `bytes` of ours alone, and its first `filled` bytes were written.
pub(crate) struct GrowingBytes {
    object: Option<Ref>,
    filled: usize,
    /// It grows up to here in steps that double it, and beyond only as it has to.
    expected: usize,
}

impl GrowingBytes {
    pub(crate) fn create(py: Python<'_>, room: usize, expected: usize) -> PyResult<Self> {
        // SAFETY: ATTACHED. The empty object, which is shared, is never written to or resized.
        let object = unsafe {
            let object = ffi::PyBytes_FromStringAndSize(ptr::null(), room.max(2).cast_signed());
            Bound::from_owned_ptr_or_err(py, object)?
        };
        Ok(GrowingBytes { object: Some(object.into()), filled: 0, expected })
    }

    pub(crate) fn push(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.make_room(py, data.len())?;
        let Some(object) = &self.object else { return Ok(()) };
        // SAFETY: GROWING; there is room for `data` behind what was written.
        unsafe {
            let place = ffi::PyBytes_AS_STRING(object.as_ptr()).cast::<u8>().cast_mut().add(self.filled);
            ptr::copy_nonoverlapping(data.as_ptr(), place, data.len());
        }
        self.filled += data.len();
        Ok(())
    }

    /// Puts behind it what `fill` writes into at most `most` bytes: it says how many they were.
    pub(crate) fn push_filled<E>(
        &mut self,
        py: Python<'_>,
        most: usize,
        fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize, E>,
    ) -> PyResult<Result<usize, E>> {
        self.make_room(py, most)?;
        let Some(object) = &self.object else { return Ok(fill(&mut [])) };
        // SAFETY: GROWING; there is room for `most` bytes behind what was written.
        let place = unsafe {
            let begin = ffi::PyBytes_AS_STRING(object.as_ptr()).cast::<MaybeUninit<u8>>().cast_mut();
            std::slice::from_raw_parts_mut(begin.add(self.filled), most)
        };
        let filled = fill(place).map(|filled| filled.min(most));
        self.filled += filled.as_ref().copied().unwrap_or_default();
        Ok(filled)
    }

    /// What was written.
    pub(crate) fn finish(mut self, py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
        if self.filled == 0 {
            return Ok(PyBytes::new(py, b""));
        }
        if self.filled < self.room() {
            self.resize(py, self.filled)?;
        }
        // SAFETY: GROWING.
        let whole = self.object.take().map(|object| unsafe { object.into_bound(py).cast_into_unchecked() });
        Ok(whole.unwrap_or_else(|| PyBytes::new(py, b"")))
    }

    fn make_room(&mut self, py: Python<'_>, more: usize) -> PyResult<()> {
        let (needed, room) = (self.filled + more, self.room());
        if needed <= room {
            return Ok(());
        }
        let doubled = room.saturating_mul(2);
        let next = if needed <= self.expected { doubled.min(self.expected) } else { doubled };
        self.resize(py, next.max(needed))
    }

    fn room(&self) -> usize {
        // SAFETY: GROWING.
        self.object.as_ref().map_or(0, |object| unsafe { ffi::Py_SIZE(object.as_ptr()) }.unsigned_abs())
    }

    fn resize(&mut self, py: Python<'_>, size: usize) -> PyResult<()> {
        let Some(object) = self.object.take() else { return Ok(()) };
        let mut object = object.into_bound(py).into_ptr();
        // SAFETY: GROWING; a failure frees the object, and leaves null.
        unsafe {
            if _PyBytes_Resize(&raw mut object, size.cast_signed()) != 0 {
                self.filled = 0;
                return Err(PyErr::fetch(py));
            }
            self.object = Some(Bound::from_owned_ptr(py, object).into());
        }
        Ok(())
    }
}

/// A `bytes` that is kept: what it holds never changes.
pub(crate) struct KeptBytes(Ref);

impl From<Bound<'_, PyBytes>> for KeptBytes {
    fn from(bytes: Bound<'_, PyBytes>) -> Self {
        KeptBytes(Ref::from(bytes.into_any()))
    }
}

impl KeptBytes {
    pub(crate) fn bind<'a, 'py>(&'a self, py: Python<'py>) -> Borrowed<'a, 'py, PyAny> {
        self.0.bind(py)
    }
}

impl AsRef<[u8]> for KeptBytes {
    fn as_ref(&self) -> &[u8] {
        let object = self.0.as_ptr();
        // SAFETY: made of a `bytes`, which we keep alive; its length and place are its own for good.
        unsafe {
            std::slice::from_raw_parts(
                ffi::PyBytes_AS_STRING(object).cast(),
                ffi::Py_SIZE(object).unsigned_abs(),
            )
        }
    }
}

/// The buffer that `object` exports, kept exported until dropped.
pub(crate) struct Exported {
    /// Owns the exporter, which keeps the memory in its place as long as it is exported. Its end may run any code, the
    /// exporter's `__release_buffer__`: nobody drops one while something is borrowed.
    view: Box<ffi::Py_buffer>,
}

impl Exported {
    /// The bytes of any object that exports them in one piece.
    pub(crate) fn new(object: &Bound<'_, PyAny>, writable: bool) -> PyResult<Self> {
        let mut view = Box::new(ffi::Py_buffer::new());
        let flags = if writable { ffi::PyBUF_WRITABLE } else { ffi::PyBUF_SIMPLE };
        // SAFETY: ATTACHED; the view stays where it is until it is released.
        if unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *view, flags) } != 0 {
            return Err(PyErr::fetch(object.py()));
        }
        Ok(Exported { view })
    }

    pub(crate) fn len(&self) -> usize {
        self.view.len.unsigned_abs()
    }

    /// The bytes, for a system call that fills them. Python code may see them change, as with any writable buffer.
    pub(crate) fn for_filling(&mut self) -> &mut [MaybeUninit<u8>] {
        if self.len() == 0 {
            return &mut [];
        }
        // SAFETY: an exported buffer stays valid while exported; writing was asked for in `new` by who calls this.
        unsafe { std::slice::from_raw_parts_mut(self.view.buf.cast(), self.len()) }
    }
}

impl AsRef<[u8]> for Exported {
    fn as_ref(&self) -> &[u8] {
        if self.len() == 0 {
            return &[];
        }
        // SAFETY: an exported buffer stays valid while exported, and ATTACHED keeps others from changing it.
        unsafe { std::slice::from_raw_parts(self.view.buf.cast(), self.len()) }
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        // SAFETY: exported in `new`; states that hold one are dropped attached.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.view) };
    }
}

/// What `fill` writes into `space`: it says how many bytes they were.
pub(crate) fn filled<E>(
    space: &mut [MaybeUninit<u8>],
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize, E>,
) -> Result<&mut [u8], E> {
    let count = fill(space)?.min(space.len());
    // SAFETY: the first `count` bytes were written.
    Ok(unsafe { std::slice::from_raw_parts_mut(space.as_mut_ptr().cast(), count) })
}
