//! `Number`: the number in the name of a task that was given none.
//!
//! Two files of equal names, of which one is compiled. From Python 3.14 on, tools read it out of the task's memory, where it has
//! to be an int of the interpreter's (`as_int`); before, it is a plain number (`plain`). They supply `Number` and `prepare`.

#[cfg(Py_3_14)]
mod as_int;
#[cfg(not(Py_3_14))]
mod plain;

#[cfg(Py_3_14)]
pub(crate) use as_int::{Number, prepare};
#[cfg(not(Py_3_14))]
pub(crate) use plain::{Number, prepare};
