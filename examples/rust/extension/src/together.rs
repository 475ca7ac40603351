//! What tasks of both languages share: ferrio's own queue and event, with methods for Python.

use std::rc::Rc;

use pyo3::exceptions::PyEOFError;
use pyo3::prelude::*;

/// A queue with room for `maxsize` numbers. A Rust task and a Python coroutine on one loop pass items through it.
#[pyclass(unsendable)]
pub(crate) struct Channel(Rc<ferrio::Queue<i64>>);

#[pymethods]
impl Channel {
    #[new]
    fn new(maxsize: usize) -> Self {
        Channel(Rc::new(ferrio::Queue::new(maxsize)))
    }

    /// The next item; an `EOFError` when there will be none.
    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let queue = self.0.clone();
        ferrio_bridge::into_awaitable(py, async move {
            queue.get().await.map_err(|_| PyEOFError::new_err("the channel is closed"))
        })
    }

    /// Puts an item, when there is room.
    fn put<'py>(&self, py: Python<'py>, item: i64) -> PyResult<Bound<'py, PyAny>> {
        let queue = self.0.clone();
        ferrio_bridge::into_awaitable(py, async move {
            queue.put(item).await.map_err(|_| PyEOFError::new_err("the channel is closed"))
        })
    }

    /// There will be no more items after those which are there.
    fn close(&self) {
        self.0.shutdown(false);
    }

    fn __len__(&self) -> usize {
        self.0.qsize()
    }

    /// Starts a Rust task that puts the numbers below `count`, and then closes the channel.
    fn count_up(&self, py: Python<'_>, count: i64) -> PyResult<()> {
        let queue = self.0.clone();
        ferrio_bridge::enter(py, || {
            let counting = ferrio::create_task(async move {
                for number in 0..count {
                    if queue.put(number).await.is_err() {
                        return;
                    }
                }
                queue.shutdown(false);
            });
            counting.detach();
        })
    }

    /// The sum of all that is put until the channel is closed, which a Rust future gets.
    fn sum<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let queue = self.0.clone();
        ferrio_bridge::into_awaitable(py, async move {
            let mut sum = 0;
            while let Ok(item) = queue.get().await {
                sum += item;
            }
            Ok(sum)
        })
    }
}

/// An event: whoever waits goes on when it is set.
#[pyclass(unsendable)]
pub(crate) struct Flag(Rc<ferrio::Event>);

#[pymethods]
impl Flag {
    #[new]
    fn new() -> Self {
        Flag(Rc::new(ferrio::Event::new()))
    }

    fn set(&self) {
        self.0.set();
    }

    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let event = self.0.clone();
        ferrio_bridge::into_awaitable(py, async move {
            event.wait().await;
            Ok(true)
        })
    }

    /// Starts a Rust task that sets `other` when this is set.
    fn then_set(&self, py: Python<'_>, other: &Flag) -> PyResult<()> {
        let (this, other) = (self.0.clone(), other.0.clone());
        ferrio_bridge::enter(py, || {
            let passes_on = ferrio::create_task(async move {
                this.wait().await;
                other.set();
            });
            passes_on.detach();
        })
    }
}
