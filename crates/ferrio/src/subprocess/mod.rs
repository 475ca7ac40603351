//! Child processes: `create_subprocess_exec` and `create_subprocess_shell`, and the `Process` one becomes.
//!
//! The engine starts a child on a thread and reaps it the moment it ends, whoever waits, so there are no zombies. The pipes to
//! it are descriptors that the loop watches (`pipes`). A virtual clock waits for children, as for all that only the real world
//! can end.

mod command;
mod pipes;

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use ferrio_engine::process as engine;

use crate::events::LoopState;
use crate::signals::{SIGKILL, SIGTERM, Signal};
use crate::threads::Outside;

pub use command::{
    Command, DEVNULL, INHERIT, PIPE, STDOUT, Stdio, create_subprocess_exec, create_subprocess_shell,
};
pub use pipes::{PipeReader, PipeWriter};

/// A child process. Dropping it closes our ends of its pipes and lets it run on, unless it is to be killed then; it is reaped
/// in any case.
///
/// ```
/// use ferrio::signals::SIGTERM;
/// use ferrio::subprocess::create_subprocess_exec;
///
/// ferrio::run(async {
///     let process = create_subprocess_exec("sleep", ["1000"]).await?;
///     process.terminate()?;
///     process.wait().await?;
///     assert_eq!(process.returncode(), Some(-SIGTERM.number()));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Process {
    child: engine::Child,
    kill_on_drop: bool,
    /// The child's input, where the command asked for a pipe. Dropped, the child reads the end of its input.
    pub stdin: Option<PipeWriter>,
    /// The child's output, where the command asked for a pipe.
    pub stdout: Option<PipeReader>,
    /// The child's error output, where the command asked for a pipe.
    pub stderr: Option<PipeReader>,
}

impl Process {
    /// The process id. Once the child has ended, the system may give it to another process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How the child ended: its code, or less than zero, the number of the signal that ended it. `None` while it runs.
    #[must_use]
    pub fn returncode(&self) -> Option<i32> {
        let status = self.status()?;
        status.code().or_else(|| status.signal().map(|number| -number))
    }

    /// As `returncode`, as the standard library has it.
    #[must_use]
    pub fn status(&self) -> Option<ExitStatus> {
        self.child.status()
    }

    /// Waits for the child's end. Any number of tasks may. A child that has more to say than a pipe holds does not end before
    /// somebody reads it: `communicate` does.
    ///
    /// # Errors
    /// When the status is lost: something else in this program waited for the child.
    pub async fn wait(&self) -> io::Result<ExitStatus> {
        let _outside = Outside::of(LoopState::require("Process::wait"));
        self.child.wait().await
    }

    /// Gives the child its input and the end of it, reads what it says on both outputs, and waits for its end. All at a time, so
    /// that neither side waits for the other for ever. What is no pipe gives nothing.
    ///
    /// A child that does not want all of its input is no error. Dropped half-way, what was read by then stays with the pipes.
    ///
    /// # Errors
    /// `InvalidInput` when there is input and no pipe for it; the system's; as `wait`.
    ///
    /// ```
    /// use ferrio::subprocess::{PIPE, create_subprocess_exec};
    ///
    /// let (output, _) = ferrio::run(async {
    ///     let mut process = create_subprocess_exec("tr", ["a-z", "A-Z"]).stdin(PIPE).stdout(PIPE).await?;
    ///     process.communicate("hello").await
    /// })?;
    /// assert_eq!(output, b"HELLO");
    /// # std::io::Result::Ok(())
    /// ```
    pub async fn communicate(&mut self, input: impl AsRef<[u8]>) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let input = input.as_ref();
        if !input.is_empty() && self.stdin.is_none() {
            let message =
                "communicate: there is input, but stdin is no pipe; start the process with stdin(PIPE)";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let feeding = feed(&mut self.stdin, input);
        let (fed, output, errors) =
            crate::gather!(feeding, read_all(self.stdout.as_mut()), read_all(self.stderr.as_mut())).await;
        self.wait().await?;
        fed?;
        Ok((output?, errors?))
    }

    /// Sends the child a signal.
    ///
    /// # Errors
    /// `NotFound` when the child has ended already; the system's.
    pub fn send_signal(&self, signal: Signal) -> io::Result<()> {
        self.child.signal(signal.raw())
    }

    /// Asks the child to end, with SIGTERM.
    ///
    /// # Errors
    /// As `send_signal`.
    pub fn terminate(&self) -> io::Result<()> {
        self.send_signal(SIGTERM)
    }

    /// Ends the child, with SIGKILL.
    ///
    /// # Errors
    /// As `send_signal`.
    pub fn kill(&self) -> io::Result<()> {
        self.send_signal(SIGKILL)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.kill_on_drop {
            let _ended_already = self.kill();
        }
    }
}

async fn feed(stdin: &mut Option<PipeWriter>, input: &[u8]) -> io::Result<()> {
    let written = match stdin {
        Some(stdin) => stdin.write_all(input).await,
        None => Ok(()),
    };
    *stdin = None;
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

async fn read_all(pipe: Option<&mut PipeReader>) -> io::Result<Vec<u8>> {
    match pipe {
        Some(pipe) => pipe.read_to_end().await,
        None => Ok(Vec::new()),
    }
}
