//! The reactor: which descriptors somebody waits for, and which of them are ready.
//!
//! Owns the registry (per descriptor: who listens to which direction, and what the kernel was told) and the choice of
//! the poller. Knows no words, no transports and no tasks: a listener is either "the loop's own" or a `Waker`.
//!
//! What a poller is, is a contract of names, kept by `epoll`, `poll` and `kqueue`, and by `miri` as far as it goes:
//!
//! | name | what it does |
//! |---|---|
//! | `new()` | opens it |
//! | `arm(fd, Interest, known)` | tells the kernel what to report; `known` says whether it already knows `fd` |
//! | `disarm(fd)` | report nothing more of `fd`; an unknown `fd` is no error |
//! | `wait(&mut Events, timeout)` | fills `Events`; the only call that may run while other threads hold the interpreter |
//! | `notifier()` | what ends a `wait` from another thread |
//! | `descriptor()` | what is readable when a `wait` would find something; `None` where a poller has no such thing |
//!
//! All are level-triggered. An error or hang-up is reported in each direction that was armed, as asyncio's selectors do.

#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
mod epoll;
#[cfg(target_vendor = "apple")]
mod kqueue;
#[cfg(miri)]
mod miri;
mod notify;
mod poll;
mod registry;

use std::cell::RefCell;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
use epoll::Epoll as Native;
#[cfg(target_vendor = "apple")]
use kqueue::Kqueue as Native;
#[cfg(miri)]
use miri::Spin as Native;
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
use poll::Poll as Native;

pub use notify::Notifier;
pub use registry::Listener;
use registry::Registry;

/// The variable that forces a poller: `poll` for the portable one.
pub const POLLER_VARIABLE: &str = "FERRIO_POLLER";

/// One of the two things to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Data, a connection, an end of stream or an error.
    Read,
    /// Room, an established connection or an error.
    Write,
}

/// What the kernel is told to report of one descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// Report one event, then nothing until armed again.
    pub(crate) once: bool,
}

impl Interest {
    pub(crate) fn is_none(self) -> bool {
        !(self.read || self.write)
    }
}

/// One descriptor that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) fd: RawFd,
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// What one `wait` found.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) list: Vec<Event>,
}

#[derive(Debug)]
enum Poller {
    Native(Native),
    Portable(poll::Poll),
}

/// Registry and poller of one loop.
#[derive(Debug)]
pub struct Reactor {
    poller: Poller,
    registry: RefCell<Registry>,
    events: RefCell<Events>,
}

impl Reactor {
    /// Opens the platform's poller, or the portable one where `FERRIO_POLLER=poll` asks for it.
    ///
    /// # Errors
    /// When the kernel refuses one, or the variable names a poller that does not exist.
    pub fn new() -> io::Result<Self> {
        let poller = match std::env::var(POLLER_VARIABLE).as_deref() {
            Err(_) | Ok("" | "auto") => Poller::Native(Native::new()?),
            Ok("poll") => Poller::Portable(poll::Poll::new()?),
            Ok(name) if name == Native::NAME => Poller::Native(Native::new()?),
            Ok(other) => {
                let known =
                    format!("{POLLER_VARIABLE} is {other:?}; it can be 'auto', 'poll' or '{}'", Native::NAME);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, known));
            }
        };
        Ok(Reactor { poller, registry: RefCell::default(), events: RefCell::default() })
    }

    /// The poller in use, by name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.poller {
            Poller::Native(_) => Native::NAME,
            Poller::Portable(_) => poll::Poll::NAME,
        }
    }

    /// Sets who is told when `fd` is ready in `direction`, in the place of whoever was.
    ///
    /// # Errors
    /// When the kernel cannot watch `fd`: it is closed, or a regular file. Of a number that was closed while it was watched
    /// the kernel may go on to report the same as before: who takes the place of a listener learns of no error.
    pub fn listen(&self, fd: RawFd, direction: Direction, listener: Listener) -> io::Result<()> {
        let mut registry = self.registry.borrow_mut();
        if !registry.has_place(fd) {
            exists(fd)?;
        }
        let old = registry.replace(fd, direction, listener)?;
        let same = old.is_somebody() && registry.change(fd).is_none();
        if old.is_somebody() {
            // Whoever listened may have closed the descriptor without a word, and this be another of the same number.
            registry.doubt(fd);
        }
        match self.sync(&mut registry, fd) {
            Err(error) if same && is_closed(&error) => registry.trust(fd),
            Err(error) => {
                let refused = registry.replace(fd, direction, old)?;
                drop(registry);
                drop(refused);
                return Err(error);
            }
            Ok(()) => {}
        }
        drop(registry);
        drop(old);
        Ok(())
    }

    /// Nobody is told any more when `fd` is ready in `direction`. A descriptor that was closed meanwhile is no error.
    ///
    /// # Errors
    /// When it was closed while both directions were watched: of the other one the kernel says what it likes. See `forsake`.
    pub fn ignore(&self, fd: RawFd, direction: Direction) -> io::Result<()> {
        let mut registry = self.registry.borrow_mut();
        let Ok(old) = registry.replace(fd, direction, Listener::Nobody) else { return Ok(()) };
        let result = self.sync(&mut registry, fd);
        if result.is_err() {
            registry.forget(fd);
        }
        drop(registry);
        drop(old);
        result.or_else(|error| if is_closed(&error) { Err(error) } else { Ok(()) })
    }

    /// Nobody is told of `fd` any more, which is closed; the kernel is not asked. A future finds out for itself.
    pub fn forsake(&self, fd: RawFd) {
        for direction in [Direction::Read, Direction::Write] {
            let mut registry = self.registry.borrow_mut();
            registry.forget(fd);
            let listener = registry.replace(fd, direction, Listener::Nobody);
            drop(registry);
            if let Ok(Listener::Waker(waker)) = listener {
                waker.wake();
            }
        }
    }

    /// Whether anybody waits for any descriptor. Looks at all of them.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.registry.borrow().has_listener()
    }

    /// Waits for events. Touches the kernel and the event list only: see the module's table.
    ///
    /// # Errors
    /// Whatever the poller met; `Interrupted` when a signal arrived.
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        let mut events = self.events.borrow_mut();
        events.list.clear();
        match &self.poller {
            Poller::Native(poller) => poller.wait(&mut events, timeout),
            Poller::Portable(poller) => poller.wait(&mut events, timeout),
        }
    }

    /// Tells every listener of what `wait` found: wakers are woken, `own` is called for the loop's own.
    pub fn dispatch(&self, mut own: impl FnMut(RawFd, Direction)) {
        let list = std::mem::take(&mut self.events.borrow_mut().list);
        for event in &list {
            for (direction, ready) in [(Direction::Read, event.read), (Direction::Write, event.write)] {
                if ready {
                    self.tell(event.fd, direction, &mut own);
                }
            }
            self.settle(event.fd);
        }
        // Made anew each time, `echo_protocol` would take 5 % more instructions.
        self.events.borrow_mut().list = list;
    }

    /// What ends a `wait` from another thread.
    #[must_use]
    pub fn notifier(&self) -> Notifier {
        match &self.poller {
            Poller::Native(poller) => poller.notifier(),
            Poller::Portable(poller) => poller.notifier(),
        }
    }

    /// What is readable when a `wait` would find something: another loop can watch it in this one's place. `None` where the
    /// poller has no descriptor of its own, as poll(2) has none.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.poller {
            Poller::Native(poller) => poller.descriptor(),
            Poller::Portable(poller) => poller.descriptor(),
        }
    }

    fn tell(&self, fd: RawFd, direction: Direction, own: &mut impl FnMut(RawFd, Direction)) {
        let listener = self.registry.borrow_mut().fired(fd, direction);
        match listener {
            Listener::Loop { .. } => own(fd, direction),
            Listener::Waker(waker) => waker.wake(),
            Listener::Nobody => {}
        }
    }

    /// After events: one-shot arming is used up, and a descriptor nobody listens to any more is let go.
    fn settle(&self, fd: RawFd) {
        let mut registry = self.registry.borrow_mut();
        registry.disarmed_if_once(fd);
        if self.sync(&mut registry, fd).is_err() {
            registry.forget(fd);
        }
    }

    /// Tells the kernel what the registry wants, when that differs from what it was told.
    fn sync(&self, registry: &mut Registry, fd: RawFd) -> io::Result<()> {
        let Some(change) = registry.change(fd) else { return Ok(()) };
        if change.wanted.is_none() {
            if change.keep {
                return Ok(());
            }
            match &self.poller {
                Poller::Native(poller) => poller.disarm(fd),
                Poller::Portable(poller) => poller.disarm(fd),
            }
            registry.forget(fd);
            return Ok(());
        }
        match &self.poller {
            Poller::Native(poller) => poller.arm(fd, change.wanted, change.known)?,
            Poller::Portable(poller) => poller.arm(fd, change.wanted, change.known)?,
        }
        registry.armed(fd, change.wanted);
        Ok(())
    }
}

fn is_closed(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::BADF.raw_os_error())
}

/// The tables grow for open descriptors only: any number a program comes up with would make them fill the memory.
fn exists(fd: RawFd) -> io::Result<()> {
    if fd < 0 {
        return Err(rustix::io::Errno::BADF.into());
    }
    // SAFETY: the number is only passed to the kernel, which answers EBADF for one that is not open.
    let source = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(rustix::io::fcntl_getfd(source).map(drop)?)
}
