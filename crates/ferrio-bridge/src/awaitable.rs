//! `into_awaitable`: a Rust future that a Python task polls.
//!
//! ```text
//! New ── first step, on a running loop ──▶ Begun ── ready, failed, thrown into, closed ──▶ Ended
//!        (whoever takes the stage out leaves `Running` in its place, and puts back the next one)
//! ```
//!
//! A future is polled, and dropped, within the guest of the loop on which it began, and on the thread on which it was made.

use std::any::type_name;
use std::cell::Cell;
use std::ffi::CString;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use pyo3::exceptions::{
    PyBaseException, PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::types::{PyTraceback, PyTuple, PyType};
use pyo3::{IntoPyObjectExt, intern};

use crate::confined::{Confined, while_freed};
use crate::host::{Home, Host};
use crate::wakes::Wakes;

/// A Python awaitable around `future`: for `await`, and for whatever takes a coroutine, such as `asyncio.create_task` and
/// `asyncio.run`. It need not be `Send`, and begins when it is awaited.
///
/// The task that awaits it polls it, on the loop's own thread, with its own context variables. Cancelling that task drops the
/// future. What it gives becomes a Python object; its error, and a panic, is raised.
///
/// # Errors
/// When Python has no memory for the object.
///
/// ```no_run
/// use std::rc::Rc;
///
/// use pyo3::exceptions::PyOSError;
/// use pyo3::prelude::*;
///
/// /// `line = await first_line("example.org", 7)` in Python.
/// #[pyfunction]
/// fn first_line(py: Python<'_>, host: String, port: u16) -> PyResult<Bound<'_, PyAny>> {
///     ferrio_bridge::into_awaitable(py, async move {
///         let not_send = Rc::new(host);
///         let (mut reader, _writer) = ferrio::open_connection(&not_send, port).await?;
///         reader.readline().await.map_err(|error| PyOSError::new_err(error.to_string()))
///     })
/// }
/// ```
pub fn into_awaitable<F, T>(py: Python<'_>, future: F) -> PyResult<Bound<'_, PyAny>>
where
    F: Future<Output = PyResult<T>> + 'static,
    T: for<'py> IntoPyObject<'py> + 'static,
{
    let stage = Cell::new(Stage::New(Box::pin(Typed { future })));
    let awaitable = Awaitable { of: type_name::<F>(), confined: Confined::new(stage), home: OnceLock::new() };
    Ok(Bound::new(py, awaitable)?.into_any())
}

/// A future of whichever type, polled by a thread that is attached to the interpreter.
trait Polled {
    fn poll(self: Pin<&mut Self>, py: Python<'_>, context: &mut Context<'_>) -> Poll<PyResult<Py<PyAny>>>;
}

pin_project! {
    struct Typed<F> {
        #[pin]
        future: F,
    }
}

impl<F, T> Polled for Typed<F>
where
    F: Future<Output = PyResult<T>>,
    T: for<'py> IntoPyObject<'py>,
{
    fn poll(self: Pin<&mut Self>, py: Python<'_>, context: &mut Context<'_>) -> Poll<PyResult<Py<PyAny>>> {
        self.project().future.poll(context).map(|output| output?.into_py_any(py))
    }
}

type Boxed = Pin<Box<dyn Polled>>;

/// See the module.
enum Stage {
    New(Boxed),
    Begun(Begun),
    Running,
    Ended,
}

struct Begun {
    future: Boxed,
    host: Rc<Host>,
    shared: Arc<Wakes>,
    waker: Waker,
}

impl Begun {
    fn new(host: Rc<Host>, future: Boxed) -> Self {
        let shared = Arc::new(Wakes::new(host.home.clone()));
        let waker = Waker::from(shared.clone());
        Begun { future, host, shared, waker }
    }

    /// Polls the future once. `Err` is its end, and `Ok` what the task is to wait for.
    fn poll(self, py: Python<'_>) -> Result<(Self, Bound<'_, PyAny>), PyResult<Py<PyAny>>> {
        let Begun { mut future, host, shared, waker } = self;
        let polled = host.run(py, || match future.as_mut().poll(py, &mut Context::from_waker(&waker)) {
            Poll::Pending => Ok(future),
            // What it held is dropped within the guest, too.
            Poll::Ready(output) => Err((drop(future), output)),
        });
        let future = match polled {
            Ok(future) => future,
            Err(((), output)) => {
                shared.end();
                return Err(output);
            }
        };
        let begun = Begun { future, host, shared, waker };
        match begun.host.event_loop(py).ok_or_else(gone).and_then(|on| begun.shared.wait_for(&on)) {
            Ok(yielded) => Ok((begun, yielded)),
            Err(error) => {
                begun.end(py);
                Err(Err(error))
            }
        }
    }

    /// Drops the future where it was polled.
    fn end(self, py: Python<'_>) {
        let Begun { future, host, shared, .. } = self;
        shared.end();
        host.run(py, || drop(future));
    }
}

/// The Python object: asyncio takes whatever has these methods for a coroutine.
#[pyclass(frozen, module = "ferrio_bridge")]
struct Awaitable {
    /// The future's type.
    of: &'static str,
    confined: Confined<Cell<Stage>>,
    /// Set when the future begins.
    home: OnceLock<Arc<Home>>,
}

#[pymethods]
impl Awaitable {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py)
    }

    fn send<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if !value.is_none() && self.peek(|stage| matches!(stage, Stage::New(_)))? {
            let message = "can't send non-None value to a just-started coroutine";
            return Err(PyTypeError::new_err(message));
        }
        self.step(value.py())
    }

    #[pyo3(signature = (typ, val=None, tb=None, /))]
    fn throw<'py>(
        &self,
        typ: &Bound<'py, PyAny>,
        val: Option<Bound<'py, PyAny>>,
        tb: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let thrown = thrown(typ, val, tb)?;
        let stage = self.take()?;
        let was_over = matches!(stage, Stage::Ended);
        self.drop_stage(typ.py(), stage);
        Err(if was_over { reused() } else { thrown })
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let stage = self.take()?;
        self.drop_stage(py, stage);
        Ok(())
    }

    #[getter]
    fn __name__(&self) -> &'static str {
        name(self.of)
    }

    #[getter]
    fn __qualname__(&self) -> &'static str {
        qualified_name(self.of)
    }

    #[getter]
    fn cr_running(&self) -> PyResult<bool> {
        self.peek(|stage| matches!(stage, Stage::Running))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!("<awaitable {} at {:p}>", qualified_name(slf.get().of), slf.as_ptr())
    }
}

impl Awaitable {
    /// Polls the future once. What it gives is the value of a `StopIteration`; what it waits for is yielded.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let stage = self.take()?;
        let ends = Ends(self);
        let begun = match stage {
            Stage::New(future) => {
                let host = Host::running(py)?;
                let _first_time = self.home.set(host.home.clone());
                Begun::new(host, future)
            }
            Stage::Begun(begun) => {
                begun.shared.begin();
                begun
            }
            Stage::Running | Stage::Ended => return Err(reused()),
        };
        match begun.poll(py) {
            Ok((begun, yielded)) => {
                ends.unless(Stage::Begun(begun));
                Ok(yielded)
            }
            Err(Ok(value)) => Err(PyStopIteration::new_err((value,))),
            Err(Err(error)) => Err(raised(py, error)),
        }
    }

    /// Takes the stage out; whoever comes meanwhile finds the future running.
    fn take(&self) -> PyResult<Stage> {
        match self.stage()?.replace(Stage::Running) {
            Stage::Running => Err(PyValueError::new_err("coroutine already executing")),
            stage => Ok(stage),
        }
    }

    fn put(&self, stage: Stage) {
        if let Ok(place) = self.stage() {
            place.set(stage);
        }
    }

    fn peek<R>(&self, look: impl FnOnce(&Stage) -> R) -> PyResult<R> {
        let place = self.stage()?;
        let stage = place.replace(Stage::Running);
        let seen = look(&stage);
        place.set(stage);
        Ok(seen)
    }

    fn stage(&self) -> PyResult<&Cell<Stage>> {
        self.confined.get().ok_or_else(|| {
            let message = format!(
                "{} was made on another thread: await it there, or use asyncio.run_coroutine_threadsafe()",
                qualified_name(self.of)
            );
            PyRuntimeError::new_err(message)
        })
    }

    fn drop_stage(&self, py: Python<'_>, stage: Stage) {
        let _ends = Ends(self);
        match stage {
            Stage::Begun(begun) => begun.end(py),
            other => drop(other),
        }
    }
}

/// The stage is `Ended` when this is dropped, also when the future panicked.
struct Ends<'a>(&'a Awaitable);

impl Ends<'_> {
    /// It is `stage` instead.
    fn unless(self, stage: Stage) {
        self.0.put(stage);
        std::mem::forget(self);
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.put(Stage::Ended);
    }
}

impl Drop for Awaitable {
    fn drop(&mut self) {
        let of = self.of;
        if let Some(astray) = self.confined.take_astray() {
            match self.home.get() {
                Some(home) => home.remote.call_soon_threadsafe(move || drop_at_home(of, &astray)),
                None => std::mem::forget(astray),
            }
            return;
        }
        if let Some(stage) = self.confined.get() {
            drop_at_home(of, stage);
        }
    }
}

fn drop_at_home(of: &'static str, stage: &Cell<Stage>) {
    match stage.replace(Stage::Ended) {
        Stage::New(future) => while_freed(|py| {
            drop(future);
            warn_never_awaited(py, of);
        }),
        Stage::Begun(begun) => while_freed(|py| begun.end(py)),
        Stage::Running | Stage::Ended => {}
    }
}

/// As Python does of a coroutine.
fn warn_never_awaited(py: Python<'_>, of: &'static str) {
    let message = format!("coroutine '{}' was never awaited", qualified_name(of));
    let Ok(message) = CString::new(message) else { return };
    if let Err(error) = PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &message, 1) {
        error.write_unraisable(py, None);
    }
}

/// What `throw` was asked to raise.
fn thrown<'py>(
    typ: &Bound<'py, PyAny>,
    val: Option<Bound<'py, PyAny>>,
    tb: Option<Bound<'py, PyAny>>,
) -> PyResult<PyErr> {
    let py = typ.py();
    let value = match typ.cast::<PyType>() {
        Ok(class) if class.is_subclass_of::<PyBaseException>()? => match val {
            None => class.call0()?,
            Some(value) if value.is_none() => class.call0()?,
            Some(value) if value.is_instance(class)? => value,
            Some(value) => match value.cast_into::<PyTuple>() {
                Ok(arguments) => class.call1(arguments)?,
                Err(other) => class.call1((other.into_inner(),))?,
            },
        },
        _ if !typ.is_instance_of::<PyBaseException>() => {
            let message = "exceptions must be classes deriving BaseException or instances of such a class";
            return Err(PyTypeError::new_err(message));
        }
        _ if val.is_some_and(|value| !value.is_none()) => {
            return Err(PyTypeError::new_err("instance exception may not have a separate value"));
        }
        _ => typ.clone(),
    };
    let error = PyErr::from_value(value);
    if let Some(tb) = tb.filter(|tb| !tb.is_none()) {
        let not_one = |_| PyTypeError::new_err("throw() third argument must be a traceback object");
        error.set_traceback(py, Some(tb.cast_into::<PyTraceback>().map_err(not_one)?));
    }
    Ok(error)
}

/// A `StopIteration` would pass for a result.
fn raised(py: Python<'_>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyStopIteration>(py) {
        return error;
    }
    let instead = PyRuntimeError::new_err("coroutine raised StopIteration");
    let _cause = instead.value(py).setattr(intern!(py, "__context__"), error.value(py));
    instead.set_cause(py, Some(error));
    instead
}

fn reused() -> PyErr {
    PyRuntimeError::new_err("cannot reuse already awaited coroutine")
}

fn gone() -> PyErr {
    PyRuntimeError::new_err("Event loop is closed")
}

/// `a::b::function` of an `async` block or function there.
fn qualified_name(of: &'static str) -> &'static str {
    of.trim_end_matches("::{{closure}}")
}

fn name(of: &'static str) -> &'static str {
    let path = qualified_name(of);
    let plain = path.split('<').next().unwrap_or(path);
    plain.rsplit("::").next().unwrap_or(plain)
}
