//! Names and values as a program gives them for parameters and header fields: a dictionary, a list of pairs, one of multidict's.

use pyo3::types::{PyDict, PyList, PyTuple, PyType};

use crate::ffi::prelude::*;

/// Calls for each name and value while that is true; false also where it is nothing of which native code knows the pairs.
pub(crate) fn each_pair<'py>(
    given: &Bound<'py, PyAny>,
    mut call: impl FnMut(Bound<'py, PyAny>, Bound<'py, PyAny>) -> PyResult<bool>,
) -> PyResult<bool> {
    if let Ok(pairs) = given.cast_exact::<PyDict>() {
        for (name, value) in pairs {
            if !call(name, value)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let is_list = given.is_exact_instance_of::<PyList>() || given.is_exact_instance_of::<PyTuple>();
    if !is_list && !is_multidict(given)? {
        return Ok(false);
    }
    let pairs = if is_list { given.clone() } else { given.call_method0(intern!(given.py(), "items"))? };
    for pair in pairs.try_iter()? {
        let pair = pair?;
        let Ok(pair) = pair.cast_exact::<PyTuple>() else { return Ok(false) };
        if pair.len() != 2 || !call(pair.get_item(0)?, pair.get_item(1)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_multidict(given: &Bound<'_, PyAny>) -> PyResult<bool> {
    static KINDS: PyOnceLock<[Py<PyType>; 4]> = PyOnceLock::new();
    let py = given.py();
    let kinds = KINDS.get_or_try_init(py, || {
        let module = py.import("multidict")?;
        let kind = |name| Ok::<_, PyErr>(module.getattr(name)?.cast_into::<PyType>()?.unbind());
        Ok::<_, PyErr>([
            kind("CIMultiDict")?,
            kind("CIMultiDictProxy")?,
            kind("MultiDict")?,
            kind("MultiDictProxy")?,
        ])
    })?;
    Ok(kinds.iter().any(|kind| given.get_type().is(kind)))
}
