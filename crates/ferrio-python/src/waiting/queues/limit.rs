//! The limit of a queue. asyncio compares with `maxsize` each time, whatever kind of number that is. Here plain numbers become
//! a count.

use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

/// The limit where `maxsize` is another kind of number: it is compared each time, as in asyncio, and may raise.
const ODD: i64 = i64::MIN;

/// The limit for `maxsize`. A number that is too large for a count allows everything.
pub(super) fn of(maxsize: &Bound<'_, PyAny>) -> i64 {
    if let Ok(number) = maxsize.cast::<PyFloat>() {
        let number = number.value();
        #[expect(clippy::cast_possible_truncation, reason = "saturating is right")]
        return (number.ceil() as i64).max(0);
    }
    match maxsize.cast::<PyInt>() {
        Ok(number) => number.extract::<i64>().map_or(0, |number| number.max(0)),
        Err(_) => ODD,
    }
}

/// Whether `size` reaches the limit. Without a limit `size` is not called.
#[inline]
pub(super) fn is_reached<'py>(
    limit: i64,
    maxsize: impl FnOnce() -> Option<Bound<'py, PyAny>>,
    size: impl FnOnce() -> PyResult<usize>,
) -> PyResult<bool> {
    match limit {
        ODD => {
            let Some(maxsize) = maxsize() else { return Ok(false) };
            Ok(!maxsize.le(0)? && maxsize.le(size()?)?)
        }
        limit if limit <= 0 => Ok(false),
        limit => Ok(i64::try_from(size()?).is_ok_and(|size| size >= limit)),
    }
}
