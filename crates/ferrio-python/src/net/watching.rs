//! Watching descriptors for I/O objects, on the engine of their loop.
//!
//! Nothing happens if the loop is closed, or is not of our type.

use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;

use ferrio_engine::{Direction, Loop};

use crate::event_loop::state::BaseLoop;
use crate::ffi::prelude::*;

/// The engine of `event_loop`, if that is open and of our type.
pub(crate) fn engine_of(event_loop: Option<&Bound<'_, PyAny>>) -> Option<Rc<Loop<Word>>> {
    event_loop.and_then(try_state::<BaseLoop>).and_then(|state| state.engine().ok())
}

/// Gives an I/O object a turn whenever the descriptor can be read or written, or stops that.
pub(crate) fn watch<T: Io>(
    this: &Bound<'_, PyAny>,
    event_loop: Option<&Bound<'_, PyAny>>,
    number: i32,
    direction: Direction,
    on: bool,
) {
    let Some(engine) = engine_of(event_loop) else { return };
    if !on {
        // If the program closed the socket, somebody else may have its number and watch it.
        drop(unwatch(this.py(), &engine, number, direction, |word| word.is_of(this.as_ptr())));
        return;
    }
    let turn = match direction {
        Direction::Read => Turn::Readable,
        Direction::Write => Turn::Writable,
    };
    match engine.watch(number, direction, Word::io::<T>(this, turn), false) {
        // `cancel()` of a handle does not fail.
        Ok(old) => drop(displace(this.py(), old)),
        // The program closed the descriptor: the next read or write finds out what is wrong.
        Err(_) => engine.call_soon(Word::io::<T>(this, turn)),
    }
}

/// Gives an I/O object a turn after everything that is queued now.
pub(crate) fn defer<T: Io>(this: &Bound<'_, PyAny>, event_loop: Option<&Bound<'_, PyAny>>) {
    if let Some(engine) = engine_of(event_loop) {
        engine.call_soon(Word::io::<T>(this, Turn::Deferred));
    }
}

/// Stops a watcher that was replaced. It must not run, even if it is queued already.
pub(crate) fn displace(py: Python<'_>, old: Option<Word>) -> PyResult<()> {
    let Some(word) = old else { return Ok(()) };
    if let Some(handle) = word.as_handle(py) {
        return handle.call_method0(intern!(py, "cancel")).map(drop);
    }
    word.displace();
    Ok(())
}

/// What `Loop::unwatch_mine` does, with what has to follow an error.
pub(crate) fn unwatch(
    py: Python<'_>,
    engine: &Loop<Word>,
    number: RawFd,
    direction: Direction,
    is_mine: impl FnOnce(&Word) -> bool,
) -> io::Result<Option<Word>> {
    engine.unwatch_mine(number, direction, is_mine).inspect_err(|_| forsake(py, engine, number))
}

/// A number turned out to be closed while it is watched. asyncio's selector forgets it altogether, without a word to its
/// callbacks. What else waits for it, such as an operation, has a last turn here and learns of it.
pub(crate) fn forsake(py: Python<'_>, engine: &Loop<Word>, number: RawFd) {
    let words = engine.forsake(number).into_iter().flatten();
    words.filter(|word| word.as_handle(py).is_none()).for_each(|word| engine.call_soon(word));
}
