//! The measuring window: opens after the warm-up, closes `seconds` later; `count` is what happened in between.
//! Owns the clock, the server's CPU time and the printing of the result. Knows no mode.

use std::fs;
use std::io::{self, Read, Write};

use rustix::time::{ClockId, Timespec, clock_gettime};

use super::failure::{Named, Outcome};
use super::options::Options;
use super::process_clock;

#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) count: u64,
    servers: Vec<i32>,
    opens: u64,
    seconds: f64,
    begin: Option<Reading>,
    end: Option<Reading>,
}

/// Everything that is read at an end of the window, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Reading {
    time: u64,
    server: u64,
    client: u64,
    waited: u64,
}

impl Window {
    pub(crate) fn new(options: &Options) -> Self {
        let opens = now() + from_seconds(options.warmup);
        let servers = options.servers.clone();
        Window { count: 0, servers, opens, seconds: options.seconds, begin: None, end: None }
    }

    /// When it opened, if it has.
    pub(crate) fn opened(&self) -> Option<u64> {
        self.begin.map(|reading| reading.time)
    }

    /// To be asked before counting; opens and closes the window, true once it is closed.
    pub(crate) fn is_over(&mut self, time: u64) -> Outcome<bool> {
        match self.begin {
            None if time >= self.opens => {
                self.begin = Some(Reading::take(&self.servers)?);
                self.count = 0;
            }
            Some(begin) if time >= begin.time + from_seconds(self.seconds) => {
                self.end = Some(Reading::take(&self.servers)?);
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    /// Prints the result, then holds every connection until standard input ends: the server must have stopped before
    /// they close, or the closing of all of them would be handled, and complained about, by its loop.
    pub(crate) fn print(&self, more: &str) -> Outcome {
        let (Some(begin), Some(end)) = (self.begin, self.end) else { return Ok(()) };
        let spent = |of: fn(Reading) -> u64| to_seconds(of(end) - of(begin));
        let line = format!(
            r#"{{"count": {}, "seconds": {:.9}, "cpu_seconds": {:.9}, "client_seconds": {:.9}, "waited": {:.9}{more}}}"#,
            self.count,
            spent(|each| each.time),
            spent(|each| each.server),
            spent(|each| each.client),
            spent(|each| each.waited),
        );
        print_and_hold(&line)
    }
}

impl Reading {
    fn take(servers: &[i32]) -> Outcome<Self> {
        let client = nanoseconds(clock_gettime(ClockId::ProcessCPUTime));
        let time = now();
        let server = servers.iter().map(|&each| process_clock::read(each)).sum::<Outcome<u64>>()?;
        Ok(Reading { time, server, client, waited: servers.iter().map(|&each| waited(each)).sum() })
    }
}

/// Prints a line and returns when standard input ends.
pub(crate) fn print_and_hold(line: &str) -> Outcome {
    let mut output = io::stdout();
    writeln!(output, "{line}").and_then(|()| output.flush()).named("standard output")?;
    io::stdin().read_to_end(&mut Vec::new()).named("standard input")?;
    Ok(())
}

/// The monotonic clock, in nanoseconds.
pub(crate) fn now() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

#[allow(clippy::cast_sign_loss, reason = "neither clock is ever negative")]
pub(crate) fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds, never negative")]
pub(crate) fn from_seconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

#[allow(clippy::cast_precision_loss, reason = "a few seconds: exact up to a hundred days")]
pub(crate) fn to_seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 * 1e-9
}

/// Time that the server's main thread was ready to run and did not get a CPU, ever; 0 where the kernel does not tell.
fn waited(server: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{server}/schedstat")).unwrap_or_default();
    text.split(' ').nth(1).and_then(|waited| waited.parse().ok()).unwrap_or(0)
}
