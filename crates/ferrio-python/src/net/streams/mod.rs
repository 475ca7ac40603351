//! asyncio's streams, natively. Bytes go from the transport into the reader, and from the reader to the coroutine that waits:
//! no Python frame runs, and no object is made in between.
//!
//! * `buffer`: what was received and not read yet
//! * `reader`: `StreamReader`
//! * `request`: what is to be read; `reading`: the coroutines of `read`, `readline`, `readuntil`, `readexactly`
//! * `separators`: what `readuntil` looks for
//! * `writer`: `StreamWriter`
//! * `draining`: the coroutine of `drain`
//! * `protocol`: `StreamReaderProtocol`
//!
//! The classes in `ferrio.streams` derive from these types and from asyncio's classes. An object is *plain* if its class does
//! not replace a method that our methods call. For one that is not plain asyncio's own methods run, on our attributes.

pub(crate) mod buffer;
pub(crate) mod draining;
pub(crate) mod protocol;
pub(crate) mod reader;
pub(crate) mod reading;
mod request;
mod separators;
pub(crate) mod writer;

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::ffi::args::{keywords, missing};
use crate::ffi::known::{Place, known};
use crate::tasks::outcome::{State, exact_outcome};
use crate::waiting::gather::is_done;

/// The arguments of the constructor `method`, by position or by name; the first `required` must be there.
pub(crate) fn arguments<'py, const N: usize>(
    method: &str,
    args: &Bound<'py, PyTuple>,
    names: Option<&Bound<'py, PyDict>>,
    parameters: [&str; N],
    required: usize,
) -> PyResult<[Option<Bound<'py, PyAny>>; N]> {
    if args.len() > N {
        let (most, given) = (N + 1, args.len() + 1);
        let text = format!("{method}() takes at most {most} positional arguments but {given} were given");
        return Err(PyTypeError::new_err(text));
    }
    let mut bound = keywords(method, names, parameters)?;
    for (index, value) in args.iter().enumerate() {
        if bound[index].replace(value).is_some() {
            let text = format!("{method}() got multiple values for argument '{}'", parameters[index]);
            return Err(PyTypeError::new_err(text));
        }
    }
    match bound[..required].iter().position(Option::is_none) {
        Some(place) => Err(missing(method, parameters[place])),
        None => Ok(bound),
    }
}

/// Completes a future that somebody waits for, with an exception if there is one, unless it is done.
pub(crate) fn complete(future: &Bound<'_, PyAny>, exception: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    if is_done(future)? { Ok(()) } else { settle(future, exception) }
}

/// As `complete`, unless the future was cancelled: one that is done otherwise is an error, as it is in asyncio.
pub(crate) fn wake(future: &Bound<'_, PyAny>, exception: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let cancelled = match exact_outcome(future) {
        Some(outcome) => outcome.state() == State::Cancelled,
        None => future.call_method0(intern!(future.py(), "cancelled"))?.is_truthy()?,
    };
    if cancelled { Ok(()) } else { settle(future, exception) }
}

fn settle(future: &Bound<'_, PyAny>, exception: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let py = future.py();
    match (exact_outcome(future), exception) {
        (Some(outcome), None) => outcome.finish(future, py.None().bind(py)),
        (Some(outcome), Some(exception)) => outcome.fail(future, exception),
        (None, None) => future.call_method1(intern!(py, "set_result"), (py.None(),)).map(drop),
        (None, Some(exception)) => future.call_method1(intern!(py, "set_exception"), (exception,)).map(drop),
    }
}

pub(crate) static STREAM_READER: Class = Class::new("StreamReader");
pub(crate) static STREAM_WRITER: Class = Class::new("StreamWriter");
pub(crate) static STREAM_READER_PROTOCOL: Class = Class::new("StreamReaderProtocol");

/// One of the Python classes that stand for asyncio's.
pub(crate) struct Class {
    name: &'static str,
    ours: PyOnceLock<Py<PyType>>,
    theirs: PyOnceLock<Py<PyType>>,
}

impl Class {
    pub(crate) const fn new(name: &'static str) -> Self {
        Class { name, ours: PyOnceLock::new(), theirs: PyOnceLock::new() }
    }

    /// The class in `ferrio.streams`.
    pub(crate) fn ours<'py>(&'py self, py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
        self.ours.known(py, "ferrio.streams", self.name)
    }

    /// asyncio's own class, even if another one was installed under its name.
    pub(crate) fn theirs<'py>(&'py self, py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
        let class = self.theirs.get_or_try_init(py, || {
            let originals = known(py, "ferrio.streams", "originals")?;
            Ok::<_, PyErr>(originals.get_item(self.name)?.cast_into::<PyType>()?.unbind())
        })?;
        Ok(class.bind(py))
    }

    /// Whether the class of `this` replaces none of `methods`.
    pub(crate) fn keeps(&self, this: &Bound<'_, PyAny>, methods: &[&str]) -> PyResult<bool> {
        let (class, ours) = (this.get_type(), self.ours(this.py())?);
        if class.is(ours) {
            return Ok(true);
        }
        for method in methods {
            if !class.getattr(*method)?.is(&ours.getattr(*method)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
