//! Native types that are true subclasses of Python classes.
//!
//! An instance is the base's struct, left zeroed, then our state at an offset which is read off the base when the type
//! is made:
//!
//! ```text
//! | object header | base's __slots__ | state T |   (a Python subclass adds __dict__ and __weakref__)
//! ```
//!
//! So `isinstance` holds, and what Python code inherits from the base works through our getters of the same names. The base's
//! `__slots__` stay empty, unless a program sets one that has no such getter (`inherited`).
//! Invariant STATE: an instance's state is initialised when it is made, before anybody else sees the object, and dropped
//! in `dealloc`, after nobody else does. `instances` does both.

use std::ffi::{CStr, c_int, c_void};
use std::mem::{align_of, size_of};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicIsize, AtomicPtr, Ordering};

use pyo3::exceptions::{PySystemError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::entry::enter;
use super::instances::{FreeList, dealloc};
use super::members::Members;
pub(crate) use super::visitor::Visitor;
use super::{inherited, task_struct};

/// What makes an instance, if Python code may.
pub(crate) type New = Option<ffi::newfunc>;

/// The state of a native type.
pub(crate) trait Native: Sized + 'static {
    /// The full name of the type.
    const NAME: &'static CStr;
    /// Its doc string; empty where instances have a `__doc__` of their own.
    const DOC: &'static CStr;
    /// How `Type()` makes one; `None` when only native code does.
    const NEW: New = None;
    /// How many dead instances of exactly this type are kept for reuse.
    const KEPT: usize = 0;
    /// Whether the base is a type of C with memory of its own, such as a place for attributes, which its own slots show to
    /// the collector and clear.
    const BASE_OWNS: bool = false;
    /// Whether the base is a class of Python's with `__slots__` that a program can set.
    const BASE_SLOTS: bool = false;
    /// Whether the base may have put an instance on a list that does not own it.
    const BASE_LISTS: bool = false;
    /// Whether the base may hold a reference that the collector must not see (`hidden`).
    const HIDES: bool = false;
    /// Whether instances are called by way of a function that their `__vectorcalloffset__` member points to.
    const VECTORCALL: bool = false;
    /// Whether the interpreter may call an instance, found in a class, with the object first instead of binding it.
    const METHOD_DESCRIPTOR: bool = false;
    /// Whether what can be set can be deleted, too: a setter then sees None.
    const DELETABLE: bool = true;
    /// Where the type is kept once made.
    fn place() -> &'static Place;
    /// Its methods and attributes.
    fn members() -> Members;
    /// Shows the collector every Python object the state holds.
    fn traverse(&self, visitor: &mut Visitor<'_>);
    /// Drops what could be part of a cycle.
    fn clear(&self);
    /// What it is that the collector must not see; perhaps null.
    fn hidden(&self) -> *mut ffi::PyObject {
        ptr::null_mut()
    }
    /// Whether its finalizer, if it has one, has something to do.
    fn has_to_finalize(&self) -> bool {
        false
    }
    /// Whether its end does no more than drop references to objects that see to it themselves that their own end is not too
    /// deep a recursion, and leaves an exception under way alone. Where none says so, `lock` takes 4.3 % more instructions.
    fn is_quiet(&self) -> bool {
        false
    }
}

/// Where a native type is kept: the type object, and the offset of the state in its instances.
pub(crate) struct Place {
    /// Owned, as the next two are, and never given up.
    object: AtomicPtr<ffi::PyTypeObject>,
    /// The first base.
    base: AtomicPtr<ffi::PyTypeObject>,
    offset: AtomicIsize,
    /// Where the base's `__slots__` lie in an instance (`BASE_SLOTS`).
    inherited: OnceLock<Vec<isize>>,
    /// A subclass that instances were seen of, kept alive: most loops are of one. Without it `echo_streams` takes 4 % more
    /// instructions.
    subclass: AtomicPtr<ffi::PyTypeObject>,
    pub(super) free: FreeList,
}

impl Place {
    pub(crate) const fn new() -> Self {
        let (object, base) = (AtomicPtr::new(ptr::null_mut()), AtomicPtr::new(ptr::null_mut()));
        Place {
            object,
            base,
            offset: AtomicIsize::new(0),
            inherited: OnceLock::new(),
            subclass: AtomicPtr::new(ptr::null_mut()),
            free: FreeList::new(),
        }
    }

    /// Where the state lies in an instance.
    pub(crate) fn offset(&self) -> isize {
        self.offset.load(Ordering::Relaxed)
    }

    fn inherited(&self) -> &[isize] {
        self.inherited.get().map_or(&[], Vec::as_slice)
    }

    /// The type object; null before it was made.
    pub(crate) fn object(&self) -> *mut ffi::PyTypeObject {
        self.object.load(Ordering::Relaxed)
    }
}

/// Makes the type as a subclass of `base`, and of `more` classes that add nothing to an instance.
pub(crate) fn create<T: Native>(base: &Bound<'_, PyType>, more: &[&Bound<'_, PyType>]) -> PyResult<()> {
    create_with::<T>(base, more, T::members)
}

/// As `create`, with these methods and attributes: asked for once it is known where the state lies.
pub(crate) fn create_with<T: Native>(
    base: &Bound<'_, PyType>,
    more: &[&Bound<'_, PyType>],
    members: impl FnOnce() -> Members,
) -> PyResult<()> {
    let py = base.py();
    // SAFETY: `base` is a type object.
    let base_size = unsafe { (*base.as_type_ptr()).tp_basicsize };
    let align = align_of::<T>().max(align_of::<*mut ffi::PyObject>()).cast_signed();
    let offset = (base_size + align - 1) / align * align;
    T::place().offset.store(offset, Ordering::Relaxed);
    T::place().base.store(base.clone().into_ptr().cast(), Ordering::Relaxed);
    if T::BASE_SLOTS {
        let offsets = inherited::offsets(base)?;
        T::place().inherited.get_or_init(|| offsets);
    }

    let mut members = members();
    members.methods.push(ffi::PyMethodDef::zeroed());
    members.attributes.push(ffi::PyGetSetDef::default());
    members.fields.push(ffi::PyMemberDef::default());
    // Method and attribute tables are referred to by the type, which lives as long as the process.
    let mut slots = members.slots;
    slots.extend([
        slot(ffi::Py_tp_dealloc, dealloc::<T> as ffi::destructor as *mut c_void),
        slot(ffi::Py_tp_traverse, traverse::<T> as ffi::traverseproc as *mut c_void),
        slot(ffi::Py_tp_clear, clear::<T> as ffi::inquiry as *mut c_void),
        slot(ffi::Py_tp_methods, members.methods.leak().as_mut_ptr().cast()),
        slot(ffi::Py_tp_members, members.fields.as_mut_ptr().cast()),
        slot(ffi::Py_tp_getset, members.attributes.leak().as_mut_ptr().cast()),
    ]);
    if !T::DOC.is_empty() {
        slots.push(slot(ffi::Py_tp_doc, T::DOC.as_ptr().cast_mut().cast()));
    }
    slots.extend(T::NEW.map(|new| slot(ffi::Py_tp_new, new as *mut c_void)));
    slots.push(slot(0, ptr::null_mut()));
    let instantiation = if T::NEW.is_some() { 0 } else { ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION };
    let flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC | instantiation;
    let flags = if T::VECTORCALL { flags | ffi::Py_TPFLAGS_HAVE_VECTORCALL } else { flags };
    let flags = if T::METHOD_DESCRIPTOR { flags | ffi::Py_TPFLAGS_METHOD_DESCRIPTOR } else { flags };
    #[expect(clippy::cast_possible_truncation, reason = "sizes of some hundred bytes, flags below 2^32")]
    let mut spec = ffi::PyType_Spec {
        name: T::NAME.as_ptr(),
        basicsize: (offset + size_of::<T>().cast_signed()) as c_int,
        itemsize: 0,
        flags: flags as _,
        slots: slots.as_mut_ptr(),
    };
    let bases = PyTuple::new(py, std::iter::once(&base).chain(more).collect::<Vec<_>>())?;
    // SAFETY: the spec is complete and ends in a zero slot; what it points to is 'static or copied.
    let object = unsafe {
        Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpecWithBases(&raw mut spec, bases.as_ptr()))?
    };
    T::place().object.store(object.into_ptr().cast(), Ordering::Relaxed);
    Ok(())
}

/// Gives the type of `T` a metaclass that adds nothing to a type's layout. Before anybody else sees it.
pub(crate) fn set_metaclass<T: Native>(metaclass: &Bound<'_, PyType>) {
    // SAFETY: ATTACHED; types own a reference to their metaclass, `type` being one that is not counted.
    unsafe {
        (*T::place().object()).ob_base.ob_base.ob_type = metaclass.clone().into_ptr().cast();
    }
}

/// The type object.
pub(crate) fn type_object<T: Native>(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    // SAFETY: null, or a type object that is never freed.
    let object = unsafe { Bound::from_borrowed_ptr_or_opt(py, T::place().object().cast()) };
    Ok(object.ok_or_else(|| PySystemError::new_err("type used before it was made"))?.cast_into()?)
}

/// The state of an object known to be of the type.
///
/// # Safety
/// `object` is an instance of the type of `T`, alive for `'a`.
pub(crate) unsafe fn state<'a, T: Native>(object: *mut ffi::PyObject) -> &'a T {
    // SAFETY: STATE, and the caller's promise. The state has interior mutability only.
    unsafe { &*state_pointer::<T>(object) }
}

/// The state of `object`, when it is an instance of the type.
pub(crate) fn try_state<'a, T: Native>(object: &'a Bound<'_, PyAny>) -> Option<&'a T> {
    let place = T::place();
    let (class, theirs) = (place.object(), object.get_type_ptr());
    if theirs != class && theirs != place.subclass.load(Ordering::Relaxed) {
        // SAFETY: ATTACHED, live types.
        if class.is_null() || unsafe { ffi::PyType_IsSubtype(theirs, class) } == 0 {
            return None;
        }
        if place.subclass.load(Ordering::Relaxed).is_null() {
            place.subclass.store(object.get_type().into_ptr().cast(), Ordering::Relaxed);
        }
    }
    // SAFETY: the type was checked.
    Some(unsafe { state(object.as_ptr()) })
}

/// As `try_state`, where anything else is an error.
#[inline]
pub(crate) fn state_of<'a, T: Native>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a T> {
    try_state(object).ok_or_else(|| not_a(T::NAME))
}

#[cold]
fn not_a(name: &CStr) -> PyErr {
    PyTypeError::new_err(format!("not a {}", name.to_string_lossy()))
}

/// A number that changes when an attribute of the object's class, or of a class above that, is set; 0 where the interpreter
/// counts no more.
pub(crate) fn class_version(object: &Bound<'_, PyAny>) -> u32 {
    // SAFETY: ATTACHED, a live type.
    unsafe { (*object.get_type_ptr()).tp_version_tag }
}

/// The object whose state this is.
pub(crate) fn owner<T: Native>(state: &T) -> *mut ffi::PyObject {
    ptr::from_ref(state).wrapping_byte_offset(-T::place().offset()).cast_mut().cast()
}

pub(super) fn state_pointer<T: Native>(object: *mut ffi::PyObject) -> *mut T {
    object.wrapping_byte_offset(T::place().offset()).cast()
}

fn slot(slot: c_int, pfunc: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc }
}

/// What a collector's callback is called by where one reference is hidden from it.
struct AllBut {
    visit: ffi::visitproc,
    arg: *mut c_void,
    hidden: *mut ffi::PyObject,
}

// SAFETY: called by what `traverse` calls, with what it gives.
unsafe extern "C" fn visit_all_but(object: *mut ffi::PyObject, arg: *mut c_void) -> c_int {
    // SAFETY: `traverse` gives it, and the collector's own callback a live object.
    unsafe {
        let AllBut { visit, arg, hidden } = *arg.cast::<AllBut>();
        if object == hidden { 0 } else { visit(object, arg) }
    }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn traverse<T: Native>(
    this: *mut ffi::PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    let mut visitor = Visitor::new(visit, arg);
    // SAFETY: STATE. A heap type's instances keep their type alive, which the collector has to know: once, so where the
    // base's slot is called, a heap type's shows it. Only borrowed pointers are shown: no reference count changes during
    // a traversal.
    unsafe {
        let base = T::place().base.load(Ordering::Relaxed);
        let mut shown = false;
        if T::BASE_OWNS
            && let Some(traverse) = (*base).tp_traverse
        {
            visitor.result = if T::HIDES {
                let all_but = AllBut { visit, arg, hidden: state::<T>(this).hidden() };
                traverse(this, visit_all_but, ptr::from_ref(&all_but).cast_mut().cast())
            } else {
                traverse(this, visit, arg)
            };
            shown = (*base).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0;
        }
        if !shown {
            visitor.raw(ffi::Py_TYPE(this).cast());
        }
        if T::BASE_SLOTS {
            inherited::traverse(this, T::place().inherited(), &mut visitor);
        }
        if visitor.result == 0 {
            state::<T>(this).traverse(&mut visitor);
        }
    }
    visitor.result
}

/// Empties what the base owns.
///
/// # Safety
/// `this` is of the type of `T`.
pub(super) unsafe fn clear_base<T: Native>(this: *mut ffi::PyObject) {
    // SAFETY: the caller's promise; the base's own slot, and its offsets.
    unsafe {
        if T::BASE_SLOTS {
            inherited::clear(this, T::place().inherited());
        }
        if T::BASE_OWNS
            && let Some(clear) = (*T::place().base.load(Ordering::Relaxed)).tp_clear
        {
            clear(this);
        }
    }
}

// SAFETY: called by CPython only, as its slot or table promises.
unsafe extern "C" fn clear<T: Native>(this: *mut ffi::PyObject) -> c_int {
    let body = |_: Python<'_>| {
        // SAFETY: STATE.
        unsafe {
            if T::BASE_LISTS {
                task_struct::take_off(this);
            }
            state::<T>(this).clear();
            clear_base::<T>(this);
        }
        Ok(0)
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<false, _>(body, 0) }
}
