//! The poller of Linux. The kernel keeps the interest list, so a wait costs what is ready, not what is watched.
//!
//! Descriptors belong to the caller and may be closed and reused behind our back, so what the kernel knows of one is a
//! guess: where it is wrong (`ENOENT`, `EEXIST`) the other call is made.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::io::Errno;

use crate::reactor::{Event, Events, Interest, Notifier};

/// How many events one wait takes at most; the rest waits in the kernel for the next turn.
const BATCH: usize = 256;

/// A wait shorter than this is timed to the nanosecond; for longer ones the millisecond that epoll counts in is fine
/// enough, and one system call is less than two.
const SHORT: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Epoll {
    epoll: OwnedFd,
    notifier: Notifier,
}

impl Epoll {
    pub(crate) const NAME: &'static str = "epoll";

    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let notifier = Notifier::new()?;
        let bell = notifier.readable();
        // Told of each ring once, so that nobody has to read what rang: a system call less for each.
        epoll::add(&epoll, bell, data(bell.as_raw_fd()), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        Ok(Epoll { epoll, notifier })
    }

    pub(crate) fn arm(&self, fd: RawFd, interest: Interest, known: bool) -> io::Result<()> {
        // SAFETY: the number is only passed to the kernel, which answers EBADF for one that is not open.
        let source = unsafe { BorrowedFd::borrow_raw(fd) };
        let flags = flags(interest);
        let add = || epoll::add(&self.epoll, source, data(fd), flags);
        let modify = || epoll::modify(&self.epoll, source, data(fd), flags);
        match if known { modify() } else { add() } {
            Err(Errno::NOENT) => Ok(add()?),
            Err(Errno::EXIST) => Ok(modify()?),
            result => Ok(result?),
        }
    }

    pub(crate) fn disarm(&self, fd: RawFd) {
        // SAFETY: as in `arm`. A closed descriptor has left the interest list by itself.
        let _gone_already = epoll::delete(&self.epoll, unsafe { BorrowedFd::borrow_raw(fd) });
    }

    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let mut timeout = timeout;
        if let Some(fine) = timeout.filter(|timeout| is_fine(*timeout)) {
            if !self.is_ready_within(fine)? {
                return Ok(());
            }
            timeout = Some(Duration::ZERO);
        }
        let rest = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut buffer = [const { std::mem::MaybeUninit::uninit() }; BATCH];
        let (ready, _) = epoll::wait(&self.epoll, &mut buffer[..], rest.as_ref())?;
        let bell = self.notifier.readable().as_raw_fd();
        for event in &*ready {
            #[expect(clippy::cast_possible_truncation, reason = "`data` stored a RawFd")]
            let fd = event.data.u64() as RawFd;
            if fd == bell {
                continue;
            }
            // Errors and hang-ups belong to both directions, as in asyncio's EpollSelector.
            let flags = event.flags;
            events.list.push(Event {
                fd,
                read: !(flags & !epoll::EventFlags::OUT).is_empty(),
                write: !(flags & !epoll::EventFlags::IN).is_empty(),
            });
        }
        Ok(())
    }

    pub(crate) fn notifier(&self) -> Notifier {
        self.notifier.clone()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the contract of pollers")]
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.epoll.as_fd())
    }

    /// A short wait for a fraction of epoll's milliseconds, by ppoll(2) on the epoll descriptor: `epoll_pwait2` would do both in
    /// one call, but sandboxes refuse it, and so do kernels before 5.11.
    fn is_ready_within(&self, timeout: Duration) -> io::Result<bool> {
        let time = Timespec::try_from(timeout).ok();
        Ok(poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], time.as_ref())? > 0)
    }
}

/// Whether epoll itself, which counts in whole milliseconds and rounds up, would wait too long.
fn is_fine(timeout: Duration) -> bool {
    timeout < SHORT && !timeout.subsec_nanos().is_multiple_of(1_000_000)
}

fn data(fd: RawFd) -> epoll::EventData {
    #[expect(clippy::cast_sign_loss, reason = "round trip of an open descriptor, which is not negative")]
    epoll::EventData::new_u64(fd as u64)
}

fn flags(interest: Interest) -> epoll::EventFlags {
    let mut flags = epoll::EventFlags::empty();
    flags.set(epoll::EventFlags::IN, interest.read);
    flags.set(epoll::EventFlags::OUT, interest.write);
    flags.set(epoll::EventFlags::ONESHOT, interest.once);
    flags
}
