//! `Names`: what a module of Python's has, for native code.
//!
//! Invariant KNOWN: what an object may need while the interpreter ends, when nothing can be imported any more, is known from
//! the import of the extension on (`support::prepare`). The names are kept, not the module: the interpreter clears what
//! modules it still finds then.

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

/// The names of one module.
pub(crate) struct Names {
    module: &'static str,
    names: PyOnceLock<Py<PyDict>>,
}

impl Names {
    pub(crate) const fn of(module: &'static str) -> Self {
        Names { module, names: PyOnceLock::new() }
    }

    /// What `name` is in the module.
    pub(crate) fn find<'py>(
        &'static self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = self.known(py)?.get_item(name)?;
        found.ok_or_else(|| PyAttributeError::new_err(format!("module '{}' has no '{name}'", self.module)))
    }

    /// Sees to KNOWN.
    pub(crate) fn known<'py>(&'static self, py: Python<'py>) -> PyResult<&'py Bound<'py, PyDict>> {
        let find = || Ok::<_, PyErr>(py.import(self.module)?.dict().unbind());
        Ok(self.names.get_or_try_init(py, find)?.bind(py))
    }
}
