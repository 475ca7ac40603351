//! How plaintext gets from a session to a protocol: as `bytes`, into its own buffer, or into its stream's reader.
//!
//! Everything that is there is decrypted first and handed on in one call, as in asyncio. No buffer of the thread is lent while
//! a protocol runs.

use std::mem::MaybeUninit;

use ferrio_engine::transport::{Plain, Session, read_all};
use pyo3::exceptions::PyRuntimeError;
use pyo3::types::PyBytes;

use crate::ffi::buffers::{Exported, bytes_filled_by};
use crate::ffi::prelude::*;
use crate::net::protocols::delivery::Readers;
use crate::net::sslproto::session::Cipher;

/// Less plaintext than this is copied out of the thread's buffer; more is decrypted straight into its final place.
const SMALL: usize = 32 * 1024;

/// The most that is handed on in one call: sixteen full records, and one byte more, since a full buffer means that more may
/// come.
const MOST: usize = 256 * 1024 + 1;

// With new memory each time an echo of 1 KiB over TLS takes 5 % more CPU time.
thread_local!(static PLAIN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });

/// As `bytes`, to `data_received`.
pub(crate) fn as_bytes(
    this: &Bound<'_, PyAny>,
    session: &Cipher,
    protocol: &Bound<'_, PyAny>,
) -> PyResult<Plain> {
    let py = this.py();
    let (data, last) = decrypted(this, session)?;
    if !data.as_bytes().is_empty() {
        call_method1(protocol, intern!(py, "data_received"), data.as_any())?;
    }
    Ok(last)
}

/// Into the buffer of a `BufferedProtocol`.
pub(crate) fn into_buffer(
    this: &Bound<'_, PyAny>,
    session: &Cipher,
    protocol: &Bound<'_, PyAny>,
) -> PyResult<Plain> {
    let py = this.py();
    let wanted = session.unread(this).into_pyobject(py)?;
    let buffer = call_method1(protocol, intern!(py, "get_buffer"), wanted.as_any())?;
    let mut exported = Exported::new(&buffer, true)?;
    if exported.len() == 0 {
        return Err(PyRuntimeError::new_err("get_buffer() returned an empty buffer"));
    }
    let (count, last) = read_all(session, this, exported.for_filling())?;
    drop(exported);
    if count > 0 {
        call_method1(protocol, intern!(py, "buffer_updated"), count.into_pyobject(py)?.as_any())?;
    }
    Ok(last)
}

/// Into a stream reader's buffer, or as `bytes` where there is no reader that takes data.
pub(crate) fn into_reader(
    this: &Bound<'_, PyAny>,
    session: &Cipher,
    protocol: &Bound<'_, PyAny>,
    readers: &Readers,
) -> PyResult<Plain> {
    let object = (readers.of)(protocol);
    let Some((object, reader)) = object.as_ref().and_then(|it| Some((it, (readers.state)(it)?))) else {
        return as_bytes(this, session, protocol);
    };
    if !session.reads_directly() {
        let (data, last) = decrypted(this, session)?;
        if !data.as_bytes().is_empty() {
            reader.feed(object, data.as_any())?;
        }
        return Ok(last);
    }
    let mut result = Ok(Plain::Nothing);
    let count = reader.fill(object, Some(room(this, session)), &mut |buffer| {
        let (count, last) = match read_all(session, this, buffer) {
            Ok((count, last)) => (count, Ok(last)),
            Err(error) => (0, Err(error)),
        };
        result = last;
        Ok(count)
    })?;
    let last = result?;
    if count.is_ok_and(|count| count > 0) {
        reader.filled(object)?;
    }
    Ok(last)
}

/// Everything that can be decrypted, and the last answer of the session.
fn decrypted<'py>(this: &Bound<'py, PyAny>, session: &Cipher) -> PyResult<(Bound<'py, PyBytes>, Plain)> {
    let room = room(this, session);
    let last = Cell::new(Plain::Nothing);
    let read = |buffer: &mut [MaybeUninit<u8>]| {
        let (count, answer) = read_all(session, this, buffer)?;
        last.set(answer);
        Ok::<usize, PyErr>(count)
    };
    let data = if room > SMALL {
        bytes_filled_by(this.py(), room, read)??
    } else {
        with_space(room, |space| {
            let count = read(space)?;
            bytes_filled_by(this.py(), count, |buffer| {
                buffer.copy_from_slice(&space[..count]);
                Ok::<usize, PyErr>(count)
            })?
        })?
    };
    Ok((data, last.get()))
}

/// One byte more than there can be, since a full buffer means that more may come.
fn room(this: &Bound<'_, PyAny>, session: &Cipher) -> usize {
    (session.readable(this) + 1).min(MOST)
}

/// Lends the thread's buffer, or a new one if that is lent already.
fn with_space<R>(room: usize, body: impl FnOnce(&mut [MaybeUninit<u8>]) -> R) -> R {
    let lend = |buffer: &mut Vec<u8>| {
        buffer.reserve_exact(room);
        body(&mut buffer.spare_capacity_mut()[..room])
    };
    PLAIN.with(|buffer| match buffer.try_borrow_mut() {
        Ok(mut buffer) => lend(&mut buffer),
        Err(_) => lend(&mut Vec::new()),
    })
}
