//! Rust futures as Python awaitables: polled by the loop that runs, on its own thread, between Python callbacks.
//!
//! No second runtime and no thread stands between: the future's sockets and timers are the loop's own. Cancelling the
//! awaitable drops the Rust future at once; dropping the loop drops it, too.

use std::future::Future;
use std::io;
use std::time::Duration;

use ferrio_engine::Core;
use ferrio_engine::net::TcpStream;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCFunction, PyDict, PyTuple};

use crate::event_loop::exceptions::os_error;
use crate::ffi::call::with_python;
use crate::ffi::raised;

/// A Python future of the running loop that gets what `future` returns, made into an object by `convert`.
pub(crate) fn awaitable<T: 'static>(
    py: Python<'_>,
    future: impl Future<Output = io::Result<T>> + 'static,
    convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + 'static,
) -> PyResult<Bound<'_, PyAny>> {
    let event_loop = py.import("asyncio")?.call_method0(intern!(py, "get_running_loop"))?;
    let core = Core::current().ok_or_else(|| PyRuntimeError::new_err("the running loop is not ferrio's"))?;
    let promise = event_loop.call_method0(intern!(py, "create_future"))?;
    let told = promise.clone().unbind();
    let task = core.spawn(async move {
        let result = future.await;
        // Polled by the loop, hence attached.
        with_python(|py| {
            let result = result.map_err(|error| os_error(&error)).and_then(|value| convert(py, value));
            if let Err(error) = tell(told.bind(py), result) {
                error.write_unraisable(py, Some(told.bind(py)));
            }
        });
    });
    let task = std::sync::Mutex::new(Some(task));
    let done = move |_: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<()> {
        // Done or cancelled: in both cases nobody waits for the task any more.
        drop(task.lock().ok().and_then(|mut task| task.take()));
        Ok(())
    };
    promise
        .call_method1(intern!(py, "add_done_callback"), (PyCFunction::new_closure(py, None, None, done)?,))?;
    Ok(promise)
}

/// Sleep for `delay` seconds in Rust.
#[pyfunction]
pub(crate) fn rust_sleep(py: Python<'_>, delay: f64) -> PyResult<Bound<'_, PyAny>> {
    let delay =
        Duration::try_from_secs_f64(delay).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let sleep = async move {
        ferrio_engine::sleep(delay)?.await;
        Ok(())
    };
    awaitable(py, sleep, |py, ()| Ok(py.None()))
}

/// Connect to a numeric address, send `data`, and return as many bytes as were sent, all in Rust.
#[pyfunction]
pub(crate) fn rust_round_trip<'py>(
    py: Python<'py>,
    address: &str,
    data: Vec<u8>,
) -> PyResult<Bound<'py, PyAny>> {
    let address = address
        .parse()
        .map_err(|_| PyValueError::new_err(format!("not an IP address and port: {address}")))?;
    let round_trip = async move {
        let stream = TcpStream::connect(address).await?;
        stream.write_all(&data).await?;
        let mut answer = vec![0; data.len()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    awaitable(py, round_trip, |py, answer| Ok(PyBytes::new(py, &answer).into_any().unbind()))
}

fn tell(promise: &Bound<'_, PyAny>, result: PyResult<Py<PyAny>>) -> PyResult<()> {
    let py = promise.py();
    if promise.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    match result {
        Ok(value) => promise.call_method1(intern!(py, "set_result"), (value,)),
        Err(error) => promise.call_method1(intern!(py, "set_exception"), (raised::value(py, &error),)),
    }
    .map(drop)
}
