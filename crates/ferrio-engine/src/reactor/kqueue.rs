//! The poller of macOS. Read and write are two filters of one descriptor, each added or deleted by a change of its own.
//!
//! Untested: type-checked at most, since no such machine runs the tests.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::kqueue::{Event as Change, EventFilter, EventFlags, kevent_timespec, kqueue};

use crate::reactor::{Event, Events, Interest, Notifier};

/// How many events one wait takes at most; the rest waits in the kernel for the next turn.
const BATCH: usize = 256;

#[derive(Debug)]
pub(crate) struct Kqueue {
    queue: OwnedFd,
    notifier: Notifier,
}

impl Kqueue {
    pub(crate) const NAME: &'static str = "kqueue";

    pub(crate) fn new() -> io::Result<Self> {
        let queue = kqueue()?;
        rustix::io::fcntl_setfd(&queue, rustix::io::FdFlags::CLOEXEC)?;
        let poller = Kqueue { queue, notifier: Notifier::new()? };
        let bell = poller.notifier.readable().as_raw_fd();
        poller.change(EventFilter::Read(bell), EventFlags::ADD)?;
        Ok(poller)
    }

    pub(crate) fn arm(&self, fd: RawFd, interest: Interest, _known: bool) -> io::Result<()> {
        for (wanted, filter) in
            [(interest.read, EventFilter::Read(fd)), (interest.write, EventFilter::Write(fd))]
        {
            if wanted {
                let once = if interest.once { EventFlags::ONESHOT } else { EventFlags::empty() };
                self.change(filter, EventFlags::ADD | once)?;
            } else {
                let _was_not_there = self.change(filter, EventFlags::DELETE);
            }
        }
        Ok(())
    }

    pub(crate) fn disarm(&self, fd: RawFd) {
        for filter in [EventFilter::Read(fd), EventFilter::Write(fd)] {
            let _was_not_there = self.change(filter, EventFlags::DELETE);
        }
    }

    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let mut buffer = [const { std::mem::MaybeUninit::uninit() }; BATCH];
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        // SAFETY: no change is passed, so no descriptor has to be open.
        let (ready, _) = unsafe { kevent_timespec(&self.queue, &[], &mut buffer[..], timeout.as_ref()) }?;
        let bell = self.notifier.readable().as_raw_fd();
        for event in &*ready {
            match event.filter() {
                EventFilter::Read(fd) if fd == bell => self.notifier.drain(),
                EventFilter::Read(fd) => events.list.push(Event { fd, read: true, write: false }),
                EventFilter::Write(fd) => events.list.push(Event { fd, read: false, write: true }),
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn notifier(&self) -> Notifier {
        self.notifier.clone()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the contract of pollers")]
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.queue.as_fd())
    }

    fn change(&self, filter: EventFilter, flags: EventFlags) -> io::Result<()> {
        let change = Change::new(filter, flags, std::ptr::null_mut());
        let mut none: [std::mem::MaybeUninit<Change>; 0] = [];
        // SAFETY: a descriptor that is not open is answered with EBADF; the kernel keeps no pointer of ours.
        unsafe { kevent_timespec(&self.queue, &[change], &mut none[..], None) }?;
        Ok(())
    }
}
