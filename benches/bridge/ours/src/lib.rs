//! What benches/bridge measures, on ferrio-bridge. `theirs` has the same functions on another bridge.

use std::cell::RefCell;
use std::sync::mpsc::{Sender, channel};

use ferrio::{Promise, create_future};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// A future that is ready when it is polled first.
#[pyfunction]
fn ready(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    ferrio_bridge::into_awaitable(py, async { Ok(1) })
}

/// Awaits what `make` gives, so many times.
#[pyfunction]
fn drive(py: Python<'_>, make: Py<PyAny>, count: u32) -> PyResult<Bound<'_, PyAny>> {
    ferrio_bridge::into_awaitable(py, async move {
        for _ in 0..count {
            Python::attach(|py| PyResult::Ok(ferrio_bridge::into_future(py, make.call0(py)?)))?.await?;
        }
        Ok(())
    })
}

/// A future that waits, and who completes it: this thread, or another.
#[pyclass(unsendable)]
struct Gate {
    promise: RefCell<Option<Promise<u32>>>,
    elsewhere: Sender<Promise<u32>>,
}

#[pymethods]
impl Gate {
    #[new]
    fn new() -> Self {
        let (elsewhere, promises) = channel::<Promise<u32>>();
        std::thread::spawn(move || promises.into_iter().for_each(|promise| promise.set_result(1)));
        Gate { promise: RefCell::new(None), elsewhere }
    }

    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (promise, promised) = create_future();
        self.promise.replace(Some(promise));
        let closed = |_| PyRuntimeError::new_err("the gate is gone");
        ferrio_bridge::into_awaitable(py, async move { promised.await.map_err(closed) })
    }

    fn open(&self) {
        if let Some(promise) = self.promise.take() {
            promise.set_result(1);
        }
    }

    fn open_elsewhere(&self) {
        if let Some(promise) = self.promise.take() {
            let _sent = self.elsewhere.send(promise);
        }
    }
}

#[pymodule]
fn bridge_ours(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ready, module)?)?;
    module.add_function(wrap_pyfunction!(drive, module)?)?;
    module.add_class::<Gate>()
}
