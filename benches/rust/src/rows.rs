//! The rows: what is asked, how often a child repeats it, and which of what it measures counts. The programs are in
//! `programs/`.

use crate::measured::Measured;

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub name: &'static str,
    /// How many operations one child does; of served rows, for how many milliseconds.
    pub count: usize,
    pub figures: &'static [Figure],
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// After the row's name.
    pub suffix: &'static str,
    pub unit: &'static str,
    pub of: fn(&Measured) -> f64,
}

const CPU: Figure = Figure { suffix: "", unit: "us cpu", of: |measured| measured.cpu };
const WALL: Figure = Figure { suffix: ".time", unit: "us", of: |measured| measured.wall };
const TURNS: Figure = Figure { suffix: "", unit: "turns", of: |measured| measured.turns };
const MEMORY: Figure = Figure { suffix: ".memory", unit: "bytes", of: |measured| measured.bytes };

const fn row(name: &'static str, count: usize) -> Row {
    Row { name, count, figures: &[CPU] }
}

pub const ROWS: &[Row] = &[
    row("spawn_one", 400_000),
    row("spawn_x100", 400_000),
    row("spawn_many", 400_000),
    row("yield_x1", 2_000_000),
    row("yield_x100", 4_000_000),
    row("ping_pong", 400_000),
    row("mpsc_uncontended", 2_000_000),
    row("mpsc_contended", 2_000_000),
    row("mpsc_full", 1_000_000),
    row("lock_uncontended", 4_000_000),
    row("lock_contended", 1_000_000),
    Row { name: "lock_longest_wait", count: 1_000_000, figures: &[TURNS] },
    row("semaphore_contended", 1_000_000),
    Row { name: "semaphore_longest_wait", count: 1_000_000, figures: &[TURNS] },
    row("timers_due", 100_000),
    row("timer_cancel", 1_000_000),
    row("timer_cancel_x1000", 1_000_000),
    Row { name: "sleeps_1m", count: 1_000_000, figures: &[CPU, MEMORY] },
    Row { name: "to_thread", count: 20_000, figures: &[CPU, WALL] },
    Row { name: "to_thread_x100", count: 50_000, figures: &[CPU, WALL] },
    row("echo_1k_x64", 400),
    row("echo_1k_x512", 400),
    row("connections", 400),
    row("hyper_hello_x64", 400),
    row("http_hello_x64", 400),
];
