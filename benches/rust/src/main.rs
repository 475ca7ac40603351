//! The Rust door beside other runtimes: the same programs, each in a process of its own. `benches/README.md` says what is asked.

mod compare;
mod hello;
mod load;
mod measured;
mod options;
mod rows;
mod runtimes;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};

use crate::options::Command;

/// No child is asked for more than some seconds: past this it is lost and must go.
const HARD_LIMIT: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let done = options::parse(std::env::args().skip(1)).and_then(|command| match command {
        Command::Compare(options) => compare::run(&options),
        Command::One { row, runtime, count } => one(&row, &runtime, count),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn one(row: &str, runtime: &str, count: usize) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| error.to_string())?;
    let files = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: files, maximum: files })
        .map_err(|error| error.to_string())?;
    thread::spawn(|| {
        thread::sleep(HARD_LIMIT);
        eprintln!("still there after {HARD_LIMIT:?}");
        std::process::exit(1);
    });
    let runtime = runtimes::find(runtime).ok_or_else(|| format!("no runtime {runtime}"))?;
    let measured = (runtime.measure)(runtime.kind, row, count).ok_or_else(|| format!("no row {row}"))?;
    println!("{measured}");
    Ok(())
}
