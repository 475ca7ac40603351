//! `CoroutineMethod`: a method of a native type that says of itself that what it returns is to be awaited.
//!
//! `inspect.iscoroutinefunction(reader.read)` looks for a mark, which the interpreter's own descriptors of native methods
//! cannot carry. So one of these stands in front of such a descriptor in its class: it has the marks, binds to an instance
//! as a function does, and hands a call on as it comes. As a method descriptor, by its type's flag, it is called without
//! being bound first. That takes 104 instructions more than a call of a method of the interpreter's own kind, for which
//! it has a short cut: 5 % of `await lock.acquire()` where nobody waits. So `acquire`, `Event.wait`, `Queue.get` and
//! `put` are left as they are. `__aenter__` and `__aexit__` are always bound: `BoundMethod` makes that cheap.

use std::ffi::{CStr, c_void};

use pyo3::Borrowed;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::bound_method::BoundMethod;
use super::heap_type::{Native, state, type_object};
use super::held::holds;
use super::instances::alloc;
use super::members::{Fast, Members, members};
use super::names::TASKS;
use super::object::{self, Shown};
use super::reference::{Ref, Slot};

/// See the module.
#[repr(C)]
pub(crate) struct CoroutineMethod {
    vectorcall: ffi::vectorcallfunc,
    /// That of `method`, which is a vectorcall function of any object of its kind.
    inner: ffi::vectorcallfunc,
    method: Ref,
    /// The function itself and the class it is for, of a method that is bound before each call. A native class, which is
    /// never freed.
    function: Option<(Fast, *mut ffi::PyTypeObject)>,
    /// The first class of an instance that was seen to derive from that one: most are of one. Without it `lock` takes 1.6 % more
    /// instructions.
    subclass: Slot,
}

impl CoroutineMethod {
    /// Puts one in front of each of these methods of `class`, which has just been made.
    pub(crate) fn mark(class: &Bound<'_, PyType>, names: &[&str]) -> PyResult<()> {
        let py = class.py();
        for name in names {
            let method = class.getattr(*name)?;
            // SAFETY: an object, which is asked for its vectorcall function.
            let Some(inner) = (unsafe { ffi::PyVectorcall_Function(method.as_ptr()) }) else {
                return Err(PyTypeError::new_err(format!("{name} has no vectorcall")));
            };
            let function = matches!(*name, "__aenter__" | "__aexit__").then(|| function(&method)).flatten();
            let state = CoroutineMethod {
                vectorcall: call,
                inner,
                method: method.into(),
                function,
                subclass: Slot::default(),
            };
            class.setattr(*name, alloc(&type_object::<CoroutineMethod>(py)?, state)?)?;
        }
        Ok(())
    }

    /// Whether `instance` is one of `class`.
    fn is_for(&self, instance: &Bound<'_, PyAny>, class: *mut ffi::PyTypeObject) -> bool {
        let theirs = instance.get_type_ptr();
        if theirs == class || theirs.cast() == self.subclass.as_ptr() {
            return true;
        }
        // SAFETY: ATTACHED, live types.
        let derives = unsafe { ffi::PyType_IsSubtype(theirs, class) != 0 };
        if derives && self.subclass.is_empty() {
            self.subclass.set(instance.get_type().into_any());
        }
        derives
    }

    fn of_method(&self, py: Python<'_>, name: &Bound<'_, PyString>) -> PyResult<Py<PyAny>> {
        Ok(self.method.bind(py).getattr(name)?.unbind())
    }

    fn name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.of_method(this.py(), intern!(this.py(), "__name__"))
    }

    fn qualified_name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.of_method(this.py(), intern!(this.py(), "__qualname__"))
    }

    fn class(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.of_method(this.py(), intern!(this.py(), "__objclass__"))
    }

    fn doc(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.of_method(this.py(), intern!(this.py(), "__doc__"))
    }

    fn reduce(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        Ok(self.method.bind(py).call_method0(intern!(py, "__reduce__"))?.unbind())
    }

    fn mark_of_asyncio(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        mark(this.py(), "_is_coroutine")
    }

    fn mark_of_inspect(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        mark(this.py(), "_is_coroutine_marker")
    }
}

/// The native function of a method that `members!` made, and its class; `None` when it takes no arguments, or one.
fn function(method: &Bound<'_, PyAny>) -> Option<(Fast, *mut ffi::PyTypeObject)> {
    // SAFETY: a method descriptor, whose definition and class live as long as the process; the flags say which function
    // it has.
    unsafe {
        if ffi::Py_TYPE(method.as_ptr()) != &raw mut ffi::PyMethodDescr_Type {
            return None;
        }
        let descriptor = &*method.as_ptr().cast::<ffi::PyMethodDescrObject>();
        let definition = &*descriptor.d_method;
        if definition.ml_flags != ffi::METH_FASTCALL | ffi::METH_KEYWORDS {
            return None;
        }
        Some((definition.ml_meth.PyCFunctionFastWithKeywords, descriptor.d_common.d_type))
    }
}

fn mark(py: Python<'_>, attribute: &str) -> PyResult<Py<PyAny>> {
    let helper = TASKS.helper(py, intern!(py, "of_original"))?;
    Ok(helper.call1(("", attribute))?.unbind())
}

unsafe extern "C" {
    /// A bound method. pyo3 does not declare it.
    fn PyMethod_New(function: *mut ffi::PyObject, instance: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

// SAFETY: called by CPython only, with an object of the type and arguments as its protocol lays them out.
unsafe extern "C" fn call(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    flags: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as above; the method is called as the interpreter would.
    unsafe {
        let state = state::<CoroutineMethod>(this);
        (state.inner)(state.method.as_ptr(), values, flags, names)
    }
}

// SAFETY: called by CPython only, as its slot promises.
unsafe extern "C" fn bind(
    this: *mut ffi::PyObject,
    instance: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: live objects; the instance is null where the class is asked. Who is of another class gets a bound method
    // that says so when it is called.
    unsafe {
        if instance.is_null() {
            return ffi::Py_NewRef(this);
        }
        let state = state::<CoroutineMethod>(this);
        match state.function {
            Some((function, class))
                if state.is_for(&Borrowed::from_ptr(Python::assume_attached(), instance), class) =>
            {
                BoundMethod::create(this, instance, function)
            }
            _ => PyMethod_New(this, instance),
        }
    }
}

impl Shown for CoroutineMethod {
    fn repr<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name = this.getattr(intern!(this.py(), "__qualname__"))?;
        Ok(PyString::new(this.py(), &format!("<coroutine method {name}>")).into_any())
    }
}

impl Native for CoroutineMethod {
    const NAME: &'static CStr = c"ferrio._ferrio.coroutine_method";
    const DOC: &'static CStr = c"";
    const VECTORCALL: bool = true;
    const METHOD_DESCRIPTOR: bool = true;

    holds!(method, subclass);

    fn members() -> Members {
        let own = members! { CoroutineMethod;
            bare c"__reduce__" c"Pickled by name." => reduce;
            attribute c"__name__" => name;
            attribute c"__qualname__" => qualified_name;
            attribute c"__objclass__" => class;
            attribute c"__doc__" => doc;
            attribute c"_is_coroutine" => mark_of_asyncio;
            attribute c"_is_coroutine_marker" => mark_of_inspect;
        };
        own.vectorcall::<CoroutineMethod>()
            .and(object::shown_slots::<CoroutineMethod>())
            .slot(ffi::Py_tp_descr_get, bind as ffi::descrgetfunc as *mut c_void)
    }
}
