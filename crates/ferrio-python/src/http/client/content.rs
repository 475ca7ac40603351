//! How `response.content` reads a body: what there is, by chunks of HTTP's, up to a separator, so much, or all that is left.
//!
//! What is there already comes in the first step of a wait, so nobody waits for it. A wait that is cancelled loses nothing.
//!
//! Who reads large pieces gets them as the kernel copied them: a wait says how much is `wanted`, and the connection reads so much
//! straight into an object. As long as such a read is full the next one is made when the next piece is asked for, without a turn of
//! the loop, until `credit` is used up: other descriptors have their turn then.

use std::rc::Rc;

use pyo3::exceptions::{PyOverflowError, PyStopAsyncIteration};
use pyo3::types::{PyBytes, PyType};

use crate::event_loop::run::both;
use crate::ffi::prelude::*;
use crate::http::client::answer::ClientAnswer;
use crate::http::client::exchange::{Exchange, Stage, busy};
use crate::http::client::waits::{ClientWait, WaitKind};
use crate::net::scratch::SCRATCH;
use crate::net::streams::separators::find;

impl ClientAnswer {
    /// The exchange, for who reads a part of the body.
    fn parted(&self, this: &Bound<'_, PyAny>) -> PyResult<Rc<Exchange>> {
        let exchange = self.readable(this)?;
        // Else that would get a body with a hole.
        if exchange.wants_all.get() && self.body.is_empty() {
            return Err(busy());
        }
        exchange.refuse_second(this.py())?;
        exchange.wants_all.set(false);
        Ok(exchange)
    }

    /// What there is of the body; `None` if there is nothing yet.
    fn look_for_any<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        most: usize,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let (py, mut exchange) = (this.py(), self.parted(this)?);
        let waits = |exchange: &Exchange| exchange.buffered() == 0 && exchange.stage.get() != Stage::Whole;
        exchange.wanted.set(most);
        if waits(&exchange) && exchange.credit.get() > 0 {
            self.pull(py, &exchange)?;
            exchange = self.parted(this)?;
        }
        if waits(&exchange) {
            exchange.credit.set(SCRATCH);
            self.read_on(py, &exchange)?;
            return Ok(None);
        }
        let taken = exchange.take(py, most)?;
        let left = if exchange.is_full.take() { exchange.credit.get() } else { 0 };
        exchange.credit.set(left.saturating_sub(taken.as_bytes().len()));
        self.read_on(py, &exchange)?;
        Ok(Some(taken))
    }

    /// What there is of a chunk of HTTP's, and whether that ends the chunk.
    fn look_for_chunk<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Option<(Bound<'py, PyBytes>, bool)>> {
        let (py, exchange) = (this.py(), self.readable(this)?);
        if exchange.has_chunk() && !exchange.wants_all.get() {
            exchange.refuse_second(py)?;
            let taken = exchange.take_chunk(py)?;
            self.read_on(py, &exchange)?;
            return Ok(Some(taken));
        }
        let found = self.look_for_any(this, usize::MAX)?;
        Ok(found.map(|found| (found, false)))
    }

    /// What there is up to a separator and with it, or what is left; an error if that is more than `most`. `first`: nobody has
    /// looked for this one yet.
    fn look_for_end_of<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        separator: &[u8],
        most: usize,
        first: bool,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        static TOO_LONG: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let (py, exchange) = (this.py(), self.parted(this)?);
        let known = if first { 0 } else { exchange.searched.get() };
        let start = (known + 1).saturating_sub(separator.len());
        let found = exchange.look(py, |bytes| {
            find(bytes.get(start..).unwrap_or_default(), separator).map(|found| start + found.end)
        })?;
        let end = found.unwrap_or_else(|| exchange.buffered());
        if end <= most && found.is_none() && exchange.stage.get() != Stage::Whole {
            exchange.searched.set(end);
            self.read_more(py, &exchange)?;
            return Ok(None);
        }
        let taken = exchange.take(py, end)?;
        self.read_on(py, &exchange)?;
        if end > most {
            let begin = taken.as_bytes().get(..100).unwrap_or(taken.as_bytes());
            let begin = PyBytes::new(py, &[begin, b"..."].concat());
            let error = TOO_LONG.import(py, "ferrio.http.errors", "LineTooLong")?.call1((begin, most))?;
            return Err(raised::raise(&error));
        }
        Ok(Some(taken))
    }

    /// So many bytes; an error if there are fewer.
    fn look_for_exactly<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        count: usize,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        static INCOMPLETE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let (py, exchange) = (this.py(), self.parted(this)?);
        let lacks = exchange.buffered() < count;
        if lacks && exchange.stage.get() != Stage::Whole {
            self.read_more(py, &exchange)?;
            return Ok(None);
        }
        exchange.look(py, |_| ())?;
        let taken = exchange.take(py, count)?;
        if lacks {
            let class = INCOMPLETE.import(py, "asyncio.exceptions", "IncompleteReadError")?;
            return Err(raised::raise(&class.call1((taken, count))?));
        }
        self.read_on(py, &exchange)?;
        Ok(Some(taken))
    }

    /// All that is left, if all of it is there; `first`: it was not waited for yet.
    fn look_for_rest<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        first: bool,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let (py, exchange) = (this.py(), if first { self.parted(this)? } else { self.readable(this)? });
        if exchange.stage.get() == Stage::Whole {
            exchange.wants_all.set(false);
            return exchange.take_all(py).map(Some);
        }
        exchange.collect(py)?;
        self.read_more(py, &exchange)?;
        Ok(None)
    }

    /// Nobody wants all that is left any more.
    fn leave_rest(&self) -> PyResult<()> {
        self.exchange()?.wants_all.set(false);
        Ok(())
    }
}

fn any(found: Option<Bound<'_, PyBytes>>) -> Option<Bound<'_, PyAny>> {
    found.map(Bound::into_any)
}

/// What an iterator gives, which ends where nothing is left.
fn next(found: Option<Bound<'_, PyBytes>>) -> PyResult<Option<Bound<'_, PyAny>>> {
    match found {
        Some(found) if found.as_bytes().is_empty() => Err(PyStopAsyncIteration::new_err(())),
        found => Ok(any(found)),
    }
}

fn chunk<'py>(
    py: Python<'py>,
    found: Option<(Bound<'py, PyBytes>, bool)>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    found.map(|found| found.into_bound_py_any(py)).transpose()
}

static ANY: WaitKind = WaitKind {
    name: "HttpAnswer._read_any",
    look: |this, given| state_of::<ClientAnswer>(this)?.look_for_any(this, given.count).map(any),
    park: |this, _| state_of::<ClientAnswer>(this)?.park(this.py()),
    // Who is cancelled has cancelled the future. Who is closed or dropped has not, and would be taken for one who waits.
    leave: |this, given| match given.future {
        Some(future) => state_of::<ClientAnswer>(this)?.unpark(future),
        None => Ok(()),
    },
};

static NEXT_PIECE: WaitKind = WaitKind {
    name: "HttpAnswer._next_piece",
    look: |this, given| next(state_of::<ClientAnswer>(this)?.look_for_any(this, given.count)?),
    ..ANY
};

static CHUNK: WaitKind = WaitKind {
    name: "HttpAnswer._read_chunk",
    look: |this, _| chunk(this.py(), state_of::<ClientAnswer>(this)?.look_for_chunk(this)?),
    ..ANY
};

static NEXT_CHUNK: WaitKind = WaitKind {
    name: "HttpAnswer._next_chunk",
    look: |this, _| match state_of::<ClientAnswer>(this)?.look_for_chunk(this)? {
        Some((found, false)) if found.as_bytes().is_empty() => Err(PyStopAsyncIteration::new_err(())),
        found => chunk(this.py(), found),
    },
    ..ANY
};

static UNTIL: WaitKind = WaitKind {
    name: "HttpAnswer._read_until",
    look: |this, given| {
        let separator = given.value.and_then(|value| value.cast::<PyBytes>().ok());
        let separator = separator.map_or(&b"\n"[..], |separator| separator.as_bytes());
        let first = given.future.is_none();
        state_of::<ClientAnswer>(this)?.look_for_end_of(this, separator, given.count, first).map(any)
    },
    ..ANY
};

static NEXT_LINE: WaitKind = WaitKind {
    name: "HttpAnswer._next_line",
    look: |this, given| {
        let first = given.future.is_none();
        next(state_of::<ClientAnswer>(this)?.look_for_end_of(this, b"\n", given.count, first)?)
    },
    ..ANY
};

static EXACTLY: WaitKind = WaitKind {
    name: "HttpAnswer._read_exactly",
    look: |this, given| state_of::<ClientAnswer>(this)?.look_for_exactly(this, given.count).map(any),
    ..ANY
};

static REST: WaitKind = WaitKind {
    name: "HttpAnswer._read_rest",
    look: |this, given| state_of::<ClientAnswer>(this)?.look_for_rest(this, given.future.is_none()).map(any),
    leave: |this, given| {
        both(this.py(), (ANY.leave)(this, given), state_of::<ClientAnswer>(this)?.leave_rest())
    },
    ..ANY
};

/// What Python code calls.
impl ClientAnswer {
    pub(super) fn read_any(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &ANY, None, most(args, "_read_any")?).map(Bound::unbind)
    }

    pub(super) fn next_piece(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &NEXT_PIECE, None, most(args, "_next_piece")?).map(Bound::unbind)
    }

    pub(super) fn read_chunk(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &CHUNK, None, 0).map(Bound::unbind)
    }

    pub(super) fn next_chunk(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &NEXT_CHUNK, None, 0).map(Bound::unbind)
    }

    /// `_read_until(separator, most)`
    pub(super) fn read_until(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [separator, most] = args.all("_read_until", ["separator", "most"])?;
        let separator = separator.cast::<PyBytes>()?;
        ClientWait::create(this, &UNTIL, Some(separator.as_any()), size(most)?).map(Bound::unbind)
    }

    /// `_read_until_now(separator, most)`
    pub(super) fn read_until_now(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [separator, most] = args.all("_read_until_now", ["separator", "most"])?;
        let separator = separator.cast::<PyBytes>()?;
        let found = self.look_for_end_of(this, separator.as_bytes(), size(most)?, true)?;
        Ok(found.unwrap_or_else(|| PyBytes::new(this.py(), b"")).into_any().unbind())
    }

    pub(super) fn next_line(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &NEXT_LINE, None, most(args, "_next_line")?).map(Bound::unbind)
    }

    pub(super) fn read_exactly(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &EXACTLY, None, most(args, "_read_exactly")?).map(Bound::unbind)
    }

    pub(super) fn read_rest(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &REST, None, 0).map(Bound::unbind)
    }

    pub(super) fn read_now(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let found = self.look_for_any(this, most(args, "_read_now")?)?;
        Ok(found.unwrap_or_else(|| PyBytes::new(this.py(), b"")).into_any().unbind())
    }

    pub(super) fn unread(&self, this: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        self.exchange()?.put_back(this.py(), data.cast::<PyBytes>()?.as_bytes())
    }

    pub(super) fn fail(&self, _: &Bound<'_, PyAny>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        self.exchange()?.error.set(error.clone());
        Ok(())
    }

    pub(super) fn error_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.exchange.borrow().as_ref().and_then(|exchange| exchange.error.object(this.py())))
    }

    pub(super) fn awaited(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.exchange.borrow().clone().map_or(Ok(false), |exchange| exchange.is_awaited(this.py()))
    }
}

fn most(args: Args<'_, '_>, method: &str) -> PyResult<usize> {
    let ([], [most]) = args.bind(method, [], ["most"])?;
    most.map_or(Ok(usize::MAX), size)
}

/// A size that a program gives: no integer is too large for one, or too small.
fn size(given: Borrowed<'_, '_, PyAny>) -> PyResult<usize> {
    match given.extract::<usize>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(given.py()) => {
            Ok(if given.lt(0)? { 0 } else { usize::MAX })
        }
        extracted => extracted,
    }
}
