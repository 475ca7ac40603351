//! Child processes as futures: `spawn`, `Child::wait`, `Child::signal`, and pipes to talk to one.
//!
//! A child is started on a thread of the blocking pool, since fork and exec block. From then on one task of the loop
//! watches it (`exit`) and reaps it the moment it ends, whether or not anybody waits, so there are no zombies.
//!
//! ```text
//! running ──exit seen──▶ reaped: Ended::Status, waiters woken
//!    └──loop closed, or the system refused──▶ Ended::Lost; a thread reaps it
//! ```
//!
//! Only the child's own pid is ever waited for, never "any child", which would steal the children of others. A signal is
//! sent only while the child is not reaped, on the thread that reaps it, so it never hits a reused pid.
//!
//! The thread that starts a child may end before it: `PR_SET_PDEATHSIG` in a `pre_exec` hook means that thread.

mod exit;
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "no_pidfd.rs")]
mod pidfd;

use std::cell::{Cell, RefCell};
use std::io;
use std::process::{Command, ExitStatus};
use std::rc::Rc;
use std::task::{Poll, Waker};

use rustix::process::Signal;
use slab::Slab;

use crate::event_loop::core::Core;
use crate::futures::source::Source;
use exit::{Process, Unclaimed};

/// Where a child's output is read from.
pub type PipeReader = Source<io::PipeReader>;
/// Where a child's input is written to; dropped, the child reads the end of its input.
pub type PipeWriter = Source<io::PipeWriter>;

/// Starts `command`, with its standard streams as configured there.
///
/// A child whose start was abandoned by dropping the future is killed: nobody has learnt of it.
///
/// # Errors
/// When the program cannot be started; when no loop runs on this thread.
pub async fn spawn(command: Command) -> io::Result<Child> {
    spawn_watched(command, Process::start).await
}

async fn spawn_watched(
    mut command: Command,
    start: fn(&mut Command) -> io::Result<Process>,
) -> io::Result<Child> {
    let core = Core::require()?;
    let started = core.blocking().run(move || start(&mut command).map(Unclaimed::new))?;
    let Some(unclaimed) = started.await else {
        return Err(io::Error::other("the thread that was to start the process gave no answer"));
    };
    let mut unclaimed = unclaimed?;
    let (stdin, stdout, stderr) = unclaimed.take_pipes();
    let stdin = stdin.map(PipeWriter::new).transpose()?;
    let stdout = stdout.map(PipeReader::new).transpose()?;
    let stderr = stderr.map(PipeReader::new).transpose()?;
    let process = unclaimed.claim()?;
    let shared = Rc::new(Shared {
        id: process.id(),
        process: RefCell::new(Some(process)),
        ended: Cell::new(None),
        waiters: RefCell::default(),
    });
    let watch = Watch(shared.clone());
    core.spawn(async move { watch.run().await }).detach();
    Ok(Child { shared, stdin, stdout, stderr })
}

/// A child process. Dropping it closes our ends of its pipes and lets it run on; it is reaped all the same.
#[derive(Debug)]
pub struct Child {
    shared: Rc<Shared>,
    /// The child's input, when the command asked for a pipe.
    pub stdin: Option<PipeWriter>,
    /// The child's output, when the command asked for a pipe.
    pub stdout: Option<PipeReader>,
    /// The child's error output, when the command asked for a pipe.
    pub stderr: Option<PipeReader>,
}

impl Child {
    /// The process id. After the child was reaped the system may give it to another process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.shared.id
    }

    /// How the child ended, once it has been reaped.
    #[must_use]
    pub fn status(&self) -> Option<ExitStatus> {
        match self.shared.ended.get() {
            Some(Ended::Status(status)) => Some(status),
            _ => None,
        }
    }

    /// Waits for the end of the child. Any number of tasks may wait; its pipes stay open.
    ///
    /// # Errors
    /// When the child's status is lost: its loop was closed, or something else in this program waited for it.
    pub async fn wait(&self) -> io::Result<ExitStatus> {
        let mut waiter = Waiter { shared: &self.shared, key: None };
        std::future::poll_fn(|context| match self.shared.ended.get() {
            Some(Ended::Status(status)) => Poll::Ready(Ok(status)),
            Some(Ended::Lost(cause)) => Poll::Ready(Err(lost(self.shared.id, cause))),
            None => {
                waiter.remember(context.waker());
                Poll::Pending
            }
        })
        .await
    }

    /// Sends `signal` to the child.
    ///
    /// # Errors
    /// `NotFound` when the child has ended already; what the system reports.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match &*self.shared.process.borrow() {
            Some(process) => process.signal(signal),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("process {} has ended already, so it cannot be sent a signal", self.shared.id),
            )),
        }
    }

    /// Sends `SIGKILL` to the child, which it cannot refuse.
    ///
    /// # Errors
    /// As `signal`.
    pub fn kill(&self) -> io::Result<()> {
        self.signal(Signal::KILL)
    }
}

/// What the child's handle and the task that watches it both see.
#[derive(Debug)]
struct Shared {
    id: u32,
    /// Taken when the child has been reaped, and when its loop was closed.
    process: RefCell<Option<Process>>,
    ended: Cell<Option<Ended>>,
    waiters: RefCell<Slab<Waker>>,
}

impl Shared {
    /// Nothing is borrowed when wakers run and when the process is dropped.
    fn end(&self, ended: Ended) {
        if self.ended.get().is_none() {
            self.ended.set(Some(ended));
        }
        let process = self.process.take();
        let waiters = self.waiters.take();
        drop(process);
        waiters.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

#[derive(Clone, Copy, Debug)]
enum Ended {
    Status(ExitStatus),
    /// With the system's error number; none when the loop was closed.
    Lost(Option<i32>),
}

/// The task that watches a child. Dropped before its end, it leaves the child to a thread.
struct Watch(Rc<Shared>);

impl Watch {
    async fn run(self) {
        let exited = self.0.process.borrow().as_ref().map(Process::exited);
        let result = match exited {
            Some(exited) => exited.await.and_then(|()| self.reap()),
            None => return,
        };
        self.0.end(match result {
            Ok(status) => Ended::Status(status),
            Err(error) => Ended::Lost(error.raw_os_error()),
        });
    }

    fn reap(&self) -> io::Result<ExitStatus> {
        let mut process = self.0.process.borrow_mut();
        process.as_mut().map_or_else(|| Err(io::ErrorKind::NotFound.into()), Process::reap)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.end(Ended::Lost(None));
    }
}

/// One `wait()`; forgotten when dropped.
struct Waiter<'a> {
    shared: &'a Shared,
    key: Option<usize>,
}

impl Waiter<'_> {
    fn remember(&mut self, waker: &Waker) {
        // Cloned before the borrow, dropped after it: each may run the program's own code.
        let waker = waker.clone();
        let mut waiters = self.shared.waiters.borrow_mut();
        let old = if let Some(known) = self.key.and_then(|key| waiters.get_mut(key)) {
            Some(std::mem::replace(known, waker))
        } else {
            self.key = Some(waiters.insert(waker));
            None
        };
        drop(waiters);
        drop(old);
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let waker = self.key.and_then(|key| self.shared.waiters.borrow_mut().try_remove(key));
        drop(waker);
    }
}

fn lost(id: u32, cause: Option<i32>) -> io::Error {
    match cause {
        Some(number) => {
            let cause = io::Error::from_raw_os_error(number);
            let remedy = "leave its reaping to this loop: no waitpid(-1), and SIGCHLD not ignored";
            io::Error::new(cause.kind(), format!("the status of process {id} is lost ({cause}); {remedy}"))
        }
        None => io::Error::other(format!("the loop that watched process {id} was closed")),
    }
}

#[cfg(all(test, not(miri)))]
mod tests;
