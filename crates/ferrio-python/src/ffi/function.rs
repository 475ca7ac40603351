//! `Function`: a native callable that passes for the function of asyncio's whose name it has.
//!
//! A builtin function cannot say that what it returns is to be awaited, and programs do ask: `unittest.mock.patch` puts an
//! `AsyncMock` in the place of what `iscoroutinefunction()` says yes to. So these are objects, with the two marks by which
//! the standard library knows such a function, the signature of the original, and a call that makes no tuple.

use std::ffi::CStr;
use std::ptr;

use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::args::Args;
use super::entry::enter;
use super::heap_type::{Native, state, type_object};
use super::held::holds;
use super::instances::alloc;
use super::members::{Members, members};
use super::names::TASKS;
use super::object::{self, Shown};

/// What a function does.
pub(crate) type Body = for<'a, 'py> fn(Python<'py>, Args<'a, 'py>) -> PyResult<Bound<'py, PyAny>>;

/// See the module.
#[repr(C)]
pub(crate) struct Function {
    vectorcall: ffi::vectorcallfunc,
    body: Body,
    name: &'static str,
    /// Whether what it returns is to be awaited.
    awaited: bool,
}

impl Function {
    /// The function `name`, which stands for asyncio's of that name.
    pub(crate) fn create<'py>(
        py: Python<'py>,
        name: &'static str,
        awaited: bool,
        body: Body,
    ) -> PyResult<Bound<'py, PyAny>> {
        alloc(&type_object::<Function>(py)?, Function { vectorcall: call, body, name, awaited })
    }

    /// Whether it is the function of this name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    fn name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(PyString::intern(this.py(), self.name).into_any().unbind())
    }

    fn module(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(intern!(this.py(), "ferrio").clone().into_any().unbind())
    }

    fn reduce(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.name(this)
    }

    fn of_original(&self, this: &Bound<'_, PyAny>, what: &str) -> PyResult<Py<PyAny>> {
        let helper = TASKS.helper(this.py(), intern!(this.py(), "of_original"))?;
        Ok(helper.call1((self.name, what))?.unbind())
    }

    fn must_be_awaited(&self) -> PyResult<()> {
        if self.awaited { Ok(()) } else { Err(PyAttributeError::new_err("not a coroutine function")) }
    }

    fn doc(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.of_original(this, "__doc__")
    }

    /// By this and the next libraries know asyncio's function: anyio so finds the factory of eager tasks, and avoids it.
    fn code(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.of_original(this, "__code__")
    }

    fn closure(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.of_original(this, "__closure__")
    }

    fn signature(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.of_original(this, "__signature__")
    }

    fn mark(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.must_be_awaited()?;
        self.of_original(this, "_is_coroutine")
    }

    fn marker(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.must_be_awaited()?;
        self.of_original(this, "_is_coroutine_marker")
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
        // SAFETY: as above. What the flag in the count allows is not used.
        let (body, args) = unsafe {
            let positional = ffi::PyVectorcall_NARGS(flags);
            (state::<Function>(this).body, Args::new(py, values, positional, names))
        };
        body(py, args).map(Bound::into_ptr)
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<true, _>(body, ptr::null_mut()) }
}

impl Shown for Function {
    fn repr<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyString::new(this.py(), &format!("<function ferrio.{}>", self.name)).into_any())
    }
}

impl Native for Function {
    const NAME: &'static CStr = c"ferrio._ferrio.function";
    const DOC: &'static CStr = c"";
    const VECTORCALL: bool = true;

    holds!();

    fn members() -> Members {
        let own = members! { Function;
            bare c"__reduce__" c"Pickled by name." => reduce;
            attribute c"__name__" => name;
            attribute c"__qualname__" => name;
            attribute c"__module__" => module;
            attribute c"__doc__" => doc;
            attribute c"__code__" => code;
            attribute c"__closure__" => closure;
            attribute c"__signature__" => signature;
            attribute c"_is_coroutine" => mark;
            attribute c"_is_coroutine_marker" => marker;
        };
        own.vectorcall::<Function>().and(object::shown_slots::<Function>())
    }
}
