//! `Reading`: the coroutines of `read()`, `readline()`, `readuntil()`, `readexactly()` and of asynchronous iteration.
//!
//! ```text
//! begin ── enough is there ───────────────▶ the bytes
//!   └───── not yet: waits for the reader's future ── go_on: looks again ──▶ waits, the bytes
//!                              └──────────────────── thrown, closed ──────▶ nothing was taken
//! ```
//!
//! As in any coroutine nothing happens before the first step: wrong arguments are reported there, too.

use std::cell::OnceCell;

use pyo3::exceptions::{PyRuntimeError, PyStopAsyncIteration, PyValueError};
use pyo3::types::{PyByteArray, PyBytes, PyTuple};

use crate::compat;
use crate::event_loop::exceptions::{is_asyncio_error, make_asyncio_error};
use crate::ffi::object::AsyncIterator;
use crate::ffi::prelude::*;
use crate::ffi::stop::Stop;
use crate::net::streams::STREAM_READER;
use crate::net::streams::reader::StreamReader;
use crate::net::streams::request::{Kind, Request};
use crate::net::streams::separators::{Found, Separators};
use crate::tasks::outcome::exact_outcome;

/// The result of an attempt.
enum Attempt<'py> {
    Done(Bound<'py, PyBytes>),
    Wait,
}

/// See the module.
pub(crate) struct Reading {
    kind: Kind,
    count: isize,
    /// Before this offset there is no separator.
    offset: Cell<usize>,
    separators: OnceCell<Separators>,
    /// For `read(-1)`: what was read so far.
    pieces: RefCell<Vec<u8>>,
    reader: Slot,
    /// What it waits for.
    future: Slot,
    separator: Slot,
    stop: Stop,
}

impl Reading {
    fn create<'py>(reader: &Bound<'py, PyAny>, request: Request) -> PyResult<Bound<'py, PyAny>> {
        let state = Reading {
            kind: request.kind,
            count: request.count,
            offset: Cell::new(0),
            separators: OnceCell::new(),
            pieces: RefCell::default(),
            reader: Slot::new(reader.clone().into()),
            future: Slot::default(),
            separator: Slot::default(),
            stop: Stop::default(),
        };
        drop(state.separator.replace(request.separator));
        let this = alloc_tracked(reader.py(), Coroutine::new(state))?;
        Ok(this)
    }

    /// The first step's checks. `Some` is a result that needs no data.
    fn check<'py>(&self, py: Python<'py>, reader: &StreamReader) -> PyResult<Option<Bound<'py, PyBytes>>> {
        if let Some(separator) = self.separator.take() {
            // Not set before, since this is the first step.
            drop(self.separators.set(Separators::new(&separator.bind(py))?));
        }
        if self.kind == Kind::Exactly && self.count < 0 {
            return Err(PyValueError::new_err("readexactly size can not be less than zero"));
        }
        if let Some(exception) = reader.failure(py) {
            return Err(PyErr::from_value(exception));
        }
        Ok((self.count == 0).then(|| PyBytes::new(py, b"")))
    }

    /// Takes what was asked for, if enough data is there.
    fn attempt<'py>(&self, py: Python<'py>, reader: &StreamReader, waited: bool) -> PyResult<Attempt<'py>> {
        let buffer = reader.buffer();
        let count = self.count.unsigned_abs();
        let attempt = match self.kind {
            Kind::All => return self.collect(py, reader, waited),
            Kind::Some if !waited && !reader.is_ended() && buffer.len(py)? == 0 => Attempt::Wait,
            Kind::Some => Attempt::Done(buffer.take(py, count)?),
            Kind::Exactly if buffer.len(py)? >= count => Attempt::Done(buffer.take(py, count)?),
            Kind::Exactly if reader.is_ended() => return Err(incomplete(py, reader, Some(count))),
            Kind::Exactly => Attempt::Wait,
            Kind::Until | Kind::Line | Kind::Next => self.until(py, reader)?,
        };
        if let Attempt::Done(_) = &attempt {
            reader.maybe_resume(py)?;
        }
        Ok(attempt)
    }

    /// Takes everything up to the end, in pieces as large as the reader's limit, so that the transport can go on.
    fn collect<'py>(&self, py: Python<'py>, reader: &StreamReader, waited: bool) -> PyResult<Attempt<'py>> {
        let mut waited = waited;
        loop {
            if !std::mem::take(&mut waited) {
                if let Some(exception) = reader.failure(py) {
                    return Err(PyErr::from_value(exception));
                }
                if reader.buffer().len(py)? == 0 && !reader.is_ended() {
                    return Ok(Attempt::Wait);
                }
            }
            let piece = reader.buffer().take(py, reader.limit())?;
            reader.maybe_resume(py)?;
            if piece.as_bytes().is_empty() {
                let all = self.pieces.take();
                return Ok(Attempt::Done(PyBytes::new(py, &all)));
            }
            self.pieces.borrow_mut().extend_from_slice(piece.as_bytes());
        }
    }

    /// Takes everything up to and with the first separator.
    fn until<'py>(&self, py: Python<'py>, reader: &StreamReader) -> PyResult<Attempt<'py>> {
        let separators = self.separators.get().unwrap_or(&Separators::Newline);
        let (size, offset) = (reader.buffer().len(py)?, self.offset.get());
        if size >= offset.saturating_add(separators.shortest()) {
            match reader.buffer().look(py, |bytes| separators.find(bytes, offset))? {
                Some(Found { start, .. }) if start > reader.limit() => {
                    let text = "Separator is found, but chunk is longer than limit";
                    return Err(make_asyncio_error(py, intern!(py, "LimitOverrunError"), (text, start)));
                }
                Some(Found { end, .. }) => return reader.buffer().take(py, end).map(Attempt::Done),
                None => {}
            }
            // The last bytes may be the beginning of a separator: they are searched again.
            let offset = (size + 1).saturating_sub(separators.longest());
            self.offset.set(offset);
            if offset > reader.limit() {
                let text = "Separator is not found, and chunk exceed the limit";
                return Err(make_asyncio_error(py, intern!(py, "LimitOverrunError"), (text, offset)));
            }
        }
        if reader.is_ended() { Err(incomplete(py, reader, None)) } else { Ok(Attempt::Wait) }
    }

    /// The future it waited for is done, and nobody waits any more.
    fn waited(&self, py: Python<'_>, reader: &StreamReader) -> PyResult<()> {
        reader.forget_waiter();
        let Some(future) = self.future.take() else { return Ok(()) };
        let future = future.into_bound(py);
        match exact_outcome(&future) {
            Some(outcome) if outcome.is_pending() => {
                Err(PyRuntimeError::new_err("await wasn't used with future"))
            }
            Some(outcome) => outcome.error(py)?.map_or(Ok(()), |error| Err(PyErr::from_value(error))),
            None => future.call_method0(intern!(py, "result")).map(drop),
        }
    }

    /// Waits for data.
    fn wait<'py>(&self, py: Python<'py>, reader: &StreamReader) -> PyResult<Bound<'py, PyAny>> {
        let method = match self.kind {
            Kind::Some | Kind::All => "read",
            Kind::Exactly => "readexactly",
            Kind::Until | Kind::Line | Kind::Next => "readuntil",
        };
        let future = reader.wait(py, method)?;
        match exact_outcome(&future) {
            Some(outcome) => outcome.blocking.set(true),
            None => future.setattr(intern!(py, "_asyncio_future_blocking"), true)?,
        }
        self.future.set(future.clone());
        Ok(future)
    }

    /// What the caller gets after an error. For a line that is the part that has come.
    fn failed<'py>(
        &self,
        py: Python<'py>,
        reader: &StreamReader,
        error: PyErr,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !matches!(self.kind, Kind::Line | Kind::Next) {
            return Err(error);
        }
        if is_asyncio_error(py, &error, intern!(py, "IncompleteReadError"))? {
            let partial = error.value(py).getattr(intern!(py, "partial"))?;
            return if self.kind == Kind::Next { go_on(partial) } else { Ok(partial) };
        }
        if is_asyncio_error(py, &error, intern!(py, "LimitOverrunError"))? {
            return Err(too_long(py, reader, &error)?);
        }
        Err(error)
    }

    /// What an attempt means.
    fn settle<'py>(
        &self,
        py: Python<'py>,
        reader: &StreamReader,
        attempt: PyResult<Attempt<'py>>,
    ) -> PyResult<Step<'py>> {
        match attempt {
            Ok(Attempt::Done(bytes)) => Ok(Step::Return(bytes.into_any())),
            Ok(Attempt::Wait) => match self.wait(py, reader) {
                Ok(future) => Ok(Step::Yield(future)),
                Err(error) => self.failed(py, reader, error).map(Step::Return),
            },
            Err(error) => self.failed(py, reader, error).map(Step::Return),
        }
    }

    /// Waits no more.
    fn let_go(&self, reader: &StreamReader) {
        if self.future.take().is_some() {
            reader.forget_waiter();
        }
    }
}

/// The stream ended too early. The error has the data that was there.
fn incomplete(py: Python<'_>, reader: &StreamReader, expected: Option<usize>) -> PyErr {
    let made = reader.buffer().take(py, usize::MAX);
    match made {
        Ok(partial) => make_asyncio_error(py, intern!(py, "IncompleteReadError"), (partial, expected)),
        Err(error) => error,
    }
}

/// A line is longer than the limit. It is dropped, with its newline if that is there.
fn too_long(py: Python<'_>, reader: &StreamReader, error: &PyErr) -> PyResult<PyErr> {
    let consumed: usize = error.value(py).getattr(intern!(py, "consumed"))?.extract()?;
    let newline = reader.buffer().look(py, |bytes| bytes.get(consumed) == Some(&b'\n'))?;
    reader.buffer().discard(py, if newline { consumed + 1 } else { usize::MAX })?;
    reader.maybe_resume(py)?;
    let text = error.value(py).getattr(intern!(py, "args"))?.get_item(0)?;
    let value = PyValueError::new_err(text.unbind());
    raised::set_context(value.value(py), error.value(py));
    Ok(value)
}

/// An empty line ends the iteration.
fn go_on(line: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if line.len()? == 0 { Err(PyStopAsyncIteration::new_err(())) } else { Ok(line) }
}

impl Coroutine<Reading> {}

impl Held for Reading {
    fn show(&self, visitor: &mut Visitor<'_>) {
        for slot in [&self.reader, &self.future, &self.separator] {
            slot.show(visitor);
        }
    }

    fn empty(&self) {
        drop(self.pieces.take());
        for slot in [&self.reader, &self.future, &self.separator] {
            slot.empty();
        }
    }
}

// Without its list `echo_streams` takes 2.6 % more instructions.
kind!(Reading, c"ferrio._ferrio.StreamReading", c"A read operation of a stream, to be awaited.", KEPT: usize = 256);

impl Steps for Reading {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Some | Kind::All => "StreamReader.read",
            Kind::Exactly => "StreamReader.readexactly",
            Kind::Until => "StreamReader.readuntil",
            Kind::Line => "StreamReader.readline",
            Kind::Next => "StreamReader.__anext__",
        }
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let object = self.reader.bind(py);
        let Some(reader) = object.as_ref().and_then(try_state::<StreamReader>) else {
            return Ok(nothing(py));
        };
        let attempt = match self.check(py, reader) {
            Ok(Some(result)) => Ok(Attempt::Done(result)),
            Ok(None) => self.attempt(py, reader, false),
            Err(error) => Err(error),
        };
        self.settle(py, reader, attempt)
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let object = self.reader.bind(py);
        let Some(reader) = object.as_ref().and_then(try_state::<StreamReader>) else {
            return Ok(nothing(py));
        };
        let attempt = self.waited(py, reader).and_then(|()| self.attempt(py, reader, true));
        self.settle(py, reader, attempt)
    }

    fn thrown<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        let object = self.reader.bind(py);
        let Some(reader) = object.as_ref().and_then(try_state::<StreamReader>) else { return Err(error) };
        self.let_go(reader);
        self.failed(py, reader, error).map(Step::Return)
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(reader) = self.reader.bind(py).as_ref().and_then(try_state::<StreamReader>) {
            self.let_go(reader);
        }
        Ok(())
    }

    fn stop(&self) -> Option<&Stop> {
        Some(&self.stop)
    }

    fn members() -> Members {
        members! { Coroutine<Reading>;
            shown c"cr_await" => steps.future;
            shown c"_target" => steps.reader;
        }
    }
}

/// For one that the collector has emptied.
fn nothing(py: Python<'_>) -> Step<'_> {
    Step::Return(py.None().into_bound(py))
}

impl StreamReader {
    pub(super) fn read(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let ([], [count]) = args.bind("read", [], ["n"])?;
        let request = match count {
            None => Some(Request::all()),
            Some(count) => Request::some(&count),
        };
        match request.filter(|_| self.is_plain()) {
            Some(request) => Reading::create(this, request).map(Bound::unbind),
            None => self.theirs(this, "read", args),
        }
    }

    pub(super) fn readexactly(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [count] = args.all("readexactly", ["n"])?;
        match Request::exactly(&count).filter(|_| self.is_plain()) {
            Some(request) => Reading::create(this, request).map(Bound::unbind),
            None => self.theirs(this, "readexactly", args),
        }
    }

    pub(super) fn readuntil(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let ([], [separator]) = args.bind("readuntil", [], ["separator"])?;
        // A tuple of separators is taken here, also on releases whose asyncio takes none.
        let new = !compat::SEVERAL_SEPARATORS
            && separator.is_some_and(|separator| separator.is_instance_of::<PyTuple>());
        let known = separator.as_deref().is_none_or(is_usual);
        if !(new || known && self.is_plain()) {
            return self.theirs(this, "readuntil", args);
        }
        Reading::create(this, Request::until(separator.as_deref())).map(Bound::unbind)
    }

    pub(super) fn readline(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.none("readline")?;
        if !self.is_plain() {
            return self.theirs(this, "readline", args);
        }
        Reading::create(this, Request::line()).map(Bound::unbind)
    }
}

impl AsyncIterator for StreamReader {
    fn next<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if self.is_plain() {
            return Reading::create(this, Request::next());
        }
        STREAM_READER.theirs(this.py())?.call_method1(intern!(this.py(), "__anext__"), (this,))
    }
}

/// Whether `separator` is of a usual type. All others are left to asyncio's method.
fn is_usual(separator: &Bound<'_, PyAny>) -> bool {
    let usual = |one: &Bound<'_, PyAny>| {
        one.is_exact_instance_of::<PyBytes>() || one.is_exact_instance_of::<PyByteArray>()
    };
    match separator.cast::<PyTuple>() {
        Ok(all) => all.iter().all(|one| usual(&one)),
        Err(_) => usual(separator),
    }
}
