//! `Command`: which program to start, and how. Awaiting it starts the program.

use std::ffi::OsStr;
use std::future::{Future, IntoFuture};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::pin::Pin;
use std::process;

use ferrio_engine::process as engine;

use crate::events::LoopState;
use crate::subprocess::{PipeReader, PipeWriter, Process};
use crate::threads::Outside;

/// What one of a child's three streams is. A file, a socket or the end of a pipe becomes one.
///
/// ```
/// use ferrio::subprocess::{PIPE, create_subprocess_exec};
///
/// ferrio::run(async {
///     let (reader, writer) = std::io::pipe()?;
///     let writes = create_subprocess_exec("echo", ["through a pipe"]).stdout(writer).await?;
///     let mut reads = create_subprocess_exec("cat", ["-"]).stdin(reader).stdout(PIPE).await?;
///     assert_eq!(reads.communicate("").await?.0, b"through a pipe\n");
///     assert!(writes.wait().await?.success());
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub enum Stdio {
    /// This program's own.
    Inherit,
    /// Nothing: reads its end, and swallows what is written.
    Null,
    /// A pipe to this program.
    Pipe,
    /// Of the error output: where the output goes.
    Stdout,
    /// A file, a pipe's end, a socket.
    To(OwnedFd),
}

/// See [`Stdio::Pipe`].
pub const PIPE: Stdio = Stdio::Pipe;
/// See [`Stdio::Null`].
pub const DEVNULL: Stdio = Stdio::Null;
/// See [`Stdio::Stdout`].
pub const STDOUT: Stdio = Stdio::Stdout;
/// See [`Stdio::Inherit`].
pub const INHERIT: Stdio = Stdio::Inherit;

impl<T: Into<OwnedFd>> From<T> for Stdio {
    fn from(descriptor: T) -> Self {
        Stdio::To(descriptor.into())
    }
}

/// A program to start with these arguments. Await it.
///
/// ```
/// use ferrio::subprocess::{PIPE, create_subprocess_exec};
///
/// ferrio::run(async {
///     let mut process = create_subprocess_exec("echo", ["one", "two"]).stdout(PIPE).await?;
///     assert_eq!(process.stdout.as_mut().unwrap().readline().await?, b"one two\n");
///     assert!(process.wait().await?.success());
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn create_subprocess_exec<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = S>,
) -> Command {
    let mut program = process::Command::new(program);
    program.args(arguments);
    Command {
        program,
        stdin: Stdio::Inherit,
        stdout: Stdio::Inherit,
        stderr: Stdio::Inherit,
        kill_on_drop: false,
    }
}

/// A script for the system's shell. Await it. What comes from outside has no place in a script: give it to the script by `env`.
///
/// ```
/// let output = ferrio::run(
///     ferrio::subprocess::create_subprocess_shell("echo $WHAT | wc -c").env("WHAT", "1234").output(),
/// )?;
/// assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "5");
/// # std::io::Result::Ok(())
/// ```
pub fn create_subprocess_shell(script: impl AsRef<OsStr>) -> Command {
    create_subprocess_exec("/bin/sh", ["-c".as_ref(), script.as_ref()])
}

/// How a program is to be started. See [`create_subprocess_exec`].
///
/// Unless it is said otherwise, the program has this one's streams, environment and folder.
///
/// ```
/// use ferrio::subprocess::{DEVNULL, PIPE, STDOUT, create_subprocess_exec};
///
/// let output = ferrio::run(
///     create_subprocess_exec("ls", ["/", "/nowhere/at/all"])
///         .stdin(DEVNULL)
///         .stderr(STDOUT)
///         .env("LC_ALL", "C")
///         .output(),
/// )?;
/// assert!(String::from_utf8_lossy(&output.stdout).contains("nowhere"));
/// assert!(!output.status.success());
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
#[must_use = "a command that is not awaited starts nothing"]
pub struct Command {
    program: process::Command,
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
    kill_on_drop: bool,
}

impl Command {
    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.program.arg(argument);
        self
    }

    /// A variable of the environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.program.env(name, value);
        self
    }

    /// The program does not see this variable of the environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.program.env_remove(name);
        self
    }

    /// The program sees only those variables that `env` gives it from here on.
    pub fn env_clear(mut self) -> Self {
        self.program.env_clear();
        self
    }

    /// The folder to start in.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.program.current_dir(folder);
        self
    }

    /// The program's input.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// The program's output.
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = stdout.into();
        self
    }

    /// The program's error output.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stderr = stderr.into();
        self
    }

    /// Whether dropping the `Process` kills it.
    pub fn kill_on_drop(mut self, yes: bool) -> Self {
        self.kill_on_drop = yes;
        self
    }

    /// What else the standard library can say of a program: its user, its group. Its streams are said here.
    pub fn configure(mut self, configure: impl FnOnce(&mut process::Command)) -> Self {
        configure(&mut self.program);
        self
    }

    /// Starts the program; so does awaiting the command. Dropped before its end, the program is killed.
    ///
    /// # Errors
    /// `NotFound` and others of the system's, where the program cannot be started; `InvalidInput` where `STDOUT` stands for
    /// another stream than the error output.
    ///
    /// # Panics
    /// Where no loop runs.
    pub async fn spawn(mut self) -> io::Result<Process> {
        let _outside = Outside::of(LoopState::require("a subprocess"));
        let merged = self.prepare()?;
        let mut child = engine::spawn(self.program).await?;
        Ok(Process {
            stdin: child.stdin.take().map(PipeWriter::new),
            stdout: child.stdout.take().or(merged).map(PipeReader::new),
            stderr: child.stderr.take().map(PipeReader::new),
            child,
            kill_on_drop: self.kill_on_drop,
        })
    }

    /// Runs the program to its end, with pipes for its outputs unless they go elsewhere, and no input unless it has some.
    ///
    /// # Errors
    /// As `spawn`, and as `Process::wait`.
    ///
    /// # Panics
    /// Where no loop runs.
    pub async fn output(mut self) -> io::Result<process::Output> {
        for (stream, stdio) in
            [(&mut self.stdin, Stdio::Null), (&mut self.stdout, Stdio::Pipe), (&mut self.stderr, Stdio::Pipe)]
        {
            if matches!(stream, Stdio::Inherit) {
                *stream = stdio;
            }
        }
        let mut process = self.kill_on_drop(true).spawn().await?;
        let (stdout, stderr) = process.communicate([]).await?;
        Ok(process::Output { status: process.wait().await?, stdout, stderr })
    }

    /// Sets the streams. Gives our end of the pipe that both outputs share, where they do.
    fn prepare(&mut self) -> io::Result<Option<engine::PipeReader>> {
        let take = |stream: &mut Stdio| std::mem::replace(stream, Stdio::Inherit);
        let (stdin, stdout, stderr) = (take(&mut self.stdin), take(&mut self.stdout), take(&mut self.stderr));
        self.program.stdin(stdio_of(stdin)?);
        if !matches!(stderr, Stdio::Stdout) {
            self.program.stdout(stdio_of(stdout)?).stderr(stdio_of(stderr)?);
            return Ok(None);
        }
        let (reader, both) = match stdout {
            Stdio::Pipe => {
                let (reader, writer) = io::pipe()?;
                (Some(engine::PipeReader::new(reader)?), Stdio::from(writer))
            }
            Stdio::Inherit => (None, Stdio::To(io::stdout().as_fd().try_clone_to_owned()?)),
            other => (None, other),
        };
        let stderr = match &both {
            Stdio::To(descriptor) => Stdio::To(descriptor.try_clone()?),
            _ => Stdio::Null,
        };
        self.program.stdout(stdio_of(both)?).stderr(stdio_of(stderr)?);
        Ok(reader)
    }
}

impl IntoFuture for Command {
    type Output = io::Result<Process>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<Process>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.spawn())
    }
}

fn stdio_of(stdio: Stdio) -> io::Result<process::Stdio> {
    Ok(match stdio {
        Stdio::Inherit => process::Stdio::inherit(),
        Stdio::Null => process::Stdio::null(),
        Stdio::Pipe => process::Stdio::piped(),
        Stdio::To(descriptor) => descriptor.into(),
        Stdio::Stdout => {
            let message = "STDOUT is for stderr alone: it is where the output goes";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    })
}
