//! `Process`: a child that is not reaped yet, and how its end is noticed: by a pidfd (`pidfd`), which the poller watches
//! like any descriptor, or where the system has none, by a thread that sleeps in `waitid`.
//!
//! Both only notice: `WNOWAIT` leaves the child for `reap`, so whoever owns the `Process` decides when its pid becomes
//! free. Invariant: a `Process` is reaped exactly once, by `reap` or, when dropped before, by a thread.
//!
//! Waiting threads have a pool of their own, one thread per child as in asyncio's `ThreadedChildWatcher`: 32 long-lived
//! children must not use up the threads that other blocking calls, starting children among them, need.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::LazyLock;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use crate::event_loop::pool::Pool;
use crate::futures::process::pidfd::PidFd;

static WAITING: LazyLock<Pool> = LazyLock::new(|| Pool::new("ferrio-waitid", usize::MAX));

/// See the module.
#[derive(Debug)]
pub(super) struct Process {
    /// Taken when it has been reaped, or left to a thread.
    child: Option<Child>,
    pid: Pid,
    /// `None` when the system has no pidfds or refused this one.
    pidfd: Option<PidFd>,
}

impl Process {
    /// Starts `command`. Blocks.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let mut process = Self::start_without_pidfd(command)?;
        // The pid cannot have changed hands: a child that has ended keeps it until it is reaped.
        process.pidfd = PidFd::open(process.pid);
        Ok(process)
    }

    /// As `start`, as it would be where there are no pidfds.
    pub(super) fn start_without_pidfd(command: &mut Command) -> io::Result<Self> {
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the system gave a process id that is none"))?;
        Ok(Process { child: Some(child), pid, pidfd: None })
    }

    pub(super) fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Completes when the child has ended and waits to be reaped.
    pub(super) fn exited(&self) -> impl Future<Output = io::Result<()>> + use<> {
        let (pid, pidfd) = (self.pid, self.pidfd.clone());
        async move {
            // A poller that cannot take the pidfd, out of watches for one, is no reason to lose the status.
            if let Some(pidfd) = pidfd
                && pidfd.exited().await.is_ok()
            {
                return Ok(());
            }
            exited_by_thread(pid).await
        }
    }

    /// Takes the status of a child that has ended, and frees its pid.
    pub(super) fn reap(&mut self) -> io::Result<ExitStatus> {
        let child = self.child.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let status = child.try_wait()?.ok_or(io::ErrorKind::WouldBlock)?;
        self.child = None;
        Ok(status)
    }

    /// Sends `signal`. The child is not reaped, so the pid is still its own, unless foreign code waited for it; a pidfd
    /// is its own even then.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        match &self.pidfd {
            Some(pidfd) => pidfd.send(signal),
            None => Ok(rustix::process::kill_process(self.pid, signal)?),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if matches!(child.try_wait(), Ok(None)) {
            // Refused when no thread can be started: then a zombie stays until this program ends.
            let _zombie = WAITING.submit(move || drop(child.wait()));
        }
    }
}

/// A child that was started but that nobody has taken yet; killed when nobody does.
#[derive(Debug)]
pub(super) struct Unclaimed(Option<Process>);

/// Our ends of a child's input, output and error output.
pub(super) type Pipes = (Option<io::PipeWriter>, Option<io::PipeReader>, Option<io::PipeReader>);

impl Unclaimed {
    pub(super) fn new(process: Process) -> Self {
        Unclaimed(Some(process))
    }

    pub(super) fn take_pipes(&mut self) -> Pipes {
        let Some(child) = self.0.as_mut().and_then(|process| process.child.as_mut()) else {
            return Pipes::default();
        };
        (
            child.stdin.take().map(|pipe| OwnedFd::from(pipe).into()),
            child.stdout.take().map(|pipe| OwnedFd::from(pipe).into()),
            child.stderr.take().map(|pipe| OwnedFd::from(pipe).into()),
        )
    }

    pub(super) fn claim(mut self) -> io::Result<Process> {
        self.0.take().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(process) = self.0.take() {
            let _already_ended = process.signal(Signal::KILL);
        }
    }
}

async fn exited_by_thread(pid: Pid) -> io::Result<()> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let wait = move || rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), options)).map(drop);
    match WAITING.run(wait)?.await {
        Some(result) => Ok(result?),
        None => Err(io::Error::other("the waiting thread gave no answer")),
    }
}
