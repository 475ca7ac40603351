//! Signals as a stream, for the Rust door: `signal(Signal::TERM)?.recv().await`.
//!
//! A handler may do next to nothing, so ours makes a descriptor readable, and the loop that watches it does the rest.
//! Each listener has a descriptor of its own (a `Notifier`, as loops use to wake each other) instead of one pipe for the
//! process: then no loop depends on another one that is busy or has stopped, and there is neither shared state nor a
//! lock. The price is one or two descriptors for each listener, of which a program has a handful.
//!
//! Signals coalesce as POSIX has it: any number of them between two `recv` are one. The system's handler stays
//! installed when the last listener is dropped (the signal is then ignored): what was there before may have been
//! replaced by others meanwhile, and is not ours to put back.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use signal_hook_registry::{FORBIDDEN, SigId};

use crate::futures::source::Source;
use crate::reactor::{Direction, Notifier};

pub use rustix::process::Signal;

/// Listens for `signal` on the loop of this thread. Any number of listeners on any loops each hear of it.
///
/// # Errors
/// For `KILL`, `STOP`, `ILL`, `FPE` and `SEGV`, which cannot be handled so; when the system refuses; when no loop runs
/// on this thread.
pub fn signal(signal: Signal) -> io::Result<Signals> {
    let number = signal.as_raw();
    if FORBIDDEN.contains(&number) {
        let message = format!("signal {number} cannot be listened for: it ends or stops the process at once");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let notifier = Notifier::new()?;
    let source = Source::of_non_blocking(Readable(notifier.clone()))?;
    // SAFETY: a handler may call only what is async-signal-safe, and `notify` is one `write` to a descriptor that lives
    // as long as the action does: no lock, no allocation, no panic. The registry preserves `errno`.
    let id = unsafe { signal_hook_registry::register(number, move || notifier.notify()) }?;
    Ok(Signals { source, id })
}

/// Has each arrival of `signal` counted from now on, the moment it arrives: whoever compares the count with what was done
/// about the signal knows that something keeps its handler waiting. Whatever handled the signal before still does.
///
/// # Errors
/// As `signal`.
pub fn count(signal: Signal, counter: &'static AtomicU32) -> io::Result<()> {
    let add = move || {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    // SAFETY: adding to an atomic number is async-signal-safe.
    unsafe { signal_hook_registry::register(signal.as_raw(), add) }.map(drop)
}

/// Hears of one signal; dropped, it hears no more.
#[derive(Debug)]
pub struct Signals {
    source: Source<Readable>,
    id: SigId,
}

impl Signals {
    /// Waits for the signal; completes at once when it has come since the last time, or since listening began. Dropped
    /// before its end, it leaves the signal to the next call.
    ///
    /// # Errors
    /// Whatever the poller met.
    pub async fn recv(&mut self) -> io::Result<()> {
        self.source.attempt(Direction::Read, Readable::take).await
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        signal_hook_registry::unregister(self.id);
    }
}

/// The end of a notifier that a poller watches.
#[derive(Debug)]
struct Readable(Notifier);

impl Readable {
    fn take(&self) -> io::Result<()> {
        rustix::io::read(self, &mut [0_u8; 64])?;
        self.0.drain();
        Ok(())
    }
}

impl AsFd for Readable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.readable()
    }
}
