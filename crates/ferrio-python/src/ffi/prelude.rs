//! What the file of a native type is written with.
//!
//! The rooms above `ffi` begin with `use crate::ffi::prelude::*`: how a type says what it is, what it holds and which members it
//! has, how arguments come in, and references. What a file uses beside is named in its own imports. No file of `ffi` uses
//! this one.

pub(crate) use std::cell::{Cell, RefCell};
pub(crate) use std::ffi::CStr;

pub(crate) use pyo3::prelude::*;
pub(crate) use pyo3::sync::PyOnceLock;
pub(crate) use pyo3::{Borrowed, IntoPyObjectExt, intern};

pub(crate) use super::args::{Args, Given, given, missing};
pub(crate) use super::call::{call_method0, call_method1};
pub(crate) use super::coroutine::{Coroutine, Step, Steps, kind};
pub(crate) use super::heap_type::{Native, New, Visitor, state_of, try_state, type_object};
pub(crate) use super::held::{Held, held, holds, kept, shows};
pub(crate) use super::instances::{alloc, alloc_tracked};
pub(crate) use super::known::{Place, known};
pub(crate) use super::members::{Members, members};
pub(crate) use super::object::{self, Constructed, Finalized};
pub(crate) use super::raised;
pub(crate) use super::reference::{Ref, Slot};
pub(crate) use super::word::{Head, Io, Turn, Word};
