//! `Exchange`: what came of one answer so far, and who waits for more of it.
//!
//! Its connection fills it, its answer object empties it; both own it, so that either may go first. Invariant ONE: it is shown to the collector
//! once, by the connection until the exchange is `over`, which is when the connection lets it go, and by the answer from then on.
//!
//! ```text
//! Head ──▶ Body ──▶ Whole
//!   └────────┴────▶ Failed
//! ```

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::types::PyBytes;

use crate::ffi::prelude::*;
use crate::http::client::unread::Unread;
use crate::http::client::waits::tell;
use crate::http::packed::Packed;
use crate::net::protocols::delivery::Read;
use crate::tasks::any_future;

/// How far an answer has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    #[default]
    Head,
    Body,
    Whole,
    Failed,
}

/// A piece is read straight into the object that a program gets, if it wants so much at a time: for less, one read for many pieces
/// and a copy of each costs less.
const LEAST_AT_ONCE: usize = 64 * 1024;

/// And no more, since the allocator has memory for what is larger mapped anew each time.
const AT_ONCE: usize = 124 * 1024;

/// Informational answers beyond these are dropped: a server may send any number.
const MOST_EARLY: usize = 16;

/// The first line and the headers of an answer.
pub(crate) struct Heading {
    pub(crate) status: u16,
    pub(crate) minor: u8,
    /// The phrase, as a field without a name; then the headers.
    pub(crate) fields: Packed,
    /// How long the body is, if that is known.
    pub(crate) length: Option<u64>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Exchange {
    pub(crate) stage: Cell<Stage>,
    pub(crate) heading: OnceCell<Heading>,
    pub(crate) trailers: OnceCell<Packed>,
    pub(crate) early: RefCell<Vec<(u16, Packed)>>,
    body: Unread,
    /// Where chunks of the body end that were not read yet, counted from its begin. Not kept where all of it is wanted.
    ends: RefCell<VecDeque<usize>>,
    /// How many bytes of the body came, read or not.
    pub(crate) received: Cell<usize>,
    /// What follows the head is another protocol's.
    pub(crate) upgraded: Cell<bool>,
    /// The most bytes that the reader of a part wants at a time.
    pub(crate) wanted: Cell<usize>,
    /// How many bytes may be read before the loop looks at all descriptors again, as long as each read fills its room.
    pub(crate) credit: Cell<usize>,
    /// The last read filled its room.
    pub(crate) is_full: Cell<bool>,
    /// How many of the unread bytes were searched for a separator, and have none.
    pub(crate) searched: Cell<usize>,
    /// All of the body is wanted, however much that is.
    pub(crate) wants_all: Cell<bool>,
    /// The exchange is over: its connection belongs to others, or is gone.
    pub(crate) over: Cell<bool>,
    /// Why nothing more comes: a kind, with a text or an exception.
    failure: Cell<Option<&'static str>>,
    detail: Slot,
    /// The exception that was made of that.
    pub(crate) error: Slot,
    /// The future of who waits for more.
    pub(crate) waiter: Slot,
}

held!(Exchange: body, detail, error, waiter);

impl Held for Rc<Exchange> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        Exchange::show(self, visitor);
    }
}

impl Exchange {
    pub(crate) fn begin(&self, heading: Heading) {
        self.stage.set(Stage::Body);
        // An exchange has one final head.
        drop(self.heading.set(heading));
    }

    pub(crate) fn note_early(&self, status: u16, fields: Packed) {
        let mut early = self.early.borrow_mut();
        if early.len() < MOST_EARLY {
            early.push((status, fields));
        }
    }

    pub(crate) fn add(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.received.set(self.received.get() + data.len());
        self.body.add(py, data)
    }

    /// Puts to the body what one call of `read` gives, at most `room` bytes.
    pub(crate) fn fill(
        &self,
        py: Python<'_>,
        room: usize,
        read: &mut Read<'_>,
    ) -> PyResult<io::Result<usize>> {
        let at_once =
            if self.buffered() > 0 || self.body.grows() { 0 } else { self.wanted.get().min(AT_ONCE) };
        let filled = if at_once < LEAST_AT_ONCE {
            self.body.fill(py, room, read)?
        } else {
            let room = room.min(at_once);
            let filled = self.body.fill_first(py, room, read)?;
            self.is_full.set(filled.as_ref().is_ok_and(|count| *count == room));
            filled
        };
        self.received.set(self.received.get() + filled.as_ref().copied().unwrap_or_default());
        Ok(filled)
    }

    /// What came last ends a chunk.
    pub(crate) fn note_end(&self) {
        if !self.wants_all.get() {
            let mut ends = self.ends.borrow_mut();
            self.forget_ends(&mut ends);
            ends.push_back(self.received.get());
        }
    }

    /// Those that were read past.
    fn forget_ends(&self, ends: &mut VecDeque<usize>) {
        let read = self.received.get().saturating_sub(self.body.size());
        while ends.front().is_some_and(|end| *end < read) {
            ends.pop_front();
        }
    }

    /// Takes what there is of a chunk, and whether that is its end; nothing where its end was read before.
    pub(crate) fn take_chunk<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyBytes>, bool)> {
        let mut ends = self.ends.borrow_mut();
        self.forget_ends(&mut ends);
        let read = self.received.get().saturating_sub(self.body.size());
        match ends.pop_front() {
            Some(end) => self.take(py, end - read).map(|data| (data, true)),
            None => self.take(py, usize::MAX).map(|data| (data, false)),
        }
    }

    /// Whether there is something of a chunk to take.
    pub(crate) fn has_chunk(&self) -> bool {
        let ended = self.ends.borrow().back().is_some_and(|end| *end == self.received.get());
        ended || self.body.size() > 0
    }

    /// All of the body is to be read at once.
    pub(crate) fn collect(&self, py: Python<'_>) -> PyResult<()> {
        self.wants_all.set(true);
        drop(self.ends.take());
        self.body.collect(py, self.heading.get().and_then(|heading| heading.length))
    }

    /// Takes all that there is of the body.
    pub(crate) fn take_all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.body.take_all(py)
    }

    /// Looks at all that there is of it.
    pub(crate) fn look<R>(&self, py: Python<'_>, look: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
        self.body.look(py, look)
    }

    pub(crate) fn buffered(&self) -> usize {
        self.body.size()
    }

    /// What it costs to keep what was not read, where a server sends the smallest of chunks.
    pub(crate) fn weight(&self) -> usize {
        self.body.size() + self.ends.borrow().len() * size_of::<usize>()
    }

    /// Takes some of what there is of the body, at most so much.
    pub(crate) fn take<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyBytes>> {
        self.searched.set(0);
        self.body.take(py, most)
    }

    /// Puts `data` in front of what there is.
    pub(crate) fn put_back(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.searched.set(0);
        self.body.put_back(py, data)
    }

    pub(crate) fn end(&self, trailers: Option<Packed>) {
        self.stage.set(Stage::Whole);
        if let Some(trailers) = trailers {
            drop(self.trailers.set(trailers));
        }
    }

    /// Nothing more comes, for this reason.
    pub(crate) fn fail(&self, kind: &'static str, detail: Option<Bound<'_, PyAny>>) {
        if matches!(self.stage.get(), Stage::Head | Stage::Body) {
            self.stage.set(Stage::Failed);
            self.failure.set(Some(kind));
            drop(self.detail.replace(detail.map(Ref::from)));
        }
    }

    /// The reason, and what is known beside.
    pub(crate) fn failure<'py>(&self, py: Python<'py>) -> Option<(&'static str, Option<Bound<'py, PyAny>>)> {
        self.failure.get().map(|kind| (kind, self.detail.bind(py)))
    }

    /// Whether a task waits.
    pub(crate) fn is_awaited(&self, py: Python<'_>) -> PyResult<bool> {
        self.waiter.bind(py).map_or(Ok(false), |other| any_future::is_done(&other).map(|done| !done))
    }

    /// One task waits at a time.
    pub(crate) fn refuse_second(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_awaited(py)? { Err(busy()) } else { Ok(()) }
    }

    /// There is news.
    pub(crate) fn tell(&self, py: Python<'_>) -> PyResult<()> {
        tell(py, &self.waiter)
    }
}

#[cold]
pub(crate) fn busy() -> PyErr {
    PyRuntimeError::new_err("read() called while another coroutine is already waiting for incoming data")
}
