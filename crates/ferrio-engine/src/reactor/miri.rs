//! The poller under Miri, which interprets neither level-triggered epoll nor ppoll(2): it hears the bell, and nothing else.
//!
//! So the loop, its tasks, timers, inbox and pools run there with their threads, and what watches descriptors does not: to
//! arm one is an error. A wait spins, since Miri passes other threads their turn and its own clock moves with each step.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use crate::reactor::{Events, Interest, Notifier};

#[derive(Debug)]
pub(crate) struct Spin {
    notifier: Notifier,
}

impl Spin {
    pub(crate) const NAME: &'static str = "miri";

    pub(crate) fn new() -> io::Result<Self> {
        Ok(Spin { notifier: Notifier::new()? })
    }

    #[expect(clippy::unused_self, reason = "the contract of pollers")]
    pub(crate) fn arm(&self, _fd: RawFd, _interest: Interest, _known: bool) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "descriptors cannot be watched under Miri"))
    }

    #[expect(clippy::unused_self, reason = "the contract of pollers")]
    pub(crate) fn disarm(&self, _fd: RawFd) {}

    #[expect(clippy::unnecessary_wraps, reason = "the contract of pollers")]
    pub(crate) fn wait(&self, _events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let start = Instant::now();
        let mut count = [0_u8; 8];
        while rustix::io::read(self.notifier.readable(), &mut count).is_err()
            && timeout.is_none_or(|timeout| start.elapsed() < timeout)
        {
            std::thread::yield_now();
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
}
