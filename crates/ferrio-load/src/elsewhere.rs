//! Where there is no Linux, and so neither epoll nor the clock of another process: says so.
//! Exists so that the workspace builds there. Must not grow.

use std::process::ExitCode;

pub(crate) fn main() -> ExitCode {
    eprintln!("ferrio-load: measures with Linux's own clocks and epoll, so it needs Linux");
    ExitCode::FAILURE
}
