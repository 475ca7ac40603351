//! The portable poller, on poll(2). Slower with many descriptors, but everywhere; forced with `FERRIO_POLLER=poll`.
//!
//! It keeps the interest list that other kernels keep for us. A wait works on a copy, so that the list may change while
//! it sleeps; the change then counts from the next wait.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::reactor::{Event, Events, Interest, Notifier};

#[derive(Debug)]
pub(crate) struct Poll {
    /// Behind a lock, since `wait` may run while others have the rest of the loop.
    armed: Mutex<BTreeMap<RawFd, Interest>>,
    notifier: Notifier,
}

impl Poll {
    pub(crate) const NAME: &'static str = "poll";

    pub(crate) fn new() -> io::Result<Self> {
        Ok(Poll { armed: Mutex::default(), notifier: Notifier::new()? })
    }

    /// Unlike poll(2) itself, refuses what epoll refuses: closed descriptors and regular files.
    pub(crate) fn arm(&self, fd: RawFd, interest: Interest, _known: bool) -> io::Result<()> {
        // SAFETY: the number is only passed to the kernel, which answers EBADF for one that is not open.
        let kind = rustix::fs::FileType::from_raw_mode(
            rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(fd) })?.st_mode,
        );
        if matches!(kind, rustix::fs::FileType::RegularFile | rustix::fs::FileType::Directory) {
            return Err(Errno::PERM.into());
        }
        self.armed().insert(fd, interest);
        Ok(())
    }

    pub(crate) fn disarm(&self, fd: RawFd) {
        self.armed().remove(&fd);
    }

    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let bell = self.notifier.readable();
        let mut fds = vec![PollFd::new(&bell, PollFlags::IN)];
        for (&fd, &interest) in &*self.armed() {
            // SAFETY: as in `arm`; a descriptor closed meanwhile is reported as POLLNVAL.
            fds.push(PollFd::from_borrowed_fd(unsafe { BorrowedFd::borrow_raw(fd) }, flags(interest)));
        }
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        poll(&mut fds, timeout.as_ref())?;
        if !fds[0].revents().is_empty() {
            self.notifier.drain();
        }
        for ready in &fds[1..] {
            self.report(ready.as_raw(), ready.revents(), events);
        }
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "the contract of pollers")]
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    pub(crate) fn notifier(&self) -> Notifier {
        self.notifier.clone()
    }

    fn armed(&self) -> MutexGuard<'_, BTreeMap<RawFd, Interest>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, fd: RawFd, flags: PollFlags, events: &mut Events) {
        if flags.is_empty() {
            return;
        }
        let mut armed = self.armed();
        if flags.contains(PollFlags::NVAL) || armed.get(&fd).is_some_and(|interest| interest.once) {
            armed.remove(&fd);
        }
        if !flags.contains(PollFlags::NVAL) {
            let (read, write) = (flags & !PollFlags::OUT, flags & !PollFlags::IN);
            events.list.push(Event { fd, read: !read.is_empty(), write: !write.is_empty() });
        }
    }
}

/// The descriptor's number, for looking it up again.
trait Raw {
    fn as_raw(&self) -> RawFd;
}

impl Raw for PollFd<'_> {
    fn as_raw(&self) -> RawFd {
        std::os::fd::AsFd::as_fd(self).as_raw_fd()
    }
}

fn flags(interest: Interest) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, interest.read);
    flags.set(PollFlags::OUT, interest.write);
    flags
}
