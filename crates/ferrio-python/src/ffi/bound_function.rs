//! `BoundFunction`: a native function with the object that it works on, to be called by Python code and kept by it.
//!
//! What a builtin's method would be, but for the memory: a request has two of them, and both come from a free list.

use std::ffi::CStr;
use std::ptr;

use pyo3::Borrowed;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::args::Args;
use super::entry::enter;
use super::heap_type::{Native, state};
use super::held::holds;
use super::instances::alloc_tracked;
use super::members::{Members, members};
use super::object::{self, Shown};
use super::reference::Ref;

/// What a function does with the object.
pub(crate) type BoundBody = for<'a, 'py> fn(&Bound<'py, PyAny>, Args<'a, 'py>) -> PyResult<Bound<'py, PyAny>>;

/// See the module.
#[repr(C)]
pub(crate) struct BoundFunction {
    vectorcall: ffi::vectorcallfunc,
    body: BoundBody,
    name: &'static str,
    instance: Ref,
}

impl BoundFunction {
    /// The function `name` of `instance`.
    pub(crate) fn create<'py>(
        instance: &Bound<'py, PyAny>,
        name: &'static str,
        body: BoundBody,
    ) -> PyResult<Bound<'py, PyAny>> {
        let instance_ref = instance.clone().into();
        alloc_tracked(instance.py(), BoundFunction { vectorcall: call, body, name, instance: instance_ref })
    }

    fn name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(PyString::intern(this.py(), self.name).into_any().unbind())
    }
}

// SAFETY: called by CPython only, with an object of the type and arguments as its protocol lays them out.
unsafe extern "C" fn call(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    flags: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: as above. Who calls holds `this`, and so the instance.
        unsafe {
            let args = Args::new(py, values, ffi::PyVectorcall_NARGS(flags), names);
            let own = state::<BoundFunction>(this);
            (own.body)(&Borrowed::from_ptr(py, own.instance.as_ptr()), args).map(Bound::into_ptr)
        }
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<false, _>(body, ptr::null_mut()) }
}

impl Shown for BoundFunction {
    fn repr<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let text = format!("<bound function {} of {}>", self.name, self.instance.bind(py).repr()?);
        Ok(PyString::new(py, &text).into_any())
    }
}

impl Native for BoundFunction {
    const NAME: &'static CStr = c"ferrio._ferrio.bound_function";
    const DOC: &'static CStr = c"";
    const VECTORCALL: bool = true;
    const KEPT: usize = 256;

    holds!(instance);

    fn members() -> Members {
        let own = members! { BoundFunction;
            attribute c"__name__" => name;
            attribute c"__qualname__" => name;
            shown c"__self__" => instance;
        };
        own.vectorcall::<BoundFunction>().and(object::shown_slots::<BoundFunction>())
    }
}
