//! Taking a task off asyncio's own list, which from Python 3.14 on runs through the structs of tasks of its class.
//!
//! The list does not own its tasks; asyncio's deallocator takes them off. Ours are in `registry` and on no list, unless a
//! program puts one there, with `asyncio._register_task()` or asyncio's own `Task.__init__`: then our deallocator has to,
//! or `asyncio.all_tasks()` walks over freed memory. Where the links are is private to asyncio, so it is looked at once,
//! when the type was made.
//!
//! Invariant LINKED: at the offset in a task are two neighbouring words, both null where it is on no list, else each
//! leading to another pair of the kind, and that back. Nothing there is freed memory: whoever is on the list is taken off by
//! the deallocator, asyncio's or ours, and its beginning is the interpreter's.

use std::mem::size_of;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::heap_type::Place;

/// In bytes from the object's beginning. 0: there are none to be found.
static OFFSET: AtomicUsize = AtomicUsize::new(0);

#[repr(C)]
#[derive(Clone, Copy)]
struct Links {
    next: *mut Links,
    previous: *mut Links,
}

/// Sees where the links are, by a task that was never begun, of the type of that place.
pub(crate) fn find(task: &Bound<'_, PyAny>, place: &Place) -> PyResult<()> {
    let asyncio = task.py().import("_asyncio")?;
    let before = words_of_base(task, place);
    asyncio.call_method1("_register_task", (task,))?;
    let listed = words_of_base(task, place);
    asyncio.call_method1("_unregister_task", (task,))?;
    let changed: Vec<usize> = (0..before.len()).filter(|&word| before[word] != listed[word]).collect();
    if let [first, second] = changed[..]
        && second == first + 1
        && before[first..=second] == [0, 0]
        && words_of_base(task, place) == before
    {
        OFFSET.store(size_of::<ffi::PyObject>() + first * size_of::<usize>(), Ordering::Relaxed);
    }
    Ok(())
}

/// Takes a task off the list, if it is on it.
///
/// # Safety
/// `task` is one of the type that `find` has seen, or of one derived from it. ATTACHED.
pub(super) unsafe fn unlink(task: *mut ffi::PyObject) {
    let offset = OFFSET.load(Ordering::Relaxed);
    if offset == 0 {
        return;
    }
    // SAFETY: the caller's promise, LINKED. Only who has the interpreter's lock changes the list.
    unsafe {
        let links = task.byte_add(offset).cast::<Links>();
        let Links { next, previous } = *links;
        if !next.is_null() {
            (*next).previous = previous;
            (*previous).next = next;
            *links = Links { next: ptr::null_mut(), previous: ptr::null_mut() };
        }
    }
}

/// What is in the base's struct, which begins with the object's header.
fn words_of_base(task: &Bound<'_, PyAny>, place: &Place) -> Vec<usize> {
    let header = size_of::<ffi::PyObject>();
    let count = (place.offset().unsigned_abs() - header) / size_of::<usize>();
    // SAFETY: the object is of that type, and so long: the state follows. It was zeroed when it was made.
    unsafe { std::slice::from_raw_parts(task.as_ptr().byte_add(header).cast(), count).to_vec() }
}
