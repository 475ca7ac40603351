//! The registry: for each descriptor who listens, and what the kernel was last told of it.
//!
//! Pure bookkeeping without system calls; the reactor brings kernel and registry into line. A table indexed by
//! descriptor: the kernel hands out the lowest free number, so the table stays dense.

use std::io;
use std::os::fd::RawFd;
use std::task::Waker;

use super::{Direction, Interest};

/// Who is told when a descriptor is ready.
#[derive(Debug, Default)]
pub enum Listener {
    /// Nobody.
    #[default]
    Nobody,
    /// The loop's own word for this descriptor: at each event, or once.
    Loop {
        /// Report one event and fall silent until asked again: one system call less than watching and unwatching.
        once: bool,
    },
    /// A future, woken once.
    Waker(Waker),
}

impl Listener {
    pub(super) fn is_somebody(&self) -> bool {
        !matches!(self, Listener::Nobody)
    }

    fn is_steady(&self) -> bool {
        matches!(self, Listener::Loop { once: false })
    }
}

/// What the kernel should be told next.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) wanted: Interest,
    /// The kernel has heard of the descriptor and was not told to forget it.
    pub(super) known: bool,
    /// The kernel is silent by itself (a used-up one-shot), so that a wish for nothing needs no call.
    pub(super) keep: bool,
}

#[derive(Debug, Default)]
struct Source {
    read: Listener,
    write: Listener,
    armed: Interest,
    known: bool,
}

impl Source {
    fn listener(&mut self, direction: Direction) -> &mut Listener {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }

    fn wanted(&self) -> Interest {
        let (read, write) = (self.read.is_somebody(), self.write.is_somebody());
        let once = (read || write) && !self.read.is_steady() && !self.write.is_steady();
        Interest { read, write, once }
    }
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Registry {
    sources: Vec<Source>,
}

impl Registry {
    /// Puts `listener` in the place of the one returned.
    pub(super) fn replace(
        &mut self,
        fd: RawFd,
        direction: Direction,
        listener: Listener,
    ) -> io::Result<Listener> {
        let index = usize::try_from(fd).map_err(|_| io::Error::from(rustix::io::Errno::BADF))?;
        if index >= self.sources.len() {
            if !listener.is_somebody() {
                return Ok(Listener::Nobody);
            }
            self.sources.resize_with(index + 1, Source::default);
        }
        Ok(std::mem::replace(self.sources[index].listener(direction), listener))
    }

    /// Who is to be told of an event; a one-time listener is taken out.
    pub(super) fn fired(&mut self, fd: RawFd, direction: Direction) -> Listener {
        let Some(source) = self.source(fd) else { return Listener::Nobody };
        let listener = source.listener(direction);
        if listener.is_steady() { Listener::Loop { once: false } } else { std::mem::take(listener) }
    }

    /// The difference between what is wanted and what the kernel was told; `None` when there is none.
    pub(super) fn change(&mut self, fd: RawFd) -> Option<Change> {
        let source = self.source(fd)?;
        let wanted = source.wanted();
        let idle = wanted.is_none() && !source.known;
        (wanted != source.armed || (wanted.is_none() && source.known))
            .then(|| Change { wanted, known: source.known, keep: source.armed.is_none() })
            .filter(|_| !idle)
    }

    /// The kernel was told `interest`.
    pub(super) fn armed(&mut self, fd: RawFd, interest: Interest) {
        if let Some(source) = self.source(fd) {
            source.armed = interest;
            source.known = true;
        }
    }

    /// An event was reported: a one-shot arming is used up.
    pub(super) fn disarmed_if_once(&mut self, fd: RawFd) {
        if let Some(source) = self.source(fd)
            && source.armed.once
        {
            source.armed = Interest::default();
        }
    }

    /// What the kernel was told may be void: tell it again, whatever is wanted.
    pub(super) fn doubt(&mut self, fd: RawFd) {
        if let Some(source) = self.source(fd) {
            source.armed = Interest::default();
        }
    }

    /// The kernel knows nothing of `fd` any more.
    pub(super) fn forget(&mut self, fd: RawFd) {
        if let Some(source) = self.source(fd) {
            source.armed = Interest::default();
            source.known = false;
        }
    }

    fn source(&mut self, fd: RawFd) -> Option<&mut Source> {
        self.sources.get_mut(usize::try_from(fd).ok()?)
    }
}
