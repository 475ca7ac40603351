//! `Buffer`: the bytes that a reader has received and nobody has read.
//!
//! They are in native memory until somebody reads the attribute `_buffer`. From then on they are in the `bytearray` that the
//! program got, which it may change, as classes that derive from asyncio's do.

use std::convert::Infallible;
use std::io;
use std::mem::MaybeUninit;

use pyo3::types::{PyByteArray, PyBytes, PySequence};

use crate::ffi::buffers::{bytes_filled_by, filled};
use crate::ffi::prelude::*;
use crate::ffi::received::Received;
use crate::net::scratch::with_scratch;

enum Storage {
    Own(Received),
    /// A `bytearray`, or the object that the program set.
    Shared(Ref),
}

/// See the module. No borrow is held across a call into Python.
pub(crate) struct Buffer(RefCell<Storage>);

impl Default for Buffer {
    fn default() -> Self {
        Buffer(RefCell::new(Storage::Own(Received::default())))
    }
}

impl Buffer {
    /// How many bytes there are.
    pub(crate) fn len(&self, py: Python<'_>) -> PyResult<usize> {
        if let Storage::Own(received) = &*self.0.borrow() {
            return Ok(received.len());
        }
        self.share(py).len()
    }

    /// Runs `look` on the bytes. `look` must not call Python.
    pub(crate) fn look<R>(&self, py: Python<'_>, look: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
        match self.shared(py) {
            Some(shared) => Ok(look(&bytes_of(&shared)?)),
            None => Ok(self.own(|received| look(received.as_slice()))),
        }
    }

    /// Appends `data`.
    #[inline]
    pub(crate) fn append(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        if let Storage::Own(received) = &mut *self.0.borrow_mut() {
            received.append(data);
            return Ok(());
        }
        self.share(py).call_method1("extend", (PyBytes::new(py, data),)).map(drop)
    }

    /// Appends what one call of `read` gives; `room` is how many bytes to expect, if that is known.
    pub(crate) fn receive(
        &self,
        py: Python<'_>,
        room: Option<usize>,
        read: impl FnOnce(&mut [MaybeUninit<u8>]) -> io::Result<usize>,
    ) -> PyResult<io::Result<usize>> {
        // `read` may run any code, since OpenSSL calls back: nothing may be borrowed meanwhile.
        let Some(room) = room.filter(|_| self.is_own()) else {
            return with_scratch(|space| match filled(space, read) {
                Ok(data) => self.append(py, data).map(|()| Ok(data.len())),
                Err(error) => Ok(Err(error)),
            });
        };
        let mut received = self.own(std::mem::take);
        let result = received.append_filled(room, read);
        self.give_back(py, received)?;
        Ok(result)
    }

    /// Puts back what `receive` took out. What came meanwhile follows it.
    fn give_back(&self, py: Python<'_>, mut received: Received) -> PyResult<()> {
        if let Storage::Own(place) = &mut *self.0.borrow_mut() {
            std::mem::swap(place, &mut received);
            if received.len() > 0 {
                place.append(received.as_slice());
            }
            return Ok(());
        }
        self.append(py, received.as_slice())
    }

    /// Takes the first `count` bytes, or all if there are fewer.
    pub(crate) fn take<'py>(&self, py: Python<'py>, count: usize) -> PyResult<Bound<'py, PyBytes>> {
        if let Storage::Own(received) = &mut *self.0.borrow_mut() {
            // Making `bytes` runs no other code, so the borrow is safe.
            let count = count.min(received.len());
            let made = bytes_filled_by::<Infallible>(py, count, |place| {
                copy(place, received.as_slice());
                Ok(count)
            })?;
            let taken = made.unwrap_or_else(|never| match never {});
            received.discard(count);
            return Ok(taken);
        }
        let bytes = self.look(py, |bytes| bytes[..count.min(bytes.len())].to_vec())?;
        self.discard(py, bytes.len())?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Drops the first `count` bytes.
    pub(crate) fn discard(&self, py: Python<'_>, count: usize) -> PyResult<()> {
        if let Some(shared) = self.shared(py) {
            let count = count.min(shared.len()?);
            shared.cast_into::<PyByteArray>()?.cast_into::<PySequence>()?.del_slice(0, count)
        } else {
            self.own(|received| received.discard(count));
            Ok(())
        }
    }

    /// The attribute `_buffer`: from now on the bytes are in that object.
    pub(crate) fn share<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        if let Some(shared) = self.shared(py) {
            return shared;
        }
        let shared = self.own(|received| PyByteArray::new(py, received.as_slice())).into_any();
        self.replace(&shared);
        shared
    }

    /// Sets the attribute `_buffer`.
    pub(crate) fn replace(&self, object: &Bound<'_, PyAny>) {
        drop(self.0.replace(Storage::Shared(object.clone().into())));
    }

    fn shared<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        match &*self.0.borrow() {
            Storage::Own(_) => None,
            Storage::Shared(shared) => Some(shared.bind(py).to_owned()),
        }
    }

    fn is_own(&self) -> bool {
        matches!(&*self.0.borrow(), Storage::Own(_))
    }

    fn own<R>(&self, body: impl FnOnce(&mut Received) -> R) -> R {
        match &mut *self.0.borrow_mut() {
            Storage::Own(received) => body(received),
            Storage::Shared(_) => body(&mut Received::default()),
        }
    }
}

impl Held for Buffer {
    fn show(&self, visitor: &mut Visitor<'_>) {
        if let Ok(storage) = self.0.try_borrow()
            && let Storage::Shared(shared) = &*storage
        {
            visitor.raw(shared.as_ptr());
        }
    }

    fn empty(&self) {
        drop(self.0.replace(Storage::Own(Received::default())));
    }
}

fn bytes_of(shared: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    Ok(shared.cast::<PyByteArray>()?.to_vec())
}

fn copy(place: &mut [MaybeUninit<u8>], bytes: &[u8]) {
    for (place, byte) in place.iter_mut().zip(bytes) {
        place.write(*byte);
    }
}
