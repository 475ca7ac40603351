//! The part of a task that is asyncio's own struct: what `python -m asyncio ps` and its like read from Python 3.14 on.
//!
//! Such tools read the memory of another process. They walk a list of tasks, which each thread has, and take of every task
//! its name, its coroutine and the tasks that await it, from the places where asyncio's C code keeps them. `TASK_STRUCT`:
//!
//! ```text
//! | header | ... | awaited_by | ... is_task awaited_by_is_set ... | coroutine | name | ... | node (next, previous) |
//! ```
//!
//! Where the places are is private to asyncio, so nothing is believed: they are found once, at import, by what asyncio's
//! own functions change in two tasks of its own. Where one is not found, all stay empty, and tasks are in `registry`.
//!
//! Invariant OWNED: what the three places hold is a reference of the task's, which the base's slots show the collector and
//! clear; but for a `Number`, which is the task's memory and never counted. Invariant LINKED: a node is null, or on a list,
//! all of whose nodes lead to each other and none to freed memory. The list owns nobody: who is on it is taken off by the deallocator, asyncio's or ours; its beginning is the thread's
//! state's, and when that ends asyncio moves the rest to another list.

use std::mem::size_of;
use std::ops::Range;
use std::ptr;
use std::sync::OnceLock;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyTuple};

use super::number::Number;
use crate::compat;

/// Offsets in bytes, from the object's beginning but for `head`.
#[derive(Debug)]
struct Layout {
    awaited_by: usize,
    /// A byte: whether the one before is a set of tasks, not a task.
    is_set: usize,
    /// A byte: whether it is a task, not a future.
    is_task: usize,
    coroutine: usize,
    name: usize,
    node: usize,
    /// The list's beginning, in the thread's state.
    head: usize,
    /// The loop that runs on the thread and its current task, in the thread's state, which owns both.
    running_loop: usize,
    running_task: usize,
}

static LAYOUT: OnceLock<Layout> = OnceLock::new();

fn layout() -> Option<&'static Layout> {
    if compat::TASKS_ARE_LINKED { LAYOUT.get() } else { None }
}

/// Where everything is, by name; nothing where that is not known, and tools do not see tasks.
#[pyfunction]
#[pyo3(name = "_task_layout")]
pub(crate) fn as_dict(py: Python<'_>) -> PyResult<Option<Bound<'_, PyDict>>> {
    let entries = |layout: &Layout| {
        [
            ("awaited_by", layout.awaited_by),
            ("is_set", layout.is_set),
            ("is_task", layout.is_task),
            ("coroutine", layout.coroutine),
            ("name", layout.name),
            ("node", layout.node),
            ("head", layout.head),
            ("running_loop", layout.running_loop),
            ("running_task", layout.running_task),
        ]
    };
    layout().map(|layout| entries(layout).into_py_dict(py)).transpose()
}

#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
struct Node {
    next: *mut Node,
    previous: *mut Node,
}

/// Fills in what `task` is: one of our tasks, or of a class derived from them. Of a coroutine that has no frames where
/// tools look for them nothing is said. `number` is the task's own, for one that was given no name.
pub(crate) fn fill(
    task: &Bound<'_, PyAny>,
    coroutine: &Bound<'_, PyAny>,
    name: Option<Bound<'_, PyAny>>,
    number: &Number,
) -> PyResult<()> {
    let Some(layout) = layout() else { return Ok(()) };
    let name = match name {
        Some(name) => name.into_ptr(),
        None if !number.as_object().is_null() => number.as_object(),
        // SAFETY: ATTACHED.
        None => unsafe { ffi::PyLong_FromUnsignedLongLong(number.get()) },
    };
    if name.is_null() {
        return Err(PyErr::fetch(task.py()));
    }
    let coroutine = if has_frames(coroutine) { coroutine.clone().into_ptr() } else { ptr::null_mut() };
    // SAFETY: the places are those of the base's struct; OWNED.
    unsafe {
        task.as_ptr().byte_add(layout.is_task).cast::<u8>().write(1);
        replace(task, layout.name, name);
        replace(task, layout.coroutine, coroutine);
    }
    Ok(())
}

/// It is called otherwise from now on; a task that was not begun has no name.
pub(crate) fn rename(task: &Bound<'_, PyAny>, name: &Bound<'_, PyAny>) {
    if let Some(layout) = layout() {
        // SAFETY: as in `fill`.
        unsafe { replace(task, layout.name, name.clone().into_ptr()) }
    }
}

/// It has no coroutine any more.
pub(crate) fn forget_coroutine(task: &Bound<'_, PyAny>) {
    if let Some(layout) = layout() {
        // SAFETY: as in `fill`.
        unsafe { replace(task, layout.coroutine, ptr::null_mut()) }
    }
}

/// Puts a task that was filled in on this thread's list, unless it is on one.
pub(crate) fn link(task: &Bound<'_, PyAny>) {
    let Some(layout) = layout() else { return };
    // SAFETY: ATTACHED, LINKED.
    unsafe {
        let node = task.as_ptr().byte_add(layout.node).cast::<Node>();
        if (*node).next.is_null() {
            let head = ffi::PyThreadState_Get().byte_add(layout.head).cast::<Node>();
            let last = (*head).previous;
            *node = Node { next: head, previous: last };
            (*last).next = node;
            (*head).previous = node;
        }
    }
}

/// Takes a task of ours off the list, if it is on one.
pub(crate) fn unlink(task: &Bound<'_, PyAny>) {
    // SAFETY: ATTACHED, it is one of ours.
    unsafe { take_off(task.as_ptr()) }
}

/// # Safety
/// `task` is one of ours, or of a class derived from them. ATTACHED.
pub(super) unsafe fn take_off(task: *mut ffi::PyObject) {
    let Some(layout) = layout() else { return };
    // SAFETY: the caller's promise, LINKED. Only who has the interpreter's lock changes a list.
    unsafe {
        let node = task.byte_add(layout.node).cast::<Node>();
        let Node { next, previous } = *node;
        if !next.is_null() {
            (*next).previous = previous;
            (*previous).next = next;
            *node = Node { next: ptr::null_mut(), previous: ptr::null_mut() };
        }
    }
}

/// A task of ours is done: it is on no list, and nobody awaits it.
pub(crate) fn end(task: &Bound<'_, PyAny>) {
    let Some(layout) = layout() else { return };
    // SAFETY: it is one of ours; OWNED.
    unsafe {
        take_off(task.as_ptr());
        if !word(task, layout.awaited_by).read().is_null() {
            task.as_ptr().byte_add(layout.is_set).cast::<u8>().write(0);
            replace(task, layout.awaited_by, ptr::null_mut());
        }
    }
}

/// `task`, which is one of ours, is awaited by `by`.
#[inline]
pub(crate) fn add_awaiter(task: &Bound<'_, PyAny>, by: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(layout) = layout() else { return Ok(()) };
    // SAFETY: it is one of ours; OWNED.
    unsafe {
        let place = word(task, layout.awaited_by);
        let there = place.read();
        if there.is_null() {
            place.write(by.clone().into_ptr());
            return Ok(());
        }
        if there == by.as_ptr() {
            return Ok(());
        }
    }
    tell(task, by, "future_add_to_awaited_by")
}

/// `task`, which is one of ours, is awaited by `by` no longer.
pub(crate) fn discard_awaiter(task: &Bound<'_, PyAny>, by: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(layout) = layout() else { return Ok(()) };
    // SAFETY: as in `add_awaiter`.
    unsafe {
        let there = word(task, layout.awaited_by).read();
        if there.is_null() {
            return Ok(());
        }
        if there == by.as_ptr() {
            replace(task, layout.awaited_by, ptr::null_mut());
            return Ok(());
        }
    }
    tell(task, by, "future_discard_from_awaited_by")
}

/// There are several: asyncio's own code knows how to keep them.
#[cold]
fn tell(task: &Bound<'_, PyAny>, by: &Bound<'_, PyAny>, what: &str) -> PyResult<()> {
    task.py().import("_asyncio")?.call_method1(what, (task, by)).map(drop)
}

/// Where this thread's state keeps the current task of `event_loop`, if that is the loop that runs on this thread: null, or
/// a reference that the place owns.
#[cfg(Py_3_14)]
#[inline]
pub(super) fn current_task(event_loop: &Bound<'_, PyAny>) -> Option<*mut *mut ffi::PyObject> {
    let layout = layout()?;
    // SAFETY: ATTACHED; the places are the state's own.
    unsafe {
        let state = ffi::PyThreadState_Get();
        let running = state.byte_add(layout.running_loop).cast::<*mut ffi::PyObject>().read();
        (running == event_loop.as_ptr()).then(|| state.byte_add(layout.running_task).cast())
    }
}

/// Tools take a coroutine for one of the interpreter's, without asking.
fn has_frames(coroutine: &Bound<'_, PyAny>) -> bool {
    // SAFETY: ATTACHED, a live object.
    unsafe {
        ffi::PyCoro_CheckExact(coroutine.as_ptr()) != 0 || ffi::PyGen_CheckExact(coroutine.as_ptr()) != 0
    }
}

/// # Safety
/// The offset is one of a word in the base's struct.
unsafe fn word(task: &Bound<'_, PyAny>, offset: usize) -> *mut *mut ffi::PyObject {
    // SAFETY: the caller's promise.
    unsafe { task.as_ptr().byte_add(offset).cast() }
}

/// Puts a reference there, and drops what was: last, since that may run any code.
///
/// # Safety
/// As `word`; the place is OWNED, and so is `object`.
unsafe fn replace(task: &Bound<'_, PyAny>, offset: usize, object: *mut ffi::PyObject) {
    // SAFETY: the caller's promise.
    unsafe {
        let there = word(task, offset).replace(object);
        ffi::Py_XDECREF(there);
    }
}

/// What to look at: two tasks of asyncio's own, whose coroutine and name are those of the first, and a future.
pub(crate) struct Specimens<'py> {
    pub(crate) first: Bound<'py, PyAny>,
    pub(crate) second: Bound<'py, PyAny>,
    pub(crate) future: Bound<'py, PyAny>,
    pub(crate) coroutine: Bound<'py, PyAny>,
    pub(crate) name: Bound<'py, PyAny>,
}

impl<'py> Specimens<'py> {
    /// Sees where everything is.
    pub(crate) fn examine(&self) -> PyResult<()> {
        if let Some(layout) = self.layout()? {
            LAYOUT.get_or_init(|| layout);
        }
        Ok(())
    }

    fn layout(&self) -> PyResult<Option<Layout>> {
        let (first, second, future) = (self.first.as_ptr(), self.second.as_ptr(), self.future.as_ptr());
        let words = Struct::of(&self.first).words;
        let coroutine = only(words.clone().filter(|&at| read(first, at) == self.coroutine.as_ptr() as usize));
        let name = only(words.clone().filter(|&at| read(first, at) == self.name.as_ptr() as usize));

        let asyncio = self.first.py().import("_asyncio")?;
        let tell = |what: &str, arguments: &[&Bound<'py, PyAny>]| {
            asyncio.call_method1(what, PyTuple::new(asyncio.py(), arguments)?).map(drop)
        };
        for task in [&self.first, &self.second] {
            tell("_unregister_task", &[task])?;
        }
        let before = Struct::of(&self.first);
        for task in [&self.first, &self.second] {
            tell("_register_task", &[task])?;
        }
        let node = before.changed(first);
        let head = node.first().and_then(|&at| list_head(first, second, at));
        let linked = node.len() == 2 && node[1] == node[0] + size_of::<usize>();
        for task in [&self.first, &self.second] {
            tell("_unregister_task", &[task])?;
        }

        let before = Struct::of(&self.first);
        tell("future_add_to_awaited_by", &[&self.first, &self.second])?;
        let awaited_by = only(before.changed(first).into_iter());
        let one = Struct::of(&self.first);
        tell("future_add_to_awaited_by", &[&self.first, &self.future])?;
        let others = one.changed(first).into_iter().filter(|at| Some(*at) != awaited_by);
        let flags = only(others);
        let is_set = flags.and_then(|at| only(bytes_from_0_to_1(one.read(at), read(first, at), at)));
        let is_task = flags.and_then(|at| only(bytes_from_0_to_1(read(future, at), read(second, at), at)));
        for other in [&self.second, &self.future] {
            tell("future_discard_from_awaited_by", &[&self.first, other])?;
        }

        let (running_loop, running_task) = self.running(head)?;
        let found = || {
            Some(Layout {
                awaited_by: awaited_by
                    .filter(|&at| before.read(at) == 0 && one.read(at) == second as usize)?,
                is_set: is_set?,
                is_task: is_task?,
                coroutine: coroutine?,
                name: name?,
                node: *node.first().filter(|_| linked)?,
                head: head?,
                running_loop: running_loop?,
                running_task: running_task?,
            })
        };
        Ok(found())
    }
}

impl Specimens<'_> {
    /// Where the thread's state has the loop that runs and its current task: the future and the first task, for a moment in
    /// which functions of C are called only, so that no signal's handler sees that.
    fn running(&self, end: Option<usize>) -> PyResult<(Option<usize>, Option<usize>)> {
        let asyncio = self.first.py().import("_asyncio")?;
        let outer = asyncio.call_method0("_get_running_loop")?;
        asyncio.call_method1("_set_running_loop", (&self.future,))?;
        // SAFETY: ATTACHED, a live object.
        let count = || unsafe { ffi::Py_REFCNT(self.first.as_ptr()) };
        let before = count();
        let swapped = asyncio.call_method1("_swap_current_task", (&self.future, &self.first));
        let owned = count() == before + 1;
        // SAFETY: ATTACHED; all of it is before the list's beginning, in the same state.
        let state = unsafe { ffi::PyThreadState_Get() }.cast();
        let find = |object: &Bound<'_, PyAny>| {
            let places = (0..end.unwrap_or(0)).step_by(size_of::<usize>());
            only(places.filter(|&at| read(state, at) == object.as_ptr() as usize)).filter(|_| owned)
        };
        let found = (find(&self.future), find(&self.first));
        let restored =
            swapped.and_then(|task| asyncio.call_method1("_swap_current_task", (&self.future, task)));
        asyncio.call_method1("_set_running_loop", (outer,))?;
        restored.map(|_| found)
    }
}

/// Where the list begins, in the thread's state: who comes to it last leads there. `at` is where `first` and `second` have
/// their nodes, should it be that.
fn list_head(first: *mut ffi::PyObject, second: *mut ffi::PyObject, at: usize) -> Option<usize> {
    /// Far more than a thread's state has.
    const LARGE: usize = 1 << 16;
    let (node, neighbour) = (first as usize + at, second as usize + at);
    let (next, previous) = (read(first, at), read(second, at + size_of::<usize>()));
    // SAFETY: ATTACHED.
    let state = unsafe { ffi::PyThreadState_Get() } as usize;
    let head = read(second, at);
    (next == neighbour && previous == node && (state..state + LARGE).contains(&head)).then(|| head - state)
}

/// What is in a struct, which begins with the object's header and is as long as its type says.
struct Struct {
    words: std::iter::StepBy<Range<usize>>,
    values: Vec<usize>,
}

impl Struct {
    fn of(object: &Bound<'_, PyAny>) -> Self {
        // SAFETY: ATTACHED, a live type.
        let size = unsafe { (*object.get_type_ptr()).tp_basicsize }.unsigned_abs();
        let words = (size_of::<ffi::PyObject>()..size / size_of::<usize>() * size_of::<usize>())
            .step_by(size_of::<usize>());
        let values = words.clone().map(|at| read(object.as_ptr(), at)).collect();
        Struct { words, values }
    }

    fn read(&self, at: usize) -> usize {
        self.words.clone().zip(&self.values).find(|(known, _)| *known == at).map_or(0, |(_, value)| *value)
    }

    /// The offsets of words that are others by now.
    fn changed(&self, object: *mut ffi::PyObject) -> Vec<usize> {
        self.words.clone().filter(|&at| read(object, at) != self.read(at)).collect()
    }
}

/// The word of an object at an offset, which `Struct` gave for it or another of its type.
fn read(object: *mut ffi::PyObject, at: usize) -> usize {
    // SAFETY: the object lives, and its struct is that long.
    unsafe { object.byte_add(at).cast::<usize>().read() }
}

/// The offsets of the bytes of a word at `at` that are 0 in one and 1 in the other; none if any other byte differs.
fn bytes_from_0_to_1(before: usize, after: usize, at: usize) -> impl Iterator<Item = usize> {
    let (before, after) = (before.to_ne_bytes(), after.to_ne_bytes());
    let differ: Vec<usize> = (0..before.len()).filter(|&byte| before[byte] != after[byte]).collect();
    let plain = differ.iter().all(|&byte| (before[byte], after[byte]) == (0, 1));
    differ.into_iter().filter(move |_| plain).map(move |byte| at + byte)
}

/// The one item there is.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}
