//! `Source<S>`: a descriptor that futures wait on. Sockets, pipes and pidfds are all of this one type.
//!
//! Owns the descriptor and its place in the registry of the loop on whose thread it was made; knows no addresses and
//! no protocols. Invariants: the descriptor is non-blocking; the registry hears of its end before it is closed (fields
//! are dropped in order), so a reused number never wakes a stranger; a future that is dropped while it waits has left
//! the registry. Each operation is tried first and waits only when it would block.
//!
//! One waiter for each direction: a second one gets an error, as with asyncio's streams. A silent queue would hide that
//! two readers of one stream each see an arbitrary part of it.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::event_loop::core::Core;
use crate::reactor::{Direction, Listener};

/// How much `read_to_end` asks for at once; also the size of a pipe on Linux.
const CHUNK: usize = 64 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Source<S> {
    registration: Registration,
    inner: S,
}

impl<S: AsFd> Source<S> {
    /// Takes over `inner`, makes it non-blocking and ties it to the loop of this thread.
    ///
    /// # Errors
    /// When no loop runs on this thread, or the descriptor cannot be made non-blocking.
    pub fn new(inner: S) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&inner, true)?;
        Self::of_non_blocking(inner)
    }

    /// As `new`, for a descriptor that is known to be non-blocking.
    pub(crate) fn of_non_blocking(inner: S) -> io::Result<Self> {
        let fd = inner.as_fd().as_raw_fd();
        let waiting = [Cell::new(false), Cell::new(false)];
        Ok(Source { registration: Registration { core: Core::require()?, fd, waiting }, inner })
    }

    /// What was taken over; it must stay non-blocking.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Gives the descriptor back, still non-blocking, and leaves the loop.
    #[must_use]
    pub fn into_inner(self) -> S {
        drop(self.registration);
        self.inner
    }

    /// Tries `operation` until it neither would block nor was interrupted, waiting for `direction` in between.
    ///
    /// Dropping the future undoes the waiting and nothing else: an operation that takes effect does so in the very poll
    /// that completes the future.
    ///
    /// # Errors
    /// The operation's; `ResourceBusy` when another task already waits for this direction.
    pub fn attempt<T, F>(
        &self,
        direction: Direction,
        operation: F,
    ) -> impl Future<Output = io::Result<T>> + use<'_, S, T, F>
    where
        F: FnMut(&S) -> io::Result<T> + Unpin,
    {
        Attempt { source: self, direction, operation, waits: false }
    }
}

impl<S: AsFd> Source<S>
where
    for<'a> &'a S: io::Read,
{
    /// Reads what is there into `buffer`, waiting for at least one byte. Zero means the end of the stream.
    ///
    /// # Errors
    /// Whatever the system reports; `ResourceBusy` when another task is reading.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.attempt(Direction::Read, |mut inner: &S| io::Read::read(&mut inner, buffer)).await
    }

    /// Fills `buffer`. Dropped half-way, what was read by then is in the buffer and its length is lost.
    ///
    /// # Errors
    /// As `read`; `UnexpectedEof` when the stream ends before.
    pub async fn read_exact(&self, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let count = self.read(buffer).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer = &mut buffer[count..];
        }
        Ok(())
    }

    /// Appends everything up to the end of the stream to `buffer`, and says how much that was. Dropped half-way, what
    /// was read by then has been appended.
    ///
    /// # Errors
    /// As `read`.
    pub async fn read_to_end(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let before = buffer.len();
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = self.read(&mut chunk).await?;
            if count == 0 {
                return Ok(buffer.len() - before);
            }
            buffer.extend_from_slice(&chunk[..count]);
        }
    }
}

impl<S: AsFd> Source<S>
where
    for<'a> &'a S: io::Write,
{
    /// Writes a part of `data`, at least one byte unless it is empty, and says how much.
    ///
    /// # Errors
    /// Whatever the system reports; `ResourceBusy` when another task is writing.
    pub async fn write(&self, data: &[u8]) -> io::Result<usize> {
        self.attempt(Direction::Write, |mut inner: &S| io::Write::write(&mut inner, data)).await
    }

    /// Writes all of `data`. Dropped half-way, an unknown part of it has been written.
    ///
    /// # Errors
    /// As `write`.
    pub async fn write_all(&self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let count = self.write(data).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            data = &data[count..];
        }
        Ok(())
    }
}

impl<S: AsFd> AsFd for Source<S> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// The descriptor's place in its loop's registry; given up when dropped, before the descriptor is closed.
#[derive(Debug)]
struct Registration {
    core: Rc<Core>,
    fd: RawFd,
    /// Whether a future waits, to read and to write. The listener in the registry is that future's, and it clears the
    /// flag when it ends.
    waiting: [Cell<bool>; 2],
}

impl Registration {
    fn waiting(&self, direction: Direction) -> &Cell<bool> {
        match direction {
            Direction::Read => &self.waiting[0],
            Direction::Write => &self.waiting[1],
        }
    }
}

impl Drop for Registration {
    /// A future that waits borrows the source, so only one that was leaked can have left a listener here.
    fn drop(&mut self) {
        for direction in [Direction::Read, Direction::Write] {
            if self.waiting(direction).get() {
                let _closed_by_another = self.core.reactor.ignore(self.fd, direction);
            }
        }
    }
}

/// See [`Source::attempt`].
struct Attempt<'a, S, F> {
    source: &'a Source<S>,
    direction: Direction,
    operation: F,
    /// Whether the direction's `waiting` flag is ours.
    waits: bool,
}

impl<S, F> Attempt<'_, S, F> {
    fn wait(&mut self, context: &Context<'_>) -> io::Result<()> {
        let Registration { core, fd, .. } = &self.source.registration;
        core.reactor.listen(*fd, self.direction, Listener::Waker(context.waker().clone()))?;
        self.source.registration.waiting(self.direction).set(true);
        self.waits = true;
        Ok(())
    }

    /// After an event this costs no system call: the kernel's one-shot arming was used up by it.
    fn stop_waiting(&mut self) {
        if std::mem::take(&mut self.waits) {
            let Registration { core, fd, .. } = &self.source.registration;
            let _closed_by_another = core.reactor.ignore(*fd, self.direction);
            self.source.registration.waiting(self.direction).set(false);
        }
    }
}

impl<S, T, F: FnMut(&S) -> io::Result<T> + Unpin> Future for Attempt<'_, S, F> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.waits && this.source.registration.waiting(this.direction).get() {
            return Poll::Ready(Err(busy(this.direction)));
        }
        loop {
            match (this.operation)(&this.source.inner) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return match this.wait(context) {
                        Ok(()) => Poll::Pending,
                        Err(error) => {
                            this.stop_waiting();
                            Poll::Ready(Err(error))
                        }
                    };
                }
                result => {
                    this.stop_waiting();
                    return Poll::Ready(result);
                }
            }
        }
    }
}

impl<S, F> Drop for Attempt<'_, S, F> {
    fn drop(&mut self) {
        self.stop_waiting();
    }
}

fn busy(direction: Direction) -> io::Error {
    let verb = match direction {
        Direction::Read => "read from",
        Direction::Write => "write to",
    };
    let message =
        format!("another task already waits to {verb} this descriptor; let one task do so at a time");
    io::Error::new(io::ErrorKind::ResourceBusy, message)
}
