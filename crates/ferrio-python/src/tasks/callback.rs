//! `WaiterCallback`: a native waiter as a Python callable.
//!
//! Such an object is made where a waiter has to be one callback among others: for a loop that is not ours or wants to know (debug
//! mode, a replaced `call_soon`), for futures that are not ours, and for who looks at a future's list of callbacks.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::ffi::heap_type::{Native, type_object};
use crate::ffi::held::holds;
use crate::ffi::instances::alloc;
use crate::ffi::members::{Members, members};
use crate::ffi::object::{Called, called_slots};
use crate::ffi::reference::Slot;
use crate::tasks::waiters::Table;

/// See the module.
pub(crate) struct WaiterCallback {
    waiter: Slot,
    table: &'static Table,
    called: Cell<bool>,
}

impl WaiterCallback {
    /// What calls `waiter`, whose type has this table.
    pub(crate) fn create<'py>(
        waiter: &Bound<'py, PyAny>,
        table: &'static Table,
    ) -> PyResult<Bound<'py, PyAny>> {
        let state =
            WaiterCallback { waiter: Slot::new(waiter.clone().into()), table, called: Cell::new(false) };
        alloc(&type_object::<WaiterCallback>(waiter.py())?, state)
    }

    /// The waiter, and what that does.
    pub(crate) fn of<'py>(&self, py: Python<'py>) -> Option<(Bound<'py, PyAny>, &'static Table)> {
        self.waiter.bind(py).map(|waiter| (waiter, self.table))
    }

    /// Whether somebody has called it.
    pub(crate) fn was_called(&self) -> bool {
        self.called.get()
    }

    /// By which reports and asyncio's helpers find a task.
    fn waiter(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.waiter.object(this.py()))
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
            attributes {
                c"__self__" => waiter;
                c"__name__" => name;
                c"__qualname__" => name;
            }
        };
        own.and(called_slots::<WaiterCallback>())
    }
}
