//! `Marks`: the limits at which a protocol is told to pause and to go on, as a program gives them.
//!
//! asyncio takes whatever compares with a number: floats, infinity, fractions, integers of any size. The engine counts bytes
//! in a `usize`; where the program's numbers are others, they are kept beside it, to be shown again.

use ferrio_engine::transport::Limits;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyTuple};

use crate::event_loop::support;

/// See the module.
pub(crate) struct Marks {
    pub(crate) limits: Limits,
    /// The low and the high one as they were given, where they are other numbers.
    pub(crate) odd: Option<Py<PyAny>>,
}

type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

impl Marks {
    /// As asyncio works them out, with a default in KiB.
    pub(crate) fn of(py: Python<'_>, high: Given<'_, '_>, low: Given<'_, '_>, kib: usize) -> PyResult<Self> {
        let [high, low] = [high, low].map(|mark| mark.filter(|mark| !mark.is_none()));
        if let Some(limits) = plain(high, low, kib) {
            return Ok(Marks { limits, odd: None });
        }
        let helper = support::helper(py, intern!(py, "write_marks"))?;
        let (odd, high, low) = helper.call1((high, low, kib))?.extract::<(Py<PyAny>, usize, usize)>()?;
        Ok(Marks { limits: Limits { high, low }, odd: Some(odd) })
    }
}

/// What `get_write_buffer_limits()` answers.
pub(crate) fn shown(py: Python<'_>, odd: Option<Py<PyAny>>, limits: Limits) -> PyResult<Py<PyAny>> {
    match odd {
        Some(odd) => Ok(odd),
        None => Ok(PyTuple::new(py, [limits.low, limits.high])?.into_any().unbind()),
    }
}

/// The limits, where they are plain integers of a plain size in the right order.
fn plain(high: Given<'_, '_>, low: Given<'_, '_>, kib: usize) -> Option<Limits> {
    let number = |mark: &Bound<'_, PyAny>| mark.cast_exact::<PyInt>().ok()?.extract::<usize>().ok();
    let low = low.map(|low| number(low).ok_or(())).transpose().ok()?;
    let high = match (high, low) {
        (Some(high), _) => number(high)?,
        (None, Some(low)) => low.checked_mul(4)?,
        (None, None) => kib * 1024,
    };
    let low = low.unwrap_or(high / 4);
    (high >= low).then_some(Limits { high, low })
}
