//! What wakes a sleeping poller: a descriptor that becomes readable. A poller that is told of it more than once drains it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

#[cfg(any(target_os = "linux", target_os = "android"))]
type PipeEnds = OwnedFd;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
type PipeEnds = (OwnedFd, OwnedFd);

/// Ends a `wait` from any thread. Clones ring the same bell.
#[derive(Clone, Debug)]
pub struct Notifier {
    ends: Arc<PipeEnds>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Notifier {
    pub(crate) fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Notifier { ends: Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?) })
    }

    /// Makes the descriptor readable. The one possible failure, a full counter, means that it already is.
    pub fn notify(&self) {
        let _already_readable = rustix::io::write(&*self.ends, &1_u64.to_ne_bytes());
    }

    /// What the poller watches.
    pub(crate) fn readable(&self) -> BorrowedFd<'_> {
        self.ends.as_fd()
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Notifier {
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = rustix::pipe::pipe()?;
        for end in [&reader, &writer] {
            rustix::io::ioctl_fionbio(end, true)?;
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        }
        Ok(Notifier { ends: Arc::new((reader, writer)) })
    }

    /// Makes the descriptor readable. The one possible failure, a full pipe, means that it already is.
    pub fn notify(&self) {
        let _already_readable = rustix::io::write(&self.ends.1, &[1]);
    }

    /// What the poller watches.
    pub(crate) fn readable(&self) -> BorrowedFd<'_> {
        self.ends.0.as_fd()
    }
}

impl Notifier {
    /// Makes the descriptor unreadable again. Nothing to read is as good.
    pub(crate) fn drain(&self) {
        let mut sink = [0_u8; 64];
        while rustix::io::read(self.readable(), &mut sink).is_ok_and(|count| count == sink.len()) {}
    }
}
