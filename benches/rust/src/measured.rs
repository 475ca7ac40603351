//! What one run of a program took: processor time of the whole process, time, memory, turns. Knows no program.

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Of one operation: microseconds, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    pub cpu: f64,
    pub wall: f64,
    pub bytes: f64,
    /// How many others came first, of who waited longest.
    pub turns: f64,
}

/// What the clocks and the kernel said when a program began.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    cpu: f64,
    wall: Instant,
    resident: usize,
}

impl Start {
    pub fn now() -> Self {
        Start { resident: resident(), cpu: cpu_seconds(), wall: Instant::now() }
    }

    /// What `count` operations took since, each.
    pub fn stop(&self, count: usize) -> Measured {
        let (cpu, wall) = (cpu_seconds() - self.cpu, self.wall.elapsed().as_secs_f64());
        let bytes = resident().saturating_sub(self.resident);
        let each = |total: f64| total / as_f64(count.max(1));
        Measured { cpu: each(cpu * 1e6), wall: each(wall * 1e6), bytes: each(as_f64(bytes)), turns: 0.0 }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.cpu, self.wall, self.bytes, self.turns)
    }
}

impl FromStr for Measured {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let numbers: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[cpu, wall, bytes, turns]) => Ok(Measured { cpu, wall, bytes, turns }),
            _ => Err(format!("not a measurement: {line:?}")),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of a benchmark: far below 2^53")]
pub fn as_f64(count: usize) -> f64 {
    count as f64
}

/// User and system, of all threads.
fn cpu_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    #[allow(clippy::cast_precision_loss, reason = "a few seconds")]
    let seconds = spent.tv_sec as f64 + spent.tv_nsec as f64 * 1e-9;
    seconds
}

/// Bytes of memory that the process has; 0 where the kernel does not tell.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * rustix::param::page_size()
}
