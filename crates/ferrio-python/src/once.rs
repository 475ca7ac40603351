//! Once a process: native types, tables and caches are the process's, so the module is made once, in the main interpreter.
//!
//! ```text
//! UNTOUCHED ──▶ BEGUN ──▶ the same, and MADE
//!                 └── ENDED, with the interpreter
//! ```
//!
//! Others get an `ImportError`: how native code attaches a thread, `PyGILState_Ensure`, knows one interpreter only, and
//! waits for ever for another's (Python 3.11).
//!
//! Imported anew, after it was deleted from `sys.modules`, the module is what it was, and so is the whole package: two
//! packages over one set of native types would each have classes that the other's caches do not know.

use std::sync::atomic::{AtomicU8, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::ffi::interpreter;

/// What became of the module.
static STAGE: AtomicU8 = AtomicU8::new(UNTOUCHED);

const UNTOUCHED: u8 = 0;
const BEGUN: u8 = 1;
const ENDED: u8 = 2;

/// The module, once it is complete.
static MADE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// CPython's own words, for interpreters with a lock of their own; `ferrio` says more.
const NOT_HERE: &str = "module ferrio._ferrio does not support loading in subinterpreters";
const FAILED: &str = "ferrio's native part failed when it was first imported, which a process cannot try again: see to \
    that error, and start the process anew";
const GONE: &str = "ferrio's native part was the interpreter's that has ended, and a process cannot make it again: start \
    another process";

/// Fills `module`, or makes it what the first one is.
pub(crate) fn make(
    module: &Bound<'_, PyModule>,
    fill: impl FnOnce(&Bound<'_, PyModule>) -> PyResult<()>,
) -> PyResult<()> {
    let py = module.py();
    if !interpreter::is_main(py) {
        return Err(PyImportError::new_err(NOT_HERE));
    }
    match STAGE.load(Ordering::Relaxed) {
        UNTOUCHED => {
            STAGE.store(BEGUN, Ordering::Relaxed);
            interpreter::at_end(py, forget)?;
            fill(module)?;
            MADE.get_or_init(py, || module.clone().unbind());
            Ok(())
        }
        ENDED => Err(PyImportError::new_err(GONE)),
        _ => match MADE.get(py) {
            None => Err(PyImportError::new_err(FAILED)),
            Some(first) => give_again(module, first.bind(py)),
        },
    }
}

/// A program that embeds Python may begin anew; what is kept here is gone then.
extern "C" fn forget() {
    STAGE.store(ENDED, Ordering::Relaxed);
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
