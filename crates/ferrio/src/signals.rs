//! Signals: `signal(SIGTERM)` is a stream of them, `ctrl_c` waits for one. They have names here, not numbers.
//!
//! Each listener has a descriptor of its own, which the loop watches: no loop depends on another one, and every listener on
//! every loop hears of each signal.

use std::fmt;
use std::io;

use ferrio_engine::signal as engine;

use crate::events::LoopState;

/// A signal, by its name.
///
/// ```
/// use ferrio::signals::{SIGTERM, Signal};
///
/// assert_eq!(SIGTERM.to_string(), "SIGTERM");
/// assert_eq!("SIGTERM".parse(), Ok(SIGTERM));
/// assert!("SIGNONE".parse::<Signal>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signal(engine::Signal);

impl Signal {
    pub(crate) fn raw(self) -> engine::Signal {
        self.0
    }

    /// The signal that has the number, on this system, if one has that has a name.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Signal> {
        NAMED.iter().map(|(signal, _)| *signal).find(|signal| signal.number() == number)
    }

    /// Its number on this system.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0.as_raw()
    }

    fn name(self) -> &'static str {
        NAMED.iter().find(|(signal, _)| *signal == self).map_or("a signal", |(_, name)| name)
    }
}

impl std::hash::Hash for Signal {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.number().hash(state);
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Signal {
    type Err = UnknownSignal;

    fn from_str(name: &str) -> Result<Signal, UnknownSignal> {
        let named = NAMED.iter().find(|(_, known)| *known == name).map(|(signal, _)| *signal);
        named.ok_or_else(|| UnknownSignal(name.to_owned()))
    }
}

/// There is no signal of that name.
///
/// ```
/// let error = "TERM".parse::<ferrio::Signal>().unwrap_err();
/// assert_eq!(error.to_string(), "no signal is called \"TERM\"; names are as SIGTERM");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownSignal(String);

impl fmt::Display for UnknownSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no signal is called {:?}; names are as SIGTERM", self.0)
    }
}

impl std::error::Error for UnknownSignal {}

macro_rules! signals {
    ($($name:ident $raw:ident $says:literal)*) => {
        $(
            #[doc = $says]
            pub const $name: Signal = Signal(engine::Signal::$raw);
        )*

        const NAMED: &[(Signal, &str)] = &[$(($name, stringify!($name))),*];
    };
}

signals! {
    SIGABRT ABORT "The process gave itself up."
    SIGALRM ALARM "A timer of the system's ended."
    SIGBUS BUS "Memory that is not there."
    SIGCHLD CHILD "A child process ended or stopped."
    SIGCONT CONT "Go on after a stop."
    SIGFPE FPE "A calculation without result."
    SIGHUP HUP "The terminal is gone; servers read their configuration again."
    SIGILL ILL "No instruction."
    SIGINT INT "Ctrl+C."
    SIGIO IO "A descriptor is ready."
    SIGKILL KILL "The end, which cannot be refused or heard of."
    SIGPIPE PIPE "Nobody reads what is written."
    SIGPROF PROF "A profiler's timer ended."
    SIGQUIT QUIT "Ctrl+\\: end, and leave a core."
    SIGSEGV SEGV "Memory that may not be touched."
    SIGSTOP STOP "Stop, which cannot be refused or heard of."
    SIGSYS SYS "No system call."
    SIGTERM TERM "Please end."
    SIGTRAP TRAP "A debugger's stop."
    SIGTSTP TSTP "Ctrl+Z."
    SIGTTIN TTIN "A background process reads the terminal."
    SIGTTOU TTOU "A background process writes to the terminal."
    SIGURG URG "Urgent data came."
    SIGUSR1 USR1 "What the program makes of it."
    SIGUSR2 USR2 "What the program makes of it."
    SIGVTALRM VTALARM "A timer of the process's own time ended."
    SIGWINCH WINCH "The terminal's window changed its size."
    SIGXCPU XCPU "Too much CPU time."
    SIGXFSZ XFSZ "Too large a file."
}

/// Listens for a signal from now on, instead of whatever it did before. It stays so when the listener is dropped: then the signal
/// does nothing.
///
/// # Errors
/// `InvalidInput` for SIGKILL, SIGSTOP, SIGILL, SIGFPE and SIGSEGV, which cannot be handled so; the system's.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// use ferrio::signals::{SIGTERM, SIGUSR1, signal};
///
/// ferrio::run(async {
///     let mut signals = signal(SIGUSR1)?;
///     let mut kill = std::process::Command::new("kill");
///     kill.args(["-USR1", &std::process::id().to_string()]).status()?;
///     signals.recv().await
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn signal(signal: Signal) -> io::Result<Signals> {
    drop(LoopState::require("signal"));
    match engine::signal(signal.0) {
        Ok(listener) => Ok(Signals { listener, signal }),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let message = format!("{signal} cannot be listened for: it ends or stops the process at once");
            Err(io::Error::new(error.kind(), message))
        }
        Err(error) => Err(error),
    }
}

/// Hears of a signal. See [`signal()`].
///
/// ```
/// ferrio::run(async {
///     let signals = ferrio::signal(ferrio::signals::SIGHUP)?;
///     assert_eq!(signals.signal().to_string(), "SIGHUP");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
#[must_use = "a listener that is dropped hears nothing"]
pub struct Signals {
    listener: engine::Signals,
    signal: Signal,
}

impl Signals {
    /// Waits for the signal; completes at once when it has come since the last time. Any number of them are one. Dropped
    /// before its end, it leaves the signal to the next call.
    ///
    /// # Errors
    /// Whatever the poller met.
    pub async fn recv(&mut self) -> io::Result<()> {
        self.listener.recv().await
    }

    /// Which signal it is.
    #[must_use]
    pub fn signal(&self) -> Signal {
        self.signal
    }
}

/// Waits for Ctrl+C, which from then on does not end the program by itself, not even when the future is dropped.
///
/// # Errors
/// The system's.
///
/// # Panics
/// Where no loop runs.
///
/// ```no_run
/// ferrio::run(async {
///     let server = ferrio::create_task(std::future::pending::<()>());
///     ferrio::signals::ctrl_c().await.unwrap();
///     server.cancel();
/// });
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    signal(SIGINT)?.recv().await
}
