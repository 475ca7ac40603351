//! `Buffered`: a session that drives an `ssl.SSLObject` over two `MemoryBIO`s.
//!
//! Works with every context and every object that has the methods of an `SSLObject`. Where the object's class leaves a
//! method as it is, that of the C object inside is called: no Python frame runs for a record. A class that replaces one
//! has its own called, with objects that it may keep.

use std::cell::Cell;
use std::mem::MaybeUninit;

use ferrio_engine::transport::{Plain, Progress};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::ffi::buffers::Exported;
use crate::ffi::call::{call_method0, call_method1, call_method2};
use crate::ffi::heap_type::Visitor;
use crate::ffi::lent::{with_view, with_writable_view};
use crate::ffi::reference::Slot;
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
pub(crate) type Plainly = [bool; 4];

/// See the module.
#[derive(Default)]
pub(crate) struct Buffered {
    object: Slot,
    /// The C object inside, for what is called there.
    inner: Slot,
    incoming: Slot,
    outgoing: Slot,
    plainly: Plainly,
    /// Bytes that wait in `incoming`, so that it need not be asked.
    unread: Cell<usize>,
    /// All that was taken in was read: asking would cost an exception.
    dry: Cell<bool>,
    /// A call of the object came back since what waits to be sent was taken: only then is there anything.
    owes: Cell<bool>,
}

impl Buffered {
    pub(crate) fn new(
        object: &Bound<'_, PyAny>,
        inner: Option<Bound<'_, PyAny>>,
        incoming: Bound<'_, PyAny>,
        outgoing: Bound<'_, PyAny>,
        plainly: Plainly,
    ) -> Self {
        let this = Buffered { plainly, ..Buffered::default() };
        this.object.set(object.clone());
        drop(this.inner.replace(inner.map(Into::into)));
        this.incoming.set(incoming);
        this.outgoing.set(outgoing);
        this
    }

    pub(crate) fn feed(&self, py: Python<'_>, ciphertext: &[u8]) -> PyResult<()> {
        let Some(incoming) = self.incoming.bind(py) else { return Ok(()) };
        self.dry.set(false);
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
        match self.outgoing.bind(py).filter(|_| self.owes.take()) {
            None => Ok(Chunk::from(Vec::new())),
            Some(outgoing) => {
                let bytes = call_method0(&outgoing, intern!(py, "read"))?.cast_into::<PyBytes>()?;
                Ok(Chunk::from(bytes))
            }
        }
    }

    /// The object does not say.
    #[expect(clippy::unused_self, reason = "as `Direct::may_hold_some`")]
    pub(crate) fn may_hold_some(&self, _: Python<'_>) -> bool {
        true
    }

    pub(crate) fn handshake(&self, py: Python<'_>) -> PyResult<Progress> {
        self.call(py, self.is_plain(Driving::Handshake), intern!(py, "do_handshake")).map(progress)
    }

    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<Progress> {
        let name =
            if self.is_plain(Driving::Close) { intern!(py, "shutdown") } else { intern!(py, "unwrap") };
        self.call(py, self.is_plain(Driving::Close), name).map(progress)
    }

    pub(crate) fn read(&self, py: Python<'_>, buffer: &mut [MaybeUninit<u8>]) -> PyResult<Plain> {
        if self.dry.get() {
            return Ok(Plain::Nothing);
        }
        let Some(object) = self.target(py, self.is_plain(Driving::Read)) else { return Ok(Plain::Nothing) };
        let most = buffer.len().into_pyobject(py)?;
        let name = intern!(py, "read");
        let count = if self.is_plain(Driving::Read) {
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
        let Some(object) = self.target(py, self.is_plain(Driving::Write)) else { return Ok(None) };
        let name = intern!(py, "write");
        let written = if self.is_plain(Driving::Write) {
            with_view(py, data, |view| call_method1(&object, name, view))
        } else {
            call_method1(&object, name, PyBytes::new(py, data).as_any())
        };
        self.owes.set(true);
        match written.and_then(|count| count.extract::<usize>()) {
            Ok(count) => Ok(Some(count.min(data.len()))),
            Err(error) if is_again(py, &error)? => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn traverse(&self, visitor: &mut Visitor<'_>) {
        self.slots().into_iter().for_each(|slot| visitor.raw(slot.as_ptr()));
    }

    /// Forgets everything: the connection is lost.
    pub(crate) fn clear(&self) {
        self.slots().into_iter().for_each(|slot| drop(slot.take()));
    }

    fn slots(&self) -> [&Slot; 4] {
        [&self.object, &self.inner, &self.incoming, &self.outgoing]
    }

    fn is_plain(&self, method: Driving) -> bool {
        self.plainly[method as usize]
    }

    fn target<'py>(&self, py: Python<'py>, plainly: bool) -> Option<Bound<'py, PyAny>> {
        if plainly { self.inner.bind(py) } else { self.object.bind(py) }
    }

    /// Calls a method; whether it is through, if it did not fail for good.
    fn call(&self, py: Python<'_>, plainly: bool, name: &Bound<'_, PyString>) -> PyResult<bool> {
        self.dry.set(false);
        let Some(object) = self.target(py, plainly) else { return Ok(false) };
        let called = call_method0(&object, name);
        self.called(py);
        match called {
            Ok(_) => Ok(true),
            Err(error) if is_again(py, &error)? => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The object came back from a call that may have read and written.
    fn called(&self, py: Python<'_>) {
        self.owes.set(true);
        self.unread.set(pending(py, &self.incoming));
    }

    /// Whether another read would find nothing: no ciphertext waits, and no plaintext. The object holds none of that if the
    /// last read did not fill its buffer.
    fn look_for_more(&self, py: Python<'_>, object: &Bound<'_, PyAny>, spare: bool) -> PyResult<()> {
        if self.is_plain(Driving::Read) && self.unread.get() == 0 {
            self.dry.set(spare || call_method0(object, intern!(py, "pending"))?.extract::<usize>()? == 0);
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

/// What a `read()` of somebody's own returned.
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
