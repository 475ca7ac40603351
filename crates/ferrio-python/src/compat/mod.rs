//! What differs between releases of CPython: a file for each release that changed something, of constants that are named for
//! what they say and not for the release.
//!
//! The only place outside of `ffi` that asks for the release, and the lowest: it imports nothing. In `ffi` are raw layouts,
//! chosen by whole items. `ferrio._compat` is the same in Python, and CONTRIBUTING.md says how a release is added.

mod since_3_12;
mod since_3_13;
mod since_3_14;
mod since_3_15;

pub(crate) use since_3_12::*;
pub(crate) use since_3_13::*;
pub(crate) use since_3_14::*;
pub(crate) use since_3_15::*;
