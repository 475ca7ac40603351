//! The limits at which a protocol is told to pause and to go on, as a program sets them.
//!
//! asyncio takes everything that compares with a number: floats, infinity, fractions, integers of any size. The engine counts
//! bytes in a `usize`. Other numbers are rounded for the engine, and kept so that the program can read them.

use ferrio_engine::transport::Limits;
use pyo3::types::{PyInt, PyTuple};

use crate::ffi::names::SELECTOR_EVENTS;
use crate::ffi::prelude::*;

/// What `set_write_buffer_limits()` was called with.
pub(crate) struct GivenLimits<'py> {
    pub(crate) limits: Limits,
    /// The low and the high limit as the program gave them, if they are not plain integers.
    pub(crate) as_given: Option<Bound<'py, PyAny>>,
}

type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

impl<'py> GivenLimits<'py> {
    /// Fills in and checks the limits as asyncio does. The default of the high one is `kib` KiB.
    pub(crate) fn of(
        py: Python<'py>,
        high: Given<'_, 'py>,
        low: Given<'_, 'py>,
        kib: usize,
    ) -> PyResult<Self> {
        let [high, low] = [high, low].map(|limit| limit.filter(|limit| !limit.is_none()));
        if let Some(limits) = plain(high, low, kib) {
            return Ok(GivenLimits { limits, as_given: None });
        }
        let helper = SELECTOR_EVENTS.helper(py, intern!(py, "buffer_limits"))?;
        let (as_given, high, low) = helper.call1((high, low, kib))?.extract()?;
        Ok(GivenLimits { limits: Limits { high, low }, as_given: Some(as_given) })
    }
}

/// What `get_write_buffer_limits()` answers: low, high.
pub(crate) fn limits_as_tuple(
    py: Python<'_>,
    as_given: Option<Py<PyAny>>,
    limits: Limits,
) -> PyResult<Py<PyAny>> {
    match as_given {
        Some(as_given) => Ok(as_given),
        None => Ok(PyTuple::new(py, [limits.low, limits.high])?.into_any().unbind()),
    }
}

/// The limits, if they are plain integers, fit into a `usize`, and are in the right order.
fn plain(high: Given<'_, '_>, low: Given<'_, '_>, kib: usize) -> Option<Limits> {
    let number = |limit: &Bound<'_, PyAny>| limit.cast_exact::<PyInt>().ok()?.extract::<usize>().ok();
    let low = low.map(|low| number(low).ok_or(())).transpose().ok()?;
    let high = match (high, low) {
        (Some(high), _) => number(high)?,
        (None, Some(low)) => low.checked_mul(4)?,
        (None, None) => kib * 1024,
    };
    let low = low.unwrap_or(high / 4);
    (high >= low).then_some(Limits { high, low })
}
