//! asyncio's streams, natively: bytes go from the transport into the reader and from the reader to whoever waits, without
//! a Python frame and without an object in between.
//!
//! * `buffer`: what was received and not read yet
//! * `reader`: `StreamReader`
//! * `request`: what is to be read; `reading`: the coroutines of `read`, `readline`, `readuntil`, `readexactly`
//! * `separators`: what `readuntil` looks for
//! * `writer`: `StreamWriter`
//! * `draining`: the coroutine of `drain`
//! * `protocol`: `StreamReaderProtocol`
//!
//! The Python classes in `ferrio.streams` derive from these and, after them, from asyncio's. An object whose class replaces
//! a method that others of its methods call is not *plain*: there asyncio's own methods run, on our attributes.

pub(crate) mod buffer;
pub(crate) mod draining;
pub(crate) mod protocol;
pub(crate) mod reader;
pub(crate) mod reading;
mod request;
mod separators;
pub(crate) mod writer;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

/// The arguments of a constructor, by position or by name; the first `required` must be there.
pub(crate) fn arguments<'py, const N: usize>(
    class: &str,
    args: &Bound<'py, PyTuple>,
    names: Option<&Bound<'py, PyDict>>,
    parameters: [&str; N],
    required: usize,
) -> PyResult<[Option<Bound<'py, PyAny>>; N]> {
    let mut bound = [const { None }; N];
    if args.len() > N {
        let (most, given) = (N + 1, args.len() + 1);
        let text =
            format!("{class}.__init__() takes at most {most} positional arguments but {given} were given");
        return Err(PyTypeError::new_err(text));
    }
    for (place, value) in bound.iter_mut().zip(args.iter()) {
        *place = Some(value);
    }
    for (name, value) in names.into_iter().flat_map(pyo3::types::PyDictMethods::iter) {
        let Some(place) = parameters.iter().position(|parameter| name.eq(parameter).unwrap_or(false)) else {
            let text = format!("{class}.__init__() got an unexpected keyword argument '{name}'");
            return Err(PyTypeError::new_err(text));
        };
        if bound[place].is_some() {
            let text = format!("{class}.__init__() got multiple values for argument '{}'", parameters[place]);
            return Err(PyTypeError::new_err(text));
        }
        bound[place] = Some(value);
    }
    match bound[..required].iter().position(Option::is_none) {
        Some(place) => {
            let name = parameters[place];
            let text = format!("{class}.__init__() missing 1 required positional argument: '{name}'");
            Err(PyTypeError::new_err(text))
        }
        None => Ok(bound),
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
        self.ours.import(py, "ferrio.streams", self.name)
    }

    /// asyncio's own, whatever is installed under its name by now.
    pub(crate) fn theirs<'py>(&'py self, py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
        let class = self.theirs.get_or_try_init(py, || {
            let originals = py.import("ferrio.streams")?.getattr("originals")?;
            Ok::<_, PyErr>(originals.get_item(self.name)?.cast_into::<PyType>()?.unbind())
        })?;
        Ok(class.bind(py))
    }

    /// Whether `this` has our version of all of `methods`.
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
