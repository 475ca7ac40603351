//! `ferrio-load`: load for the benchmark suite, and what the same load reaches without an interpreter.
//!
//! One thread and one epoll set, loopback only, bounded in time. It measures a server from outside: CPU time is the
//! server process's own clock (user and system, all threads), read at both ends of the very window in which is counted,
//! so that nothing has to run in the server to be measured. Results are one line of JSON on standard output.
//! Knows no event loop, neither ferrio's nor another: it stands on rustix alone.

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod program;

#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod program;

fn main() -> std::process::ExitCode {
    program::main()
}
