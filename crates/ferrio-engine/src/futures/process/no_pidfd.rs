//! What `pidfd` is where the system has none: a type without values, so that the code around it needs no conditions.

use std::io;

use rustix::process::{Pid, Signal};

/// Never made.
#[derive(Clone, Debug)]
pub(super) enum PidFd {}

impl PidFd {
    pub(super) fn open(_pid: Pid) -> Option<Self> {
        None
    }

    #[expect(clippy::unused_async, reason = "equal names and kinds as in `pidfd`")]
    pub(super) async fn exited(self) -> io::Result<()> {
        match self {}
    }

    pub(super) fn send(&self, _signal: Signal) -> io::Result<()> {
        match *self {}
    }
}
