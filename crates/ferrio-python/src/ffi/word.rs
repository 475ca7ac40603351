//! `Word`: what the loop queues, a tagged pointer.
//!
//! | tag | points to | running it |
//! |---|---|---|
//! | 0 `Handle` | a Handle object | calls its callback |
//! | 1 `Task` | an engine task | polls a Rust future |
//! | 2 `Readable`, 3 `Writable`, 4 `Deferred` | an I/O object's `Head` | calls that entry of its table |
//! | 5 `Timer` | a `TimerHandle` object | calls its callback |
//! | 6 `Step` | a `Task` object | runs its coroutine up to the next wait |
//! | 7 `Future` | a `Future` object whose time comes | completes it, if it still waits |
//!
//! Each tag's type enters what its objects do in a table (`Queued`, `own`). This file knows none of the types.
//!
//! A word owns a reference to what it points to. Invariant ALIGNED: Python objects and their states are aligned to 8
//! bytes at least, tasks of the engine as well, so three bits are free. Words move between threads, but their counts
//! change only attached (ATTACHED); an engine task's word may be dropped where its loop drops it.

use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};

use ferrio_engine::{Handle, Runnable, Timed};
use pyo3::Borrowed;
use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::heap_type::{Native, Visitor, state, try_state};
use super::instances::track;

const TAGS: usize = 0b111;
const HANDLE: usize = 0;
const TASK: usize = 1;
const READABLE: usize = 2;
const WRITABLE: usize = 3;
const DEFERRED: usize = 4;
const TIMER: usize = 5;
const STEP: usize = 6;
const FUTURE: usize = 7;

/// See the module.
#[derive(Debug)]
pub(crate) struct Word(NonNull<()>);

// SAFETY: see the module: counts of Python objects change only with the interpreter's lock.
unsafe impl Send for Word {}

/// A native type that has a tag of its own.
pub(crate) trait Queued: Native {
    const TAG: Tag;

    /// Runs the object. An error leaves the loop: all other errors went to the exception handler, which may have raised this one.
    fn run(&self, this: &Bound<'_, PyAny>) -> PyResult<()>;

    /// For one that waits for a time: whether it does not any more.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// The tags that are one type's each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Handle = HANDLE.cast_signed(),
    Timer = TIMER.cast_signed(),
    Step = STEP.cast_signed(),
    Future = FUTURE.cast_signed(),
}

/// What the objects of one tag do.
#[derive(Clone, Copy)]
struct Owner {
    run: unsafe fn(Python<'_>, *mut ffi::PyObject) -> PyResult<()>,
    is_cancelled: unsafe fn(*mut ffi::PyObject) -> bool,
    show: unsafe fn(*mut ffi::PyObject, &mut Visitor<'_>),
}

impl Owner {
    const NONE: Owner = Owner {
        run: |_, _| Err(PySystemError::new_err("a word that nobody owns")),
        is_cancelled: |_| false,
        show: |_, _| {},
    };

    const fn of<T: Queued>() -> Owner {
        Owner {
            // SAFETY: called with an object of the type of `T`, which a word keeps alive.
            run: |py, object| unsafe { state::<T>(object).run(&Borrowed::from_ptr(py, object)) },
            // SAFETY: as above.
            is_cancelled: |object| unsafe { state::<T>(object).is_cancelled() },
            // SAFETY: as above.
            show: |object, visitor| unsafe { state::<T>(object).traverse(visitor) },
        }
    }
}

/// By tag. Filled when the extension is imported, before there is any word.
struct Owners(UnsafeCell<[Owner; TAGS + 1]>);

// SAFETY: ATTACHED; written before it is read.
unsafe impl Sync for Owners {}

static OWNERS: Owners = Owners(UnsafeCell::new([Owner::NONE; TAGS + 1]));

/// Enters what the objects of `T` do for words of its tag.
pub(crate) fn own<T: Queued>() {
    // SAFETY: see `Sync`; no borrow lives on.
    unsafe { (*OWNERS.0.get())[T::TAG as usize] = Owner::of::<T>() };
}

/// What an I/O object does when its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Its descriptor can be read.
    Readable,
    /// Its descriptor can be written.
    Writable,
    /// The object asked for this turn itself.
    Deferred,
}

/// An I/O object: a native type whose words call it directly.
pub(crate) trait Io: Native {
    /// An error is reported, unless it has to leave the loop.
    fn turn(&self, this: &Bound<'_, PyAny>, turn: Turn) -> PyResult<()>;

    /// For one that waits for a time: whether it does not any more.
    fn is_cancelled(&self) -> bool {
        false
    }

    /// Another object watches the descriptor from now on: a turn that is queued already must do nothing.
    fn displaced(&self) {}
}

/// The first field of an I/O object's state, which must be `repr(C)`.
#[derive(Debug)]
pub(crate) struct Head {
    calls: &'static Calls,
    offset: isize,
}

/// What words call of an I/O object.
#[derive(Debug)]
struct Calls {
    turn: unsafe fn(Python<'_>, *mut ffi::PyObject, Turn) -> PyResult<()>,
    is_cancelled: unsafe fn(*mut ffi::PyObject) -> bool,
    displaced: unsafe fn(*mut ffi::PyObject),
}

impl Calls {
    const fn of<T: Io>() -> Self {
        Calls {
            // SAFETY: called with the object that a head of the type of `T` lies in, alive since a word holds it.
            turn: |py, object, turn| unsafe {
                state::<T>(object).turn(&Borrowed::from_ptr(py, object), turn)
            },
            // SAFETY: as above.
            is_cancelled: |object| unsafe { state::<T>(object).is_cancelled() },
            // SAFETY: as above.
            displaced: |object| unsafe { state::<T>(object).displaced() },
        }
    }
}

impl Head {
    /// The head of an object of the type of `T`.
    pub(crate) fn new<T: Io>() -> Self {
        Head { calls: const { &Calls::of::<T>() }, offset: T::place().offset() }
    }

    /// The object this head lies in.
    pub(crate) fn object(&self) -> *mut ffi::PyObject {
        ptr::from_ref(self).wrapping_byte_offset(-self.offset).cast_mut().cast()
    }
}

impl Word {
    /// Runs `object` as its type does.
    #[inline]
    pub(crate) fn of<T: Queued>(object: Bound<'_, PyAny>) -> Word {
        debug_assert!(try_state::<T>(&object).is_some());
        Word::tagged(object.into_ptr().cast(), T::TAG as usize)
    }

    /// Gives `object` its `turn`.
    pub(crate) fn io<T: Io>(object: &Bound<'_, PyAny>, turn: Turn) -> Word {
        debug_assert!(try_state::<T>(object).is_some());
        let object = object.clone().into_ptr();
        let head = object.wrapping_byte_offset(T::place().offset());
        let tag = match turn {
            Turn::Readable => READABLE,
            Turn::Writable => WRITABLE,
            Turn::Deferred => DEFERRED,
        };
        Word::tagged(head.cast(), tag)
    }

    /// Runs it. An error leaves the loop: all others were given to the exception handler, which may have raised this one. What
    /// the turn of an I/O object fails with is given to `failed`.
    #[expect(
        clippy::inline_always,
        reason = "outlined, which is chance, it takes 2 % more instructions of `sleep_zero`"
    )]
    #[inline(always)]
    pub(crate) fn run(
        self,
        py: Python<'_>,
        failed: fn(&Bound<'_, PyAny>, &PyErr) -> PyResult<()>,
    ) -> PyResult<()> {
        let turn = match self.tag() {
            TASK => {
                Word::into_task(self).run();
                return Ok(());
            }
            READABLE => Turn::Readable,
            WRITABLE => Turn::Writable,
            DEFERRED => Turn::Deferred,
            // SAFETY: the tag says whose the word is, which keeps the object alive.
            _ => return unsafe { (self.owner().run)(py, self.object()) },
        };
        // SAFETY: as above.
        unsafe {
            (self.head().calls.turn)(py, self.object(), turn)
                .or_else(|error| failed(&Borrowed::from_ptr(py, self.object()), &error))
        }
    }

    /// Whether this word runs a task.
    pub(crate) fn is_step(&self) -> bool {
        self.tag() == STEP
    }

    /// The Handle or `TimerHandle` this word runs, if it is one.
    pub(crate) fn as_handle<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: the tag says what it is.
        matches!(self.tag(), HANDLE | TIMER).then(|| unsafe { Bound::from_borrowed_ptr(py, self.object()) })
    }

    /// Whether this word gives a turn to `object`.
    pub(crate) fn is_of(&self, object: *mut ffi::PyObject) -> bool {
        self.tag() != TASK && self.object() == object
    }

    /// The Python object this word gives a turn to; an engine task has none.
    pub(crate) fn as_object<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: the word keeps the object alive.
        (self.tag() != TASK).then(|| unsafe { Bound::from_borrowed_ptr(py, self.object()) })
    }

    /// Tells an I/O object that another object watches its descriptor.
    pub(crate) fn displace(&self) {
        if matches!(self.tag(), READABLE | WRITABLE | DEFERRED) {
            // SAFETY: the word keeps the object alive.
            unsafe { (self.head().calls.displaced)(self.object()) }
        }
    }

    /// Shows the collector what the word holds: of a handle that nobody else has, which the collector does not know,
    /// its contents.
    pub(crate) fn traverse(&self, visitor: &mut Visitor<'_>) {
        // SAFETY: the tag says what it is; reading a count needs no attaching.
        unsafe {
            match self.tag() {
                TASK => {}
                HANDLE if self.is_unknown() => (self.owner().show)(self.object(), visitor),
                _ => visitor.raw(self.object()),
            }
        }
    }

    /// Has the collector know a handle that somebody else refers to. A loop that runs is no garbage, so that its handles
    /// need not be known; when it stops, they have to be.
    pub(crate) fn track_if_shared(&self, py: Python<'_>) {
        if self.tag() == HANDLE && !self.is_only_one() {
            // SAFETY: the tag says what it is.
            track(&*unsafe { Borrowed::from_ptr(py, self.object()) });
        }
    }

    /// Whether the collector sees the object through this word only.
    fn is_unknown(&self) -> bool {
        // SAFETY: a live object of a collected type.
        self.is_only_one() && unsafe { ffi::PyObject_GC_IsTracked(self.object()) == 0 }
    }

    /// Whether nothing but this word refers to its object.
    fn is_only_one(&self) -> bool {
        // SAFETY: a live object.
        unsafe { ffi::Py_REFCNT(self.object()) == 1 }
    }

    #[inline]
    fn tagged(pointer: *mut (), tag: usize) -> Word {
        debug_assert_eq!(pointer.addr() & TAGS, 0, "ALIGNED");
        // SAFETY: CPython and the engine never give a null pointer here; adding a tag to it gives none either.
        Word(unsafe { NonNull::new_unchecked(pointer.map_addr(|address| address | tag)) })
    }

    fn tag(&self) -> usize {
        self.0.addr().get() & TAGS
    }

    fn untagged(&self) -> *mut () {
        self.0.as_ptr().map_addr(|address| address & !TAGS)
    }

    fn head(&self) -> &Head {
        // SAFETY: the state of an I/O object begins with its head.
        unsafe { &*self.untagged().cast::<Head>() }
    }

    /// The Python object; not for a task.
    fn object(&self) -> *mut ffi::PyObject {
        match self.tag() {
            HANDLE | TIMER | STEP | FUTURE => self.untagged().cast(),
            _ => self.head().object(),
        }
    }

    #[inline]
    fn owner(&self) -> &'static Owner {
        // SAFETY: see `Sync` of the table.
        unsafe { &(*OWNERS.0.get())[self.tag()] }
    }

    fn into_task(self) -> Runnable {
        let pointer = self.untagged();
        std::mem::forget(self);
        // SAFETY: the tag says that this came from `Runnable::into_raw`, and `self` will not drop it.
        unsafe { Runnable::from_raw(NonNull::new_unchecked(pointer)) }
    }
}

impl From<Runnable> for Word {
    fn from(task: Runnable) -> Self {
        Word::tagged(task.into_raw().as_ptr(), TASK)
    }
}

impl Handle for Word {
    fn again(&self) -> Option<Self> {
        if self.tag() == TASK {
            return None;
        }
        // SAFETY: ATTACHED: the loop collects events only then.
        unsafe { ffi::Py_INCREF(self.object()) };
        Some(Word(self.0))
    }
}

impl Timed for Word {
    fn is_cancelled(&self) -> bool {
        match self.tag() {
            // SAFETY: the tag says what it is.
            HANDLE | TIMER | FUTURE => unsafe { (self.owner().is_cancelled)(self.object()) },
            // SAFETY: as above.
            DEFERRED => unsafe { (self.head().calls.is_cancelled)(self.object()) },
            _ => false,
        }
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        if self.tag() == TASK {
            drop(Word(self.0).into_task());
        } else {
            // SAFETY: the word owns a reference; loops are run, closed and dropped attached (ATTACHED).
            unsafe {
                self.track_if_shared(Python::assume_attached());
                ffi::Py_DECREF(self.object());
            }
        }
    }
}
