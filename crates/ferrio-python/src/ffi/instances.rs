//! How instances of native types come to be and end, and those that are kept for reuse.
//!
//! A type with `KEPT` keeps some of its dead instances, with type and size but without state. Giving one out again takes a
//! reference count and writing the state. Each such type says at `KEPT` which path of benches/instructions.toml gets dearer
//! without the list, by instructions of the whole process. What showed less than 1 % has no list.
//!
//! Invariant KEPT: an object on the list has no references, owns nothing but its type, and left the collector's lists when it
//! died. On those lists the object would come back with the age that it had: after `gc.freeze()` the collector would never
//! look at it, and in the midst of a collection it would be cleared.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::mem::size_of;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::entry::enter;
use super::heap_type::{Native, clear_base, state, state_pointer};
use super::task_struct;

/// An instance of `class`, which is the native type or a subclass, with `state`.
pub(crate) fn alloc<'py, T: Native>(class: &Bound<'py, PyType>, state: T) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: a heap type made by `create` or derived from one has `tp_alloc`, and room for the state (STATE).
    unsafe { alloc_raw(class.py(), class.as_type_ptr(), state) }
}

/// # Safety
/// `class` is the type of `T` or derived from it.
pub(super) unsafe fn alloc_raw<T: Native>(
    py: Python<'_>,
    class: *mut ffi::PyTypeObject,
    state: T,
) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the caller's promise. GenericAlloc zeroes the object and does not collect after it began to track it.
    unsafe {
        let allocate = (*class).tp_alloc.unwrap_or(ffi::PyType_GenericAlloc);
        let object = allocate(class, 0);
        if !object.is_null() {
            state_pointer::<T>(object).write(state);
        }
        Bound::from_owned_ptr_or_err(py, object)
    }
}

/// An instance of exactly the type of `T`, from the free list if there is one. The collector does not know the instance: the
/// caller has to track it before it can be part of a cycle.
pub(crate) fn alloc_untracked<T: Native>(py: Python<'_>, state: T) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: KEPT, STATE.
    unsafe {
        let object = match T::place().free.list().pop() {
            Some(object) => Bound::from_borrowed_ptr(py, object),
            None => fresh::<T>(py)?,
        };
        state_pointer::<T>(object.as_ptr()).write(state);
        Ok(object)
    }
}

/// As `alloc_untracked`, but the collector knows it.
pub(crate) fn alloc_tracked<T: Native>(py: Python<'_>, state: T) -> PyResult<Bound<'_, PyAny>> {
    let object = alloc_untracked(py, state)?;
    // SAFETY: nobody else has seen it.
    unsafe { ffi::PyObject_GC_Track(object.as_ptr().cast()) };
    Ok(object)
}

/// New memory of exactly the type of `T`, with an empty base, as a `tp_alloc` of this type would lay it out; the state is
/// missing, and the collector does not know it.
fn fresh<T: Native>(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let place = T::place();
    // SAFETY: a type with a collector's header, whose instances begin with an object header.
    unsafe {
        let object = ffi::PyObject_GC_New::<ffi::PyObject>(place.object());
        if object.is_null() {
            return Err(PyErr::fetch(py));
        }
        let header = size_of::<ffi::PyObject>();
        object.cast::<u8>().add(header).write_bytes(0, place.offset().unsigned_abs() - header);
        Ok(Bound::from_owned_ptr(py, object))
    }
}

/// Tells the collector of an object that `alloc_untracked` made.
pub(crate) fn track(object: &Bound<'_, PyAny>) {
    // SAFETY: ATTACHED; an object of a type with a collector's header, tracked at most once.
    unsafe {
        if ffi::PyObject_GC_IsTracked(object.as_ptr()) == 0 {
            ffi::PyObject_GC_Track(object.as_ptr().cast());
        }
    }
}

/// Whether the finalizer of `object` has run, for instance in the collector, before another finalizer saved the object.
pub(crate) fn is_finalized(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: ATTACHED; an object of a type with a collector's header.
    unsafe { ffi::PyObject_GC_IsFinalized(object.as_ptr()) != 0 }
}

/// Dead instances (KEPT): nobody else has a pointer to one.
pub(super) struct FreeList(UnsafeCell<Vec<*mut ffi::PyObject>>);

// SAFETY: touched attached only (ATTACHED), and never across a call into the interpreter.
unsafe impl Sync for FreeList {}

impl FreeList {
    pub(super) const fn new() -> Self {
        FreeList(UnsafeCell::new(Vec::new()))
    }

    #[expect(
        clippy::mut_from_ref,
        reason = "see the invariant on `Sync`: one borrow at a time, none across a call"
    )]
    fn list(&self) -> &mut Vec<*mut ffi::PyObject> {
        // SAFETY: as above.
        unsafe { &mut *self.0.get() }
    }
}

/// How many objects that own one another are freed in each other's frames before anybody counts exactly.
const SHALLOW: usize = 25;

/// How many more then are.
const DEEP: usize = 25;

/// Objects that have to be freed, but not yet: a chain of handles of which each is an argument of the next would overflow
/// the stack. CPython's trashcan does the same for its own types; for Python subclasses of ours not on every release.
///
/// What nests little is counted for all threads together, which costs an addition. That count may be too high: the end of an
/// object can run code, in which another thread goes on, or forks. So from `SHALLOW` on each thread counts its own. Where each
/// counts its own from the first on, `future_ping_pong` takes 1.8 % more instructions.
static NESTED: AtomicUsize = AtomicUsize::new(0);

/// What a thread has put off.
struct PutOff {
    depth: Cell<usize>,
    /// Borrowed for a push or a pop only.
    list: RefCell<Vec<(ffi::destructor, *mut ffi::PyObject)>>,
}

thread_local!(static LATER: PutOff = const { PutOff { depth: Cell::new(0), list: RefCell::new(Vec::new()) } });

/// That an object is being freed.
enum Freeing {
    Shallow,
    Deep,
}

impl Freeing {
    /// Whether `object` can be freed now, which ends with `end`; else `dealloc` is called for it later.
    #[inline]
    fn begin(object: *mut ffi::PyObject, dealloc: ffi::destructor) -> Option<Freeing> {
        let depth = NESTED.load(Ordering::Relaxed);
        if depth >= SHALLOW {
            return Freeing::begin_deep(object, dealloc);
        }
        NESTED.store(depth + 1, Ordering::Relaxed);
        Some(Freeing::Shallow)
    }

    /// A thread that has ended its local storage nests no more.
    #[cold]
    fn begin_deep(object: *mut ffi::PyObject, dealloc: ffi::destructor) -> Option<Freeing> {
        let begin = |later: &PutOff| {
            let depth = later.depth.get();
            if depth < DEEP {
                later.depth.set(depth + 1);
                return Some(Freeing::Deep);
            }
            later.list.borrow_mut().push((dealloc, object));
            None
        };
        LATER.try_with(begin).unwrap_or(Some(Freeing::Deep))
    }

    #[inline]
    fn end(self) {
        match self {
            // Not `fetch_sub`, which locks the bus: nobody else is here (ATTACHED).
            Freeing::Shallow => NESTED.store(NESTED.load(Ordering::Relaxed) - 1, Ordering::Relaxed),
            Freeing::Deep => drop(LATER.try_with(Freeing::end_deep)),
        }
    }

    #[cold]
    fn end_deep(later: &PutOff) {
        let next = || later.list.borrow_mut().pop();
        // Half-way up, so that what these own finds room below.
        while later.depth.get() <= DEEP / 2
            && let Some((dealloc, object)) = next()
        {
            // SAFETY: ATTACHED; the call is the one that CPython began.
            unsafe { dealloc(object) };
        }
        later.depth.set(later.depth.get().saturating_sub(1));
    }
}

// SAFETY: called by CPython only, as its slot promises.
pub(super) unsafe extern "C" fn dealloc<T: Native>(this: *mut ffi::PyObject) {
    // SAFETY: CPython calls this once, when nobody refers to the object any more (STATE). The base's own deallocator
    // is not called: its struct is empty, and it would come back here, since it looks the type up in the object. An
    // exception under way stays.
    unsafe {
        let class = ffi::Py_TYPE(this);
        if state::<T>(this).has_to_finalize() && ffi::PyObject_CallFinalizerFromDealloc(this) < 0 {
            return;
        }
        if T::BASE_LISTS {
            task_struct::take_off(this);
        }
        ffi::PyObject_GC_UnTrack(this.cast());
        if T::KEPT > 0 && class == T::place().object() {
            if state::<T>(this).is_quiet() {
                keep_or_free::<T>(this);
            } else if let Some(freeing) = Freeing::begin(this, dealloc::<T>) {
                beside_exception(|| keep_or_free::<T>(this));
                freeing.end();
            }
            return;
        }
        // An instance of a Python subclass comes from the interpreter's own deallocator, which has taken away what the subclass
        // adds, and leaves the object alone after this call.
        if let Some(freeing) = Freeing::begin(this, dealloc::<T>) {
            end::<T>(this);
            freeing.end();
        }
    }
}

/// The end of an instance of a type that keeps none, or of a subclass.
///
/// # Safety
/// As `dealloc`.
unsafe fn end<T: Native>(this: *mut ffi::PyObject) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*ffi::Py_TYPE(this)).tp_weaklistoffset != 0 {
            ffi::PyObject_ClearWeakRefs(this);
        }
        let pending = PyErr::take(Python::assume_attached());
        let body = |py: Python<'_>| {
            state_pointer::<T>(this).drop_in_place();
            clear_base::<T>(this);
            if let Some(error) = pending {
                error.restore(py);
            }
            Ok(())
        };
        enter::<false, _>(body, ());
        free::<T>(this);
    }
}

/// The end of an instance of a type that keeps some: short, since every callback of a loop comes through here.
///
/// # Safety
/// As `dealloc`; the object is of exactly the type of `T`, whose weak references are cleared here.
unsafe fn keep_or_free<T: Native>(this: *mut ffi::PyObject) {
    // SAFETY: the caller's promise.
    unsafe {
        let class = ffi::Py_TYPE(this);
        // Since Python 3.12 the place is in front of the object, and the offset negative.
        let weak_references = this.byte_offset((*class).tp_weaklistoffset).cast::<*mut ffi::PyObject>();
        if (*class).tp_weaklistoffset != 0 && !(*weak_references).is_null() {
            ffi::PyObject_ClearWeakRefs(this);
        }
        state_pointer::<T>(this).drop_in_place();
        clear_base::<T>(this);
        let list = T::place().free.list();
        // One whose finalizer has run is not kept: its header says so, and the next would stay silent.
        if list.len() < T::KEPT && ((*class).tp_finalize.is_none() || ffi::PyObject_GC_IsFinalized(this) == 0)
        {
            list.push(this);
        } else {
            free::<T>(this);
        }
    }
}

/// Gives the memory back.
///
/// # Safety
/// The state was dropped, and the collector does not know the object.
unsafe fn free<T: Native>(this: *mut ffi::PyObject) {
    // SAFETY: the caller's promise. Instances of a heap type own a reference to it.
    unsafe {
        let class = ffi::Py_TYPE(this);
        if let Some(release) = (*class).tp_free {
            release(this.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}

/// Runs `body` with no exception under way, and restores the one that was.
///
/// # Safety
/// ATTACHED.
unsafe fn beside_exception(body: impl FnOnce()) {
    // SAFETY: the caller's promise.
    unsafe {
        if ffi::PyErr_Occurred().is_null() {
            return body();
        }
        let pending = PyErr::take(Python::assume_attached());
        body();
        if let Some(error) = pending {
            error.restore(Python::assume_attached());
        }
    }
}
