//! What benches/bridge measures, on pyo3-async-runtimes and tokio. `ours` has the same functions on ferrio-bridge.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3_async_runtimes::tokio::{future_into_py, into_future};
use tokio::sync::oneshot;

/// A future that is ready when it is polled first.
#[pyfunction]
fn ready(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    future_into_py(py, async { Ok(1) })
}

/// Awaits what `make` gives, so many times.
#[pyfunction]
fn drive(py: Python<'_>, make: Py<PyAny>, count: u32) -> PyResult<Bound<'_, PyAny>> {
    future_into_py(py, async move {
        for _ in 0..count {
            Python::attach(|py| into_future(make.call0(py)?.into_bound(py)))?.await?;
        }
        Ok(())
    })
}

/// A future that waits, and who completes it: this thread, or another.
#[pyclass]
struct Gate {
    promise: Mutex<Option<oneshot::Sender<u32>>>,
    elsewhere: Mutex<Sender<oneshot::Sender<u32>>>,
}

impl Gate {
    fn take(&self) -> Option<oneshot::Sender<u32>> {
        self.promise.lock().ok()?.take()
    }
}

#[pymethods]
impl Gate {
    #[new]
    fn new() -> Self {
        let (elsewhere, promises) = channel::<oneshot::Sender<u32>>();
        std::thread::spawn(move || {
            for promise in promises {
                let _sent = promise.send(1);
            }
        });
        Gate { promise: Mutex::new(None), elsewhere: Mutex::new(elsewhere) }
    }

    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (promise, promised) = oneshot::channel();
        if let Ok(mut place) = self.promise.lock() {
            *place = Some(promise);
        }
        let closed = |_| PyRuntimeError::new_err("the gate is gone");
        future_into_py(py, async move { promised.await.map_err(closed) })
    }

    fn open(&self) {
        if let Some(promise) = self.take() {
            let _sent = promise.send(1);
        }
    }

    fn open_elsewhere(&self) {
        if let (Some(promise), Ok(elsewhere)) = (self.take(), self.elsewhere.lock()) {
            let _sent = elsewhere.send(promise);
        }
    }
}

#[pymodule]
fn bridge_theirs(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ready, module)?)?;
    module.add_function(wrap_pyfunction!(drive, module)?)?;
    module.add_class::<Gate>()
}
