//! `Names`: what a module of Python's has, for native code.
//!
//! Invariant KNOWN: names that an object may need while the interpreter ends are looked up when the extension is imported
//! (`support::prepare`), since nothing can be imported later. The names are kept, not the module, since the interpreter
//! clears the modules that it still finds at its end.

use pyo3::BoundObject;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::call::call_tuple;

/// ferrio's own modules for native code, by the module of asyncio whose wording they have.
pub(crate) static BASE_EVENTS: Names = Names::of("ferrio._support.base_events");
pub(crate) static FUTURES: Names = Names::of("ferrio._support.futures");
pub(crate) static SELECTOR_EVENTS: Names = Names::of("ferrio._support.selector_events");
pub(crate) static SSLPROTO: Names = Names::of("ferrio._support.sslproto");
pub(crate) static STREAMS: Names = Names::of("ferrio._support.streams");
pub(crate) static TASKGROUPS: Names = Names::of("ferrio._support.taskgroups");
pub(crate) static TASKS: Names = Names::of("ferrio._support.tasks");
pub(crate) static TIMEOUTS: Names = Names::of("ferrio._support.timeouts");

/// As these, for servers: looked up when one sends the first file.
pub(crate) static HTTP: Names = Names::of("ferrio._support.http");

/// The same for applications of WSGI.
pub(crate) static WSGI: Names = Names::of("ferrio._support.wsgi");

/// Those that are looked up when the extension is imported.
pub(crate) static SUPPORT: [&Names; 8] =
    [&BASE_EVENTS, &FUTURES, &SELECTOR_EVENTS, &SSLPROTO, &STREAMS, &TASKGROUPS, &TASKS, &TIMEOUTS];

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

    /// The function `name` of a module that is ferrio's own.
    pub(crate) fn helper<'py>(
        &'static self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Helper<'py>> {
        self.find(py, name).map(Helper)
    }

    /// Sees to KNOWN.
    pub(crate) fn known<'py>(&'static self, py: Python<'py>) -> PyResult<&'py Bound<'py, PyDict>> {
        let find = || Ok::<_, PyErr>(py.import(self.module)?.dict().unbind());
        Ok(self.names.get_or_try_init(py, find)?.bind(py))
    }
}

/// A function of Python code, in which a daemon thread may end: called as users' code is (`call`).
pub(crate) struct Helper<'py>(Bound<'py, PyAny>);

impl<'py> Helper<'py> {
    pub(crate) fn call0(&self) -> PyResult<Bound<'py, PyAny>> {
        self.call1(())
    }

    pub(crate) fn call1(
        &self,
        arguments: impl IntoPyObject<'py, Target = PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let tuple = arguments.into_pyobject(self.0.py()).map_err(Into::into)?;
        call_tuple(&self.0, tuple.into_bound().as_any())
    }
}

impl<'py> std::ops::Deref for Helper<'py> {
    type Target = Bound<'py, PyAny>;

    fn deref(&self) -> &Bound<'py, PyAny> {
        &self.0
    }
}
