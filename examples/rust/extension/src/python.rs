//! Futures that await what is Python's.

use pyo3::prelude::*;

/// The sum of `count` items of an `asyncio.Queue`.
#[pyfunction]
pub(crate) fn total(py: Python<'_>, queue: Py<PyAny>, count: usize) -> PyResult<Bound<'_, PyAny>> {
    ferrio_bridge::into_awaitable(py, async move {
        let mut sum = 0;
        for _ in 0..count {
            let item = call(&queue, "get")?.await?;
            sum += Python::attach(|py| item.extract::<i64>(py))?;
            Python::attach(|py| queue.call_method0(py, "task_done"))?;
        }
        Ok(sum)
    })
}

/// `value`, when an `asyncio.Event` is set.
#[pyfunction]
pub(crate) fn when_set(py: Python<'_>, event: Py<PyAny>, value: Py<PyAny>) -> PyResult<Bound<'_, PyAny>> {
    ferrio_bridge::into_awaitable(py, async move {
        call(&event, "wait")?.await?;
        Ok(value)
    })
}

/// What the first of several awaitables gives. The others are cancelled.
#[pyfunction]
pub(crate) fn first_of(py: Python<'_>, awaitables: Vec<Py<PyAny>>) -> PyResult<Bound<'_, PyAny>> {
    ferrio_bridge::into_awaitable(py, async move {
        let all: Vec<_> =
            Python::attach(|py| awaitables.iter().map(|each| ferrio_bridge::into_future(py, each)).collect());
        ferrio::race(all).await
    })
}

/// What a `contextvars.ContextVar` has before and after a moment in which others run, and in a task that is started here.
#[pyfunction]
pub(crate) fn look_twice(py: Python<'_>, variable: Py<PyAny>, look: Py<PyAny>) -> PyResult<Bound<'_, PyAny>> {
    ferrio_bridge::into_awaitable(py, async move {
        let before = Python::attach(|py| variable.call_method0(py, "get"))?;
        ferrio::sleep(std::time::Duration::from_millis(1)).await;
        let after = Python::attach(|py| variable.call_method0(py, "get"))?;
        let within = Python::attach(|py| PyResult::Ok(ferrio_bridge::into_future(py, look.call0(py)?)))?;
        Ok((before, after, within.await?))
    })
}

/// What a method without arguments gives, to be awaited.
fn call(object: &Py<PyAny>, method: &str) -> PyResult<ferrio_bridge::Awaited> {
    Python::attach(|py| Ok(ferrio_bridge::into_future(py, object.call_method0(py, method)?)))
}
