//! `Buffered`: a session that drives an `ssl.SSLObject` over two `MemoryBIO`s.
//!
//! It works with every object that has the methods of an `SSLObject`. If the object's class does not replace a method, that of
//! the C object inside is called, so that no Python frame runs for a record. A method of the class's own gets objects that
//! it may keep.

use std::mem::MaybeUninit;

use ferrio_engine::transport::{Plain, Progress};
use pyo3::exceptions::PyValueError;
use pyo3::types::{PyBytes, PyString};

use crate::ffi::buffers::Exported;
use crate::ffi::call::call_method2;
use crate::ffi::lent::{with_view, with_writable_view};
use crate::ffi::prelude::*;
use crate::net::chunk::Chunk;
use crate::net::sslproto::errors::is_again;

/// A method that drives the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driving {
    Handshake,
    Read,
    Write,
    Close,
}

/// Which methods are called on the C object inside, in the order of `Driving`.
pub(crate) type CalledInside = [bool; 4];

/// See the module.
#[derive(Default)]
pub(crate) struct Buffered {
    object: Slot,
    /// The C object inside, for what is called there.
    inner: Slot,
    incoming: Slot,
    outgoing: Slot,
    called_inside: CalledInside,
    /// How many bytes wait in `incoming`, so that it need not be asked.
    unread: Cell<usize>,
    /// Everything that came was read: another read would cost an exception.
    all_read: Cell<bool>,
    /// The object was called since the output was last taken: only then can there be output.
    may_have_output: Cell<bool>,
}

held!(Buffered: object, inner, incoming, outgoing);

impl Buffered {
    pub(crate) fn new(
        object: &Bound<'_, PyAny>,
        inner: Option<Bound<'_, PyAny>>,
        incoming: Bound<'_, PyAny>,
        outgoing: Bound<'_, PyAny>,
        called_inside: CalledInside,
    ) -> Self {
        let this = Buffered { called_inside, ..Buffered::default() };
        this.object.set(object.clone());
        drop(this.inner.replace(inner.map(Into::into)));
        this.incoming.set(incoming);
        this.outgoing.set(outgoing);
        this
    }

    pub(crate) fn feed(&self, py: Python<'_>, ciphertext: &[u8]) -> PyResult<()> {
        let Some(incoming) = self.incoming.bind(py) else { return Ok(()) };
        self.all_read.set(false);
        with_view(py, ciphertext, |view| call_method1(&incoming, intern!(py, "write"), view))?;
        self.unread.set(self.unread.get() + ciphertext.len());
        Ok(())
    }

    pub(crate) fn lend<R>(&self, py: Python<'_>, ciphertext: &[u8], body: impl FnOnce() -> R) -> PyResult<R> {
        self.feed(py, ciphertext).map(|()| body())
    }

    pub(crate) fn unread(&self) -> usize {
        self.unread.get()
    }

    pub(crate) fn unsent(&self, py: Python<'_>) -> usize {
        pending(py, &self.outgoing)
    }

    pub(crate) fn take(&self, py: Python<'_>) -> PyResult<Chunk> {
        match self.outgoing.bind(py).filter(|_| self.may_have_output.take()) {
            None => Ok(Chunk::from(Vec::new())),
            Some(outgoing) => {
                let bytes = call_method0(&outgoing, intern!(py, "read"))?.cast_into::<PyBytes>()?;
                Ok(Chunk::from(bytes))
            }
        }
    }

    /// True, since the object does not tell.
    #[expect(clippy::unused_self, reason = "as `Direct::may_hold_some`")]
    pub(crate) fn may_hold_some(&self, _: Python<'_>) -> bool {
        true
    }

    pub(crate) fn handshake(&self, py: Python<'_>) -> PyResult<Progress> {
        self.call(py, self.is_called_inside(Driving::Handshake), intern!(py, "do_handshake")).map(progress)
    }

    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<Progress> {
        let name = if self.is_called_inside(Driving::Close) {
            intern!(py, "shutdown")
        } else {
            intern!(py, "unwrap")
        };
        self.call(py, self.is_called_inside(Driving::Close), name).map(progress)
    }

    pub(crate) fn read(&self, py: Python<'_>, buffer: &mut [MaybeUninit<u8>]) -> PyResult<Plain> {
        if self.all_read.get() {
            return Ok(Plain::Nothing);
        }
        let Some(object) = self.target(py, self.is_called_inside(Driving::Read)) else {
            return Ok(Plain::Nothing);
        };
        let most = buffer.len().into_pyobject(py)?;
        let name = intern!(py, "read");
        let count = if self.is_called_inside(Driving::Read) {
            with_writable_view(py, buffer, |view| call_method2(&object, name, &most, view))
                .and_then(|count| count.extract::<usize>())
        } else {
            call_method1(&object, name, &most).and_then(|data| copy(&data, buffer))
        };
        self.called(py);
        match count {
            Ok(0) => Ok(Plain::End),
            Ok(count) => {
                self.look_for_more(py, &object, count < buffer.len())?;
                Ok(Plain::Bytes(count))
            }
            Err(error) if is_again(py, &error)? => Ok(Plain::Nothing),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn write(&self, py: Python<'_>, data: &[u8]) -> PyResult<Option<usize>> {
        let Some(object) = self.target(py, self.is_called_inside(Driving::Write)) else { return Ok(None) };
        let name = intern!(py, "write");
        let written = if self.is_called_inside(Driving::Write) {
            with_view(py, data, |view| call_method1(&object, name, view))
        } else {
            call_method1(&object, name, PyBytes::new(py, data).as_any())
        };
        self.may_have_output.set(true);
        match written.and_then(|count| count.extract::<usize>()) {
            Ok(count) => Ok(Some(count.min(data.len()))),
            Err(error) if is_again(py, &error)? => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_called_inside(&self, method: Driving) -> bool {
        self.called_inside[method as usize]
    }

    fn target<'py>(&self, py: Python<'py>, called_inside: bool) -> Option<Bound<'py, PyAny>> {
        if called_inside { self.inner.bind(py) } else { self.object.bind(py) }
    }

    /// Calls a method. False if it has to be called again when the peer has answered.
    fn call(&self, py: Python<'_>, called_inside: bool, name: &Bound<'_, PyString>) -> PyResult<bool> {
        self.all_read.set(false);
        let Some(object) = self.target(py, called_inside) else { return Ok(false) };
        let called = call_method0(&object, name);
        self.called(py);
        match called {
            Ok(_) => Ok(true),
            Err(error) if is_again(py, &error)? => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// After a call of the object, which may have read and written.
    fn called(&self, py: Python<'_>) {
        self.may_have_output.set(true);
        self.unread.set(pending(py, &self.incoming));
    }

    /// Finds out whether another read would give nothing: no ciphertext waits, and no plaintext. If the last read did not fill
    /// its buffer, the object holds no plaintext.
    fn look_for_more(&self, py: Python<'_>, object: &Bound<'_, PyAny>, spare: bool) -> PyResult<()> {
        if self.is_called_inside(Driving::Read) && self.unread.get() == 0 {
            self.all_read
                .set(spare || call_method0(object, intern!(py, "pending"))?.extract::<usize>()? == 0);
        }
        Ok(())
    }
}

fn progress(done: bool) -> Progress {
    if done { Progress::Done } else { Progress::Waiting }
}

fn pending(py: Python<'_>, bio: &Slot) -> usize {
    let count = bio.bind(py).and_then(|bio| bio.getattr(intern!(py, "pending")).ok());
    count.and_then(|count| count.extract().ok()).unwrap_or(0)
}

/// Copies what a `read()` of the program's returned.
fn copy(data: &Bound<'_, PyAny>, buffer: &mut [MaybeUninit<u8>]) -> PyResult<usize> {
    let data = Exported::new(data, false)?;
    let data = data.as_ref();
    if data.len() > buffer.len() {
        return Err(PyValueError::new_err("read() of the SSL object returned more than it was asked for"));
    }
    for (place, byte) in buffer.iter_mut().zip(data) {
        place.write(*byte);
    }
    Ok(data.len())
}
