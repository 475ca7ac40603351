//! `Flow`: both directions of one connection, as its reader and its writer see them.
//!
//! What is beneath (`Wire`: a transport, or TLS over one) puts bytes in and says how the connection stands. The two halves take
//! bytes out, and wait. No borrow is held while a waker is woken or dropped.

use std::cell::{Cell, RefCell};
use std::io;
use std::task::{Context, Poll, Waker};

use ferrio_engine::transport::{Channel, Descriptor, Limits, read_append};

use crate::awaiting::Awaiting;
use crate::streams::LIMIT;

/// How much is read at once: as much as came the last time, and more where that filled the room.
const FIRST_READ: usize = 8 * 1024;
const LARGEST_READ: usize = 256 * 1024;

/// What is beneath a flow. Nothing here waits or calls the program.
pub(crate) trait Wire {
    /// Sends `data`, at once as far as there is room.
    fn write(&self, data: &[u8]);

    /// No more will be written.
    ///
    /// # Errors
    /// The system's; `Unsupported` where one direction cannot end alone.
    fn write_eof(&self) -> io::Result<()>;

    /// Closes in order: what was written is still sent.
    fn close(&self);

    /// Closes at once.
    fn abort(&self);

    fn is_closing(&self) -> bool;

    /// Receives no more for now, or again.
    fn pause_reading(&self, on: bool);

    /// How many bytes wait to be sent. What is held is sent first: whoever waits for the rest is told of that alone.
    fn unsent(&self) -> usize;

    /// When the writer has to wait, and when no more.
    fn set_write_limits(&self, limits: Limits);

    /// The socket.
    fn descriptor(&self) -> &Descriptor;

    /// Gives the socket away; nothing may wait to be sent. The connection is over without a word.
    ///
    /// # Errors
    /// Where more than a socket belongs to the connection.
    #[cfg(feature = "tls")]
    fn detach(&self) -> io::Result<std::os::fd::OwnedFd>;

    /// From now on what is written leaves with what others write in the same turn, where transports hold data.
    #[cfg(feature = "http")]
    fn gather(&self) {}

    /// What both sides have agreed on to speak, if they have.
    fn alpn(&self) -> Option<Vec<u8>> {
        None
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Flow {
    incoming: RefCell<Incoming>,
    /// Who waits for more of it.
    reader: Awaiting,
    /// The peer sends no more.
    ended: Cell<bool>,
    /// More has come since somebody asked whether that is too much.
    grown: Cell<bool>,
    /// There was too much; the peer has to wait.
    held: Cell<bool>,
    limit: Cell<usize>,
    next_read: Cell<usize>,
    /// There is no room to write.
    full: Cell<bool>,
    /// Who waits for room, for the last byte to be sent, or for the end of the connection.
    writers: RefCell<Vec<Waker>>,
    /// The connection is gone.
    lost: Cell<bool>,
    /// Something was written when nothing more could be: after our own end, or the connection's.
    refused: Cell<bool>,
    failure: RefCell<Option<Failure>>,
}

/// What came and was not read.
#[derive(Debug, Default)]
struct Incoming {
    data: Vec<u8>,
    /// What was read of it already.
    start: usize,
}

/// An error that can be told more than once.
#[derive(Clone, Debug)]
struct Failure {
    code: Option<i32>,
    kind: io::ErrorKind,
    text: String,
}

impl Flow {
    pub(crate) fn new() -> Self {
        Flow {
            incoming: RefCell::default(),
            reader: Awaiting::default(),
            ended: Cell::new(false),
            grown: Cell::new(false),
            held: Cell::new(false),
            limit: Cell::new(LIMIT),
            next_read: Cell::new(FIRST_READ),
            full: Cell::new(false),
            writers: RefCell::default(),
            lost: Cell::new(false),
            refused: Cell::new(false),
            failure: RefCell::default(),
        }
    }

    /// Reads once from `channel`, and says how much it was; zero is the end.
    pub(crate) fn fill(&self, channel: &impl Channel) -> io::Result<usize> {
        let most = self.next_read.get();
        let mut incoming = self.incoming.borrow_mut();
        incoming.make_room();
        let count = read_append(channel, &mut incoming.data, most)?;
        drop(incoming);
        if count == most && most < LARGEST_READ {
            self.next_read.set(most * 2);
        }
        self.grown.set(true);
        self.tell_reader();
        Ok(count)
    }

    /// Takes in what came by another way.
    #[cfg(feature = "tls")]
    pub(crate) fn append(&self, data: &[u8]) {
        let mut incoming = self.incoming.borrow_mut();
        incoming.make_room();
        incoming.data.extend_from_slice(data);
        drop(incoming);
        self.grown.set(true);
        self.tell_reader();
    }

    /// Whether there is so much unread that the peer should wait.
    pub(crate) fn is_too_much(&self) -> bool {
        self.unread() > self.limit.get().saturating_mul(2)
    }

    /// Whether what has come just now is too much, so that the peer is to wait. Asked after each event: a reader that wants more
    /// than is kept has had the peer go on, and would not learn that it waits again.
    pub(crate) fn holds(&self) -> bool {
        let holds = self.grown.replace(false) && self.is_too_much();
        if holds {
            self.held.set(true);
        }
        holds
    }

    pub(crate) fn end(&self) {
        self.ended.set(true);
        self.tell_reader();
    }

    /// There is no room to write, or there is again.
    pub(crate) fn set_full(&self, full: bool) {
        self.full.set(full);
        if !full {
            self.tell_writers();
        }
    }

    /// Everything was sent.
    pub(crate) fn drained(&self) {
        self.tell_writers();
    }

    /// The connection is gone.
    pub(crate) fn lose(&self, reason: Option<io::Error>) {
        if let Some(error) = reason {
            self.fail(&error);
        }
        self.lost.set(true);
        self.ended.set(true);
        self.full.set(false);
        self.tell_reader();
        self.tell_writers();
    }

    pub(crate) fn fail(&self, error: &io::Error) {
        let failure = Failure { code: error.raw_os_error(), kind: error.kind(), text: error.to_string() };
        self.failure.borrow_mut().get_or_insert(failure);
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.get()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full.get()
    }

    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.failure.borrow().as_ref().map(|failure| match failure.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(failure.kind, failure.text.clone()),
        })
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.get()
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.set(limit.max(1));
    }

    /// How many bytes are there to be read.
    pub(crate) fn unread(&self) -> usize {
        let incoming = self.incoming.borrow();
        incoming.data.len() - incoming.start
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// Shows what is there.
    pub(crate) fn peek<R>(&self, see: impl FnOnce(&[u8]) -> R) -> R {
        let incoming = self.incoming.borrow();
        see(&incoming.data[incoming.start..])
    }

    /// As `peek`, for who changes it in its place.
    #[cfg(feature = "http")]
    pub(crate) fn peek_mut<R>(&self, see: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut incoming = self.incoming.borrow_mut();
        let start = incoming.start;
        see(&mut incoming.data[start..])
    }

    /// Takes out `count` bytes, which are there.
    pub(crate) fn take(&self, wire: &dyn Wire, count: usize) -> Vec<u8> {
        let mut incoming = self.incoming.borrow_mut();
        let taken = if incoming.start == 0 && count == incoming.data.len() {
            std::mem::take(&mut incoming.data)
        } else {
            let start = incoming.start;
            let taken = incoming.data[start..start + count].to_vec();
            incoming.consume(count);
            taken
        };
        drop(incoming);
        self.release(wire);
        taken
    }

    /// Drops `count` bytes, which are there.
    pub(crate) fn consume(&self, wire: &dyn Wire, count: usize) {
        self.incoming.borrow_mut().consume(count);
        self.release(wire);
    }

    /// Completes when more has come than `known` bytes, or will never come.
    pub(crate) fn poll_more(
        &self,
        wire: &dyn Wire,
        known: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread() > known || self.ended.get() {
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = self.failure() {
            return Poll::Ready(Err(error));
        }
        if self.held.replace(false) {
            // What is asked for is more than is kept by itself.
            wire.pause_reading(false);
        }
        self.reader.put(context.waker());
        Poll::Pending
    }

    /// Tells whoever polls of what comes, and of the end. A peer that waits because there is too much goes on waiting.
    #[cfg(feature = "http")]
    pub(crate) fn watch(&self, context: &Context<'_>) {
        self.reader.put(context.waker());
    }

    /// What is there is too little: the peer goes on if it waits.
    #[cfg(feature = "http")]
    pub(crate) fn want(&self, wire: &dyn Wire) {
        if self.held.replace(false) {
            wire.pause_reading(false);
        }
    }

    /// Completes when `holds`, of which the writing side tells.
    pub(crate) fn poll_writing(&self, holds: impl FnOnce() -> bool, context: &mut Context<'_>) -> Poll<()> {
        if holds() {
            return Poll::Ready(());
        }
        if !self.writers.borrow().iter().any(|waker| waker.will_wake(context.waker())) {
            let waker = context.waker().clone();
            self.writers.borrow_mut().push(waker);
        }
        Poll::Pending
    }

    /// Why nothing can be written any more.
    pub(crate) fn check_writing(&self) -> io::Result<()> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        if self.lost.get() {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the connection is lost"));
        }
        if self.refused.get() {
            let text = "what was written after the end was not sent; write before `write_eof` and `close`";
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, text));
        }
        Ok(())
    }

    /// What is written now goes nowhere, which the writer has to be told.
    pub(crate) fn refuse(&self) {
        self.refused.set(true);
    }

    fn release(&self, wire: &dyn Wire) {
        if self.held.get() && self.unread() <= self.limit.get() {
            self.held.set(false);
            wire.pause_reading(false);
        }
    }

    fn tell_reader(&self) {
        self.reader.wake();
    }

    fn tell_writers(&self) {
        let wakers = self.writers.take();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Incoming {
    /// What was read makes room for what comes.
    fn make_room(&mut self) {
        if self.start > 0 && self.start * 2 >= self.data.len() {
            self.data.drain(..self.start);
            self.start = 0;
        }
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.data.len() {
            self.data.clear();
            self.start = 0;
        }
    }
}
