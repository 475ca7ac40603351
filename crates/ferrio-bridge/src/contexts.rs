//! `copy`: a task of the guest's has the context variables of whoever created it, as a task of asyncio's has.
//!
//! Only `Context.run` enters a context without unsafe code, and what it calls is a Python object: `Poll`, one a task, with the poll
//! in it for as long as that lasts. Where Python fails, which it reports, the task is polled all the same.

use std::cell::Cell;

use pyo3::intern;
use pyo3::prelude::*;

use crate::confined::Confined;
use crate::names::copied_context;

/// Copies the current context. What is given calls a poll within the copy.
pub(crate) fn copy() -> impl Fn(Once) {
    let copied = Python::try_attach(|py| {
        let copied = Copied::new(py);
        copied.map_err(|error| error.write_unraisable(py, None)).ok()
    });
    let copied = copied.flatten();
    move |poll| {
        if let Some(copied) = &copied {
            let _at_exit = Python::try_attach(|py| copied.run(py, poll));
        }
    }
}

struct Copied {
    /// The method of the context.
    run: Py<PyAny>,
    poll: Py<Poll>,
}

impl Copied {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let run = copied_context(py)?.getattr(intern!(py, "run"))?.unbind();
        Ok(Copied { run, poll: Py::new(py, Poll(Confined::new(Cell::new(None))))? })
    }

    fn run(&self, py: Python<'_>, poll: Once) {
        if let Some(place) = self.poll.get().0.get() {
            place.set(Some(poll));
            if let Err(error) = self.run.call1(py, (&self.poll,)) {
                error.write_unraisable(py, Some(self.run.bind(py)));
            }
            drop(place.take());
        }
    }
}

/// Called by the context.
#[pyclass(frozen, module = "ferrio_bridge")]
struct Poll(Confined<Cell<Option<Once>>>);

type Once = Box<dyn FnOnce()>;

#[pymethods]
impl Poll {
    fn __call__(&self) {
        if let Some(poll) = self.0.get().and_then(Cell::take) {
            poll();
        }
    }
}
