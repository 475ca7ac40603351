//! `Finished`: a coroutine that has nothing to do, one for all. `__aexit__` gives it: that frees a lock when it is called,
//! which for `async with` is when it is awaited, and so costs no object.

use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use crate::ffi::coroutine::{Coroutine, Life, Step, coroutine_slots};
use crate::ffi::heap_type::{Native, Place, Visitor, type_object};
use crate::ffi::instances::alloc;
use crate::ffi::members::{Members, members};

/// See the module.
pub(crate) struct Finished;

impl Finished {
    pub(super) fn create(py: Python<'_>) -> PyResult<Py<PyAny>> {
        static ONE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let one = ONE.get_or_try_init(py, || {
            Ok::<_, PyErr>(alloc(&type_object::<Finished>(py)?, Finished)?.unbind())
        })?;
        Ok(one.clone_ref(py))
    }

    fn qualified_name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(PyString::intern(this.py(), "_ContextManagerMixin.__aexit__").into_any().unbind())
    }

    fn short_name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(PyString::intern(this.py(), "__aexit__").into_any().unbind())
    }
}

impl Coroutine for Finished {
    const LIGHT: bool = true;

    /// Always: there is one for all.
    fn life(&self) -> Life {
        Life::New
    }

    fn step<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        Ok(Step::Return(this.py().None().into_bound(this.py())))
    }

    fn close(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(())
    }
}

impl Native for Finished {
    const NAME: &'static CStr = c"ferrio._ferrio.Finished";
    const DOC: &'static CStr = c"A coroutine that has nothing to do.";

    fn place() -> &'static Place {
        static PLACE: Place = Place::new();
        &PLACE
    }

    fn members() -> Members {
        coroutine_slots::<Finished>().and(members! { Finished;
            methods {}
            attributes {
                c"__qualname__" => qualified_name;
                c"__name__" => short_name;
            }
        })
    }

    fn traverse(&self, _: &mut Visitor<'_>) {}

    fn clear(&self) {}
}
