//! `WaiterCallback`: a native waiter as a Python callable.
//!
//! Such an object is made where a waiter has to be a callback: for a loop that is not ours, is in debug mode or has a replaced
//! `call_soon`; for futures that are not ours; and for programs that look at a future's list of callbacks.

use pyo3::types::{PyString, PyTuple};

use crate::ffi::object::{Called, called_slots};
use crate::ffi::prelude::*;
use crate::tasks::waiters::Table;

/// See the module.
pub(crate) struct WaiterCallback {
    waiter: Slot,
    table: &'static Table,
    called: Cell<bool>,
}

impl WaiterCallback {
    /// A callable that calls `waiter`, whose type has this table.
    pub(crate) fn create<'py>(
        waiter: &Bound<'py, PyAny>,
        table: &'static Table,
    ) -> PyResult<Bound<'py, PyAny>> {
        let state =
            WaiterCallback { waiter: Slot::new(waiter.clone().into()), table, called: Cell::new(false) };
        alloc(&type_object::<WaiterCallback>(waiter.py())?, state)
    }

    /// The waiter, and the table of its type.
    pub(crate) fn of<'py>(&self, py: Python<'py>) -> Option<(Bound<'py, PyAny>, &'static Table)> {
        self.waiter.bind(py).map(|waiter| (waiter, self.table))
    }

    /// Whether somebody has called it.
    pub(crate) fn was_called(&self) -> bool {
        self.called.get()
    }

    fn name(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let name = self.waiter.bind(this.py()).map_or("", |waiter| (self.table.callback_name)(&waiter));
        Ok(PyString::intern(this.py(), name).into_any().unbind())
    }
}

impl Called for WaiterCallback {
    fn call(&self, arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.called.set(true);
        self.waiter.bind(arguments.py()).map_or(Ok(()), |waiter| (self.table.call)(&waiter, arguments))
    }
}

impl Native for WaiterCallback {
    const NAME: &'static CStr = c"ferrio._ferrio.WaiterCallback";
    const DOC: &'static CStr = c"Tells a task, or what waits for several futures, that one of them is done.";

    holds!(waiter);

    fn members() -> Members {
        let own = members! { WaiterCallback;
            shown c"__self__" => waiter;
            attribute c"__name__" => name;
            attribute c"__qualname__" => name;
        };
        own.and(called_slots::<WaiterCallback>())
    }
}
