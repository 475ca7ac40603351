//! Watching descriptors for I/O objects, on the engine of a loop of ours.
//!
//! On any other loop, and on one that was closed meanwhile, nothing happens.

use std::rc::Rc;

use ferrio_engine::{Direction, Loop};
use pyo3::intern;
use pyo3::prelude::*;

use crate::event_loop::state::BaseLoop;
use crate::ffi::heap_type::try_state;
use crate::ffi::word::{Io, Turn, Word};

/// The engine of a loop of ours, while that is open.
pub(crate) fn engine_of(event_loop: Option<&Bound<'_, PyAny>>) -> Option<Rc<Loop<Word>>> {
    event_loop.and_then(try_state::<BaseLoop>).and_then(|state| state.engine().ok())
}

/// Gives an I/O object a turn whenever `number` can be read or written, or no more.
pub(crate) fn watch<T: Io>(
    this: &Bound<'_, PyAny>,
    event_loop: Option<&Bound<'_, PyAny>>,
    number: i32,
    direction: Direction,
    on: bool,
) {
    let Some(engine) = engine_of(event_loop) else { return };
    if !on {
        // A socket that was closed behind our back has left its number to somebody who may be watching it.
        drop(engine.unwatch_mine(number, direction, |word| word.is_of(this.as_ptr())));
        return;
    }
    let turn = match direction {
        Direction::Read => Turn::Readable,
        Direction::Write => Turn::Writable,
    };
    match engine.watch(number, direction, Word::io::<T>(this, turn), false) {
        // No handle is among them that a program could have made fail to be cancelled.
        Ok(old) => drop(displace(this.py(), old)),
        // The descriptor was closed behind our back: let the next read or write find out what is wrong with it.
        Err(_) => engine.call_soon(Word::io::<T>(this, turn)),
    }
}

/// Gives an I/O object a turn after whatever is queued.
pub(crate) fn defer<T: Io>(this: &Bound<'_, PyAny>, event_loop: Option<&Bound<'_, PyAny>>) {
    if let Some(engine) = engine_of(event_loop) {
        engine.call_soon(Word::io::<T>(this, Turn::Deferred));
    }
}

/// A watcher that was replaced must not run even when it is queued already.
pub(crate) fn displace(py: Python<'_>, old: Option<Word>) -> PyResult<()> {
    let Some(word) = old else { return Ok(()) };
    if let Some(handle) = word.as_handle(py) {
        return handle.call_method0(intern!(py, "cancel")).map(drop);
    }
    word.displace();
    Ok(())
}
