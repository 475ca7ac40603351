//! Once a process: native types, tables and caches are the process's, so the module is made once, for one interpreter.
//!
//! ```text
//! NOBODY ──▶ an interpreter's number ──▶ the same, and MADE
//!                       └── ENDED, with the last interpreter
//! ```
//!
//! Imported anew, after it was deleted from `sys.modules`, the module is what it was, and so is the whole package: two
//! packages over one set of native types would each have classes that the other's caches do not know.

use std::sync::atomic::{AtomicI64, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::ffi::interpreter;

const NOBODY: i64 = -1;
const ENDED: i64 = -2;

/// Whose it is.
static OWNER: AtomicI64 = AtomicI64::new(NOBODY);

/// The module, once it is complete. Read by its owner only.
static MADE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

const OTHERS: &str = "ferrio's native part serves one interpreter of a process, and another one has it: import ferrio in \
    one interpreter only (mod_wsgi: WSGIApplicationGroup %{GLOBAL}; uWSGI: single-interpreter = true), or start a process \
    for each";
const FAILED: &str = "ferrio's native part failed when it was first imported, which a process cannot try again: see to \
    that error, and start the process anew";

/// Fills `module`, or makes it what the first one of this interpreter is.
pub(crate) fn make(
    module: &Bound<'_, PyModule>,
    fill: impl FnOnce(&Bound<'_, PyModule>) -> PyResult<()>,
) -> PyResult<()> {
    let py = module.py();
    let here = interpreter::number(py)?;
    match OWNER.compare_exchange(NOBODY, here, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            interpreter::at_end(py, forget)?;
            fill(module)?;
            MADE.get_or_init(py, || module.clone().unbind());
            Ok(())
        }
        Err(there) if there != here => Err(PyImportError::new_err(OTHERS)),
        Err(_) => match MADE.get(py) {
            None => Err(PyImportError::new_err(FAILED)),
            Some(first) => give_again(module, first.bind(py)),
        },
    }
}

/// A program that embeds Python may begin anew, with the same numbers; what is kept here is gone then.
extern "C" fn forget() {
    OWNER.store(ENDED, Ordering::Relaxed);
}

/// Puts `first` in the place of `again`, and its package where it was. The import system takes what is in `sys.modules` then;
/// whoever loads modules by hand has the same contents at least.
fn give_again(again: &Bound<'_, PyModule>, first: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = again.py();
    let contents = again.dict();
    for (name, value) in first.dict() {
        if !contents.contains(&name)? {
            contents.set_item(name, value)?;
        }
    }
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    if modules.get_item(again.name()?).is_ok_and(|there| there.is(again)) {
        modules.set_item(first.name()?, first)?;
    }
    let Some(package) = first.dict().get_item(intern!(py, "_package"))? else { return Ok(()) };
    let package = package.cast_into::<PyModule>()?;
    modules.set_item(package.name()?, &package)?;
    put_back(&modules, &package)
}

/// Puts those parts of `package` that are imported back where they are missing.
fn put_back(modules: &Bound<'_, PyAny>, package: &Bound<'_, PyModule>) -> PyResult<()> {
    let prefix = format!("{}.", package.name()?);
    for value in package.dict().values() {
        let Ok(part) = value.cast::<PyModule>() else { continue };
        let name = part.name()?;
        if name.to_cow()?.starts_with(&prefix) {
            if !modules.contains(&name)? {
                modules.set_item(&name, part)?;
            }
            put_back(modules, part)?;
        }
    }
    Ok(())
}
