//! Reads the command line, bounds the process (parent, time, files), runs one mode. Knows no mode's inside.

mod bulk;
mod churn;
mod connection;
mod distance;
mod echo;
mod exchange;
mod failure;
mod handover;
mod histogram;
mod hold;
mod length;
mod options;
mod pace;
mod process_clock;
mod serve;
mod serve_datagrams;
mod serve_echo;
mod settle;
mod target;
mod window;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use rustix::process::{self, Pid, Resource, Rlimit, Signal};
use rustix::thread::{CpuSet, sched_setaffinity};

use self::failure::{Named, Outcome, failed};
use self::options::Options;

type Mode = fn(&Options) -> Outcome;

const MODES: [(&str, Mode); 9] = [
    ("echo", echo::run),
    ("source", bulk::transmit),
    ("sink", bulk::receive),
    ("churn", churn::run),
    ("hold", hold::run),
    ("settle", settle::run),
    ("serve", serve::run),
    ("handover", handover::run),
    ("distance", distance::run),
];

/// No mode is ever asked for more than a few seconds: past this the process is lost and must go.
const HARD_LIMIT: Duration = Duration::from_secs(90);

pub(crate) fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load client: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        return failed("usage: ferrio-load MODE parent=PID [key=value ...]");
    };
    let options = Options::parse(arguments)?;
    let Some((_, mode)) = MODES.iter().find(|(known, _)| *known == name) else {
        return failed(format!("an unknown mode: {name}"));
    };
    bound_process(&options)?;
    mode(&options)
}

fn bound_process(options: &Options) -> Outcome {
    process::set_parent_process_death_signal(Some(Signal::KILL)).named("prctl")?;
    if process::getppid().map(Pid::as_raw_nonzero).map(i32::from) != Some(options.parent) {
        return failed("the parent is not who was announced: already gone?");
    }
    thread::spawn(|| {
        thread::sleep(HARD_LIMIT);
        eprintln!("load client: still there after {HARD_LIMIT:?}");
        std::process::exit(1);
    });
    let files = process::getrlimit(Resource::Nofile).maximum;
    process::setrlimit(Resource::Nofile, Rlimit { current: files, maximum: files }).named("setrlimit")?;
    options.cpu.map_or(Ok(()), keep_to)
}

/// From now on this thread, and what it starts, runs on that CPU.
fn keep_to(cpu: usize) -> Outcome {
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    sched_setaffinity(None, &cpus).named("sched_setaffinity")
}
