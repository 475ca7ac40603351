//! The registry: for each descriptor who listens, and what the kernel was last told of it.
//!
//! Pure bookkeeping without system calls; the reactor brings kernel and registry into line. Tables indexed by
//! descriptor: the kernel hands out the lowest free number, so they stay dense. Wakers, which are larger than
//! all the rest, have a table of their own that a loop without Rust futures never makes.

use std::io;
use std::os::fd::RawFd;
use std::task::Waker;

use crate::reactor::{Direction, Interest};

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

    fn ear(&self) -> ListenerKind {
        match self {
            Listener::Nobody => ListenerKind::Nobody,
            Listener::Loop { once: false } => ListenerKind::Loop,
            Listener::Loop { once: true } => ListenerKind::LoopOnce,
            Listener::Waker(_) => ListenerKind::Waker,
        }
    }
}

/// A `Listener` without its waker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ListenerKind {
    #[default]
    Nobody,
    Loop,
    LoopOnce,
    Waker,
}

/// What the kernel should be told next.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) wanted: Interest,
    /// The kernel has heard of the descriptor and was not told to forget it.
    pub(super) known: bool,
    /// The kernel is silent by itself (a used-up one-shot), so that a wish for nothing needs no call: one more takes the path
    /// `echo_sock` 17 % more CPU time.
    pub(super) keep: bool,
}

#[derive(Debug, Default)]
struct Source {
    /// Who listens, to read and to write.
    ears: [ListenerKind; 2],
    armed: Interest,
    known: bool,
}

impl Source {
    fn wanted(&self) -> Interest {
        let [read, write] = self.ears.map(|ear| ear != ListenerKind::Nobody);
        Interest { read, write, once: (read || write) && !self.ears.contains(&ListenerKind::Loop) }
    }
}

/// The tables.
#[derive(Debug, Default)]
pub(super) struct Registry {
    sources: Vec<Source>,
    wakers: Vec<[Option<Waker>; 2]>,
}

impl Registry {
    /// Whether the tables reach as far as `fd`.
    pub(super) fn has_place(&self, fd: RawFd) -> bool {
        usize::try_from(fd).is_ok_and(|index| index < self.sources.len())
    }

    /// Whether anybody listens to any descriptor.
    pub(super) fn has_listener(&self) -> bool {
        self.sources.iter().any(|source| !source.wanted().is_none())
    }

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
        let old = std::mem::replace(&mut self.sources[index].ears[side(direction)], listener.ear());
        let waker = self.wakers.get_mut(index).and_then(|wakers| wakers[side(direction)].take());
        if let Listener::Waker(waker) = listener {
            if index >= self.wakers.len() {
                self.wakers.resize_with(index + 1, Default::default);
            }
            self.wakers[index][side(direction)] = Some(waker);
        }
        Ok(match (old, waker) {
            (ListenerKind::Loop, _) => Listener::Loop { once: false },
            (ListenerKind::LoopOnce, _) => Listener::Loop { once: true },
            (_, Some(waker)) => Listener::Waker(waker),
            (_, None) => Listener::Nobody,
        })
    }

    /// Who is to be told of an event; a one-time listener is taken out.
    pub(super) fn fired(&mut self, fd: RawFd, direction: Direction) -> Listener {
        match self.source(fd).map(|source| source.ears[side(direction)]) {
            Some(ListenerKind::Loop) => Listener::Loop { once: false },
            _ => self.replace(fd, direction, Listener::Nobody).unwrap_or_default(),
        }
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

    /// Undoes `doubt`: the kernel was told what is wanted.
    pub(super) fn trust(&mut self, fd: RawFd) {
        if let Some(source) = self.source(fd) {
            source.armed = source.wanted();
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

fn side(direction: Direction) -> usize {
    match direction {
        Direction::Read => 0,
        Direction::Write => 1,
    }
}
