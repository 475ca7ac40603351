//! Futures that wait for a time, a connection, a thread.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use pyo3::exceptions::PyConnectionError;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// `value`, after so many seconds.
#[pyfunction]
pub(crate) fn sleep_and_return(py: Python<'_>, seconds: f64, value: Py<PyAny>) -> PyResult<Bound<'_, PyAny>> {
    ferrio_bridge::into_awaitable(py, async move {
        ferrio::sleep(Duration::from_secs_f64(seconds)).await;
        Ok(value)
    })
}

/// Waits for ever, and says in `log` when that has come to an end after all.
#[pyfunction]
pub(crate) fn forever(py: Python<'_>, log: Py<PyList>) -> PyResult<Bound<'_, PyAny>> {
    struct Tells(Py<PyList>);

    impl Drop for Tells {
        fn drop(&mut self) {
            let told = Python::attach(|py| self.0.bind(py).append("dropped"));
            assert!(told.is_ok(), "a list can be appended to");
        }
    }

    ferrio_bridge::into_awaitable(py, async move {
        let tells = Tells(log);
        std::future::pending::<()>().await;
        drop(tells);
        Ok(())
    })
}

/// Sends a line to a server, and gives the line that it answers.
#[pyfunction]
pub(crate) fn ask(py: Python<'_>, host: String, port: u16, line: String) -> PyResult<Bound<'_, PyAny>> {
    ferrio_bridge::into_awaitable(py, async move {
        let (mut reader, mut writer) = ferrio::open_connection(&host, port).await?;
        writer.write(format!("{line}\n").as_bytes());
        let answer =
            reader.readline().await.map_err(|error| PyConnectionError::new_err(error.to_string()))?;
        Ok(String::from_utf8_lossy(&answer).trim_end().to_owned())
    })
}

/// The sum of the numbers below `count`, which a thread works out.
#[pyfunction]
pub(crate) fn on_a_thread(py: Python<'_>, count: u64) -> PyResult<Bound<'_, PyAny>> {
    ferrio_bridge::into_awaitable(
        py,
        async move { Ok(ferrio::to_thread(move || (0..count).sum::<u64>()).await) },
    )
}

/// `value`, from a thread that knows nothing of loops.
#[pyfunction]
pub(crate) fn from_a_thread(py: Python<'_>, value: u64) -> PyResult<Bound<'_, PyAny>> {
    ferrio_bridge::into_awaitable(py, async move {
        let (promise, promised) = ferrio::create_future();
        let thread = std::thread::spawn(move || promise.set_result(value));
        let given = promised.await.map_err(|error| PyConnectionError::new_err(error.to_string()));
        thread.join().map_or_else(|_| Err(PyConnectionError::new_err("the thread panicked")), |()| given)
    })
}

/// Starts a task that calls `tick` with one, two, three and so on, each `seconds`, until it has done so `count` times.
#[pyfunction]
pub(crate) fn start_ticking(py: Python<'_>, seconds: f64, count: u32, tick: Py<PyAny>) -> PyResult<()> {
    let number = Rc::new(Cell::new(0));
    ferrio_bridge::enter(py, || {
        let ticking = ferrio::create_task(async move {
            while number.get() < count {
                ferrio::sleep(Duration::from_secs_f64(seconds)).await;
                number.set(number.get() + 1);
                Python::attach(|py| {
                    if let Err(error) = tick.call1(py, (number.get(),)) {
                        error.print(py);
                    }
                });
            }
        });
        ticking.detach();
    })
}

/// A Rust task that Python can cancel.
#[pyclass(unsendable)]
pub(crate) struct Task(ferrio::JoinHandle<()>);

#[pymethods]
impl Task {
    fn cancel(&self, py: Python<'_>) -> PyResult<bool> {
        ferrio_bridge::enter(py, || self.0.cancel())
    }
}

/// Starts a task that waits for ever, and calls `cleanup` when it is cancelled.
#[pyfunction]
pub(crate) fn start_forever(py: Python<'_>, cleanup: Py<PyAny>) -> PyResult<Task> {
    let cleans_up = async move {
        Python::attach(|py| {
            if let Err(error) = cleanup.call0(py) {
                error.print(py);
            }
        });
    };
    let waits = ferrio::finally(std::future::pending::<()>(), cleans_up);
    ferrio_bridge::enter(py, || Task(ferrio::create_task(waits)))
}
