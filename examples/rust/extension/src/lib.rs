//! An extension of Python whose functions are Rust futures on the program's own event loop, whichever that is.
//!
//! `waiting` has futures that wait for ferrio's things, `python` those which await Python's, and `together` what tasks of both
//! languages share. docs/extensions.md explains them, and tests/bridge runs them on each loop.

mod python;
mod together;
mod waiting;

use pyo3::prelude::*;

#[pymodule]
mod extension {
    #[pymodule_export]
    use crate::python::{first_of, look_twice, total, when_set};
    #[pymodule_export]
    use crate::together::{Channel, Flag};
    #[pymodule_export]
    use crate::waiting::{
        ask, forever, from_a_thread, on_a_thread, sleep_and_return, start_forever, start_ticking,
    };

    #[allow(unused_imports, reason = "the macro above needs it in scope")]
    use super::*;
}
