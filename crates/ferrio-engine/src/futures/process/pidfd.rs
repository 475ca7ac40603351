//! A child as a descriptor (Linux 5.4): readable when the child has ended, and never another process's, even when
//! foreign code reaped the child and its pid was given away. `no_pidfd` stands in for it elsewhere, with equal names.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::futures::source::Source;
use crate::reactor::Direction;

/// Shared by the task that waits and the handle that signals.
#[derive(Clone, Debug)]
pub(super) struct PidFd(Arc<OwnedFd>);

impl PidFd {
    /// `None` where the kernel is older, or the sandbox around it refuses.
    pub(super) fn open(pid: Pid) -> Option<Self> {
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        // Linux 5.3 gives pidfds, but does not let them be waited for.
        (!matches!(ended(&pidfd), Err(Errno::INVAL))).then(|| PidFd(Arc::new(pidfd)))
    }

    /// Completes when the child has ended; leaves it to be reaped.
    pub(super) async fn exited(self) -> io::Result<()> {
        let look =
            |pidfd: &Arc<OwnedFd>| if ended(pidfd)? { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) };
        Source::of_non_blocking(self.0)?.attempt(Direction::Read, look).await
    }

    pub(super) fn send(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.0, signal)?)
    }
}

fn ended(pidfd: &OwnedFd) -> Result<bool, Errno> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    Ok(waitid(WaitId::PidFd(pidfd.as_fd()), options)?.is_some())
}
