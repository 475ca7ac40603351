//! The limit of a queue: asyncio compares with whatever number `maxsize` is, each time; here plain ones are counted.

use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

/// The limit of a `maxsize` that is compared each time, as asyncio does it: whatever that is, and whatever it raises.
const ODD: i64 = i64::MIN;

/// What `maxsize` allows; what is more than can be counted allows all.
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

/// Whether `size` reaches it. Where nothing is limited, the size is not asked for.
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
