//! `BoundMethod`: `__aenter__` or `__aexit__` of a native object, as `async with` finds it.
//!
//! A method is called without being bound first, but for these two: the interpreter binds both at the start of every
//! `async with`. With two of its own bound methods, made and freed, `lock` takes 30 % more instructions. So these come from a
//! free list, and call the native function without looking for it again.
//!
//! Invariant OWN: the instance is of the class whose function it is, which `CoroutineMethod` checks when it binds.

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use pyo3::Borrowed;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::entry::enter;
use super::heap_type::{Native, state, try_state};
use super::held::holds;
use super::instances::alloc_tracked;
use super::members::{Fast, Members, members};
use super::object::{self, Shown};
use super::reference::Ref;

/// See the module.
#[repr(C)]
pub(crate) struct BoundMethod {
    vectorcall: ffi::vectorcallfunc,
    /// Of a native type, which lives as long as the process.
    function: Fast,
    /// The descriptor it was bound by.
    method: Ref,
    instance: Ref,
}

impl BoundMethod {
    /// `method` of `instance`, or null and an error.
    ///
    /// # Safety
    /// ATTACHED, live objects; OWN.
    pub(super) unsafe fn create(
        method: *mut ffi::PyObject,
        instance: *mut ffi::PyObject,
        function: Fast,
    ) -> *mut ffi::PyObject {
        // SAFETY: the caller's promise.
        let (py, method, instance) = unsafe {
            let py = Python::assume_attached();
            (py, Bound::from_borrowed_ptr(py, method).into(), Bound::from_borrowed_ptr(py, instance).into())
        };
        match alloc_tracked(py, BoundMethod { vectorcall: call, function, method, instance }) {
            Ok(made) => made.into_ptr(),
            Err(error) => {
                error.restore(py);
                ptr::null_mut()
            }
        }
    }

    /// What `inspect.ismethod` asks for.
    fn class(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        // SAFETY: a type that lives as long as the process.
        let class = unsafe { Borrowed::from_ptr(this.py(), (&raw mut PyMethod_Type).cast()) };
        Ok(class.to_owned().unbind())
    }

    fn doc(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        Ok(self.method.bind(py).getattr(intern!(py, "__doc__"))?.unbind())
    }

    fn reduce(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let name = self.method.bind(py).getattr(intern!(py, "__name__"))?;
        let find = py.import(intern!(py, "builtins"))?.getattr(intern!(py, "getattr"))?;
        Ok((find, (self.instance.bind(py), name)).into_pyobject(py)?.into_any().unbind())
    }

    fn is_same(&self, other: &BoundMethod) -> bool {
        self.instance.as_ptr() == other.instance.as_ptr() && self.method.as_ptr() == other.method.as_ptr()
    }
}

unsafe extern "C" {
    /// The interpreter's own bound methods. pyo3 does not declare it.
    static mut PyMethod_Type: ffi::PyTypeObject;
}

// SAFETY: called by CPython only, with an object of the type and arguments as its protocol lays them out.
unsafe extern "C" fn call(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    flags: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as above; OWN. Who calls holds `this`, and so the instance.
    unsafe {
        let state = state::<BoundMethod>(this);
        (state.function)(state.instance.as_ptr(), values, ffi::PyVectorcall_NARGS(flags), names)
    }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn attribute(this: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: live objects; what is not found here is asked of the descriptor, as the interpreter's bound methods do.
    unsafe {
        let own = ffi::PyObject_GenericGetAttr(this, name);
        if !own.is_null() || ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) == 0 {
            return own;
        }
        ffi::PyErr_Clear();
        ffi::PyObject_GetAttr(state::<BoundMethod>(this).method.as_ptr(), name)
    }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn compare(
    this: *mut ffi::PyObject,
    other: *mut ffi::PyObject,
    operation: c_int,
) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: CPython calls this slot with an object of the type, and another.
        let (this, other) = unsafe { (Borrowed::from_ptr(py, this), Borrowed::from_ptr(py, other)) };
        let both = try_state::<BoundMethod>(&this).zip(try_state::<BoundMethod>(&other));
        let answer = match (both, operation) {
            (Some((this, other)), ffi::Py_EQ) => this.is_same(other).into_pyobject(py)?.to_owned().into_any(),
            (Some((this, other)), ffi::Py_NE) => {
                (!this.is_same(other)).into_pyobject(py)?.to_owned().into_any()
            }
            _ => py.NotImplemented().into_bound(py),
        };
        Ok(answer.into_ptr())
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<true, _>(body, ptr::null_mut()) }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn hash(this: *mut ffi::PyObject) -> ffi::Py_hash_t {
    // SAFETY: an object of the type.
    let state = unsafe { state::<BoundMethod>(this) };
    // Addresses end in zeros. A hash is never -1.
    let (instance, method) = (state.instance.as_ptr() as usize, state.method.as_ptr() as usize);
    ((instance >> 4) ^ (method >> 4).rotate_left(16)).cast_signed().max(0)
}

impl Shown for BoundMethod {
    fn repr<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let name = self.method.bind(py).getattr(intern!(py, "__qualname__"))?;
        let text = format!("<bound method {name} of {}>", self.instance.bind(py).repr()?);
        Ok(PyString::new(py, &text).into_any())
    }
}

impl Native for BoundMethod {
    const NAME: &'static CStr = c"ferrio._ferrio.bound_coroutine_method";
    const DOC: &'static CStr = c"";
    const VECTORCALL: bool = true;
    // Without its list `lock` takes 23 % more instructions.
    const KEPT: usize = 64;

    holds!(method, instance);

    fn members() -> Members {
        let own = members! { BoundMethod;
            bare c"__reduce__" c"Pickled as an attribute of its instance." => reduce;
            shown c"__self__" => instance;
            shown c"__func__" => method;
            attribute c"__class__" => class;
            attribute c"__doc__" => doc;
        };
        own.vectorcall::<BoundMethod>()
            .and(object::shown_slots::<BoundMethod>())
            .slot(ffi::Py_tp_getattro, attribute as ffi::getattrofunc as *mut c_void)
            .slot(ffi::Py_tp_richcompare, compare as ffi::richcmpfunc as *mut c_void)
            .slot(ffi::Py_tp_hash, hash as ffi::hashfunc as *mut c_void)
    }

    fn is_quiet(&self) -> bool {
        true
    }
}
