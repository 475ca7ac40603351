//! How often one signal has arrived, counted where it arrives: Python's handlers run between two instructions of the main
//! thread, which C code may keep from coming. `ferrio.stuck` compares the count with what its handler has seen.

use std::sync::atomic::{AtomicU32, Ordering};

use ferrio_engine::signal;
use pyo3::prelude::*;
use rustix::process::Signal;

use crate::event_loop::exceptions::os_error;

static ARRIVED: AtomicU32 = AtomicU32::new(0);

/// Counts the arrivals of SIGUSR1 from now on. What handles it goes on to do so.
#[pyfunction]
#[pyo3(name = "_count_signals")]
pub(crate) fn count() -> PyResult<()> {
    signal::count(Signal::USR1, &ARRIVED).map_err(|error| os_error(&error))
}

/// How often it has arrived since.
#[pyfunction]
#[pyo3(name = "_signals_counted")]
pub(crate) fn counted() -> u32 {
    ARRIVED.load(Ordering::Relaxed)
}
