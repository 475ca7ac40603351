//! `Announcing`: what stands in the place of asyncio's `_set_running_loop` while ferrio is installed.
//!
//! Whichever loop begins to run says so there, on whatever thread. A loop of ferrio's is noted, any other is told to
//! Python first (`ferrio.foreign`). Native, because `run` enters and leaves by it, where no signal's handler may get in
//! between: for ferrio's own loops no code of Python's runs here.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::event_loop::state::BaseLoop;
use crate::ffi::prelude::*;

/// See the module.
#[pyclass(module = "ferrio._ferrio", frozen)]
pub(crate) struct Announcing {
    set_running: Py<PyAny>,
    foreign: Py<PyAny>,
    ours_ran: AtomicBool,
}

#[pymethods]
impl Announcing {
    #[new]
    fn new(set_running: Py<PyAny>, foreign: Py<PyAny>) -> Self {
        Announcing { set_running, foreign, ours_ran: AtomicBool::new(false) }
    }

    /// Tells of the loop, unless it is ferrio's or None, then makes it the running one of this thread.
    #[pyo3(signature = (event_loop, /))]
    fn __call__<'py>(&self, event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        if try_state::<BaseLoop>(event_loop).is_some() {
            self.ours_ran.store(true, Ordering::Relaxed);
        } else if !event_loop.is_none() {
            self.foreign.call1(py, (event_loop,))?;
        }
        self.set_running.bind(py).call1((event_loop,))
    }

    /// Whether a loop of ferrio's has run.
    #[getter]
    fn ours_ran(&self) -> bool {
        self.ours_ran.load(Ordering::Relaxed)
    }
}
