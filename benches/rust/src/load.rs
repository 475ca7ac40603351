//! The native load client (`crates/ferrio-load`) against this process, which serves. The client reads this process's clock at both
//! ends of its window, so nothing here runs meanwhile but the server.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio, exit};
use std::thread;

use crate::measured::Measured;

/// What the client is to do.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub mode: &'static str,
    pub form: &'static str,
    pub connections: usize,
    /// How long it counts.
    pub milliseconds: usize,
}

/// Starts the client against `port`; when it is done, prints what came out and ends the process.
pub fn begin(load: Load, port: u16) {
    thread::spawn(move || match run(load, port) {
        Ok(measured) => {
            println!("{measured}");
            exit(0);
        }
        Err(error) => {
            eprintln!("{error}");
            exit(1);
        }
    });
}

fn run(load: Load, port: u16) -> Result<Measured, String> {
    let own = std::process::id();
    #[allow(clippy::cast_precision_loss, reason = "a few seconds")]
    let seconds = load.milliseconds as f64 / 1000.0;
    let options = [
        load.mode.to_owned(),
        format!("to=tcp:{port}"),
        format!("form={}", load.form),
        format!("connections={}", load.connections),
        format!("warmup={}", seconds / 5.0),
        format!("seconds={seconds}"),
        format!("server={own}"),
        format!("parent={own}"),
        format!("cpu={}", thread::available_parallelism().map_or(0, |cpus| cpus.get() - 1)),
    ];
    let program = program();
    let client = Command::new(&program).args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut client = client.map_err(|error| format!("{}: {error}", program.display()))?;
    let mut line = String::new();
    let output = client.stdout.take().ok_or("no output")?;
    BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
    let [count, seconds, cpu] = ["count", "seconds", "cpu_seconds"].map(|key| number(&line, key));
    let (Some(count), Some(seconds), Some(cpu)) = (count, seconds, cpu) else {
        return Err(format!("the load client said {line:?}"));
    };
    Ok(Measured { cpu: cpu * 1e6 / count, wall: seconds * 1e6 / count, ..Measured::default() })
}

/// Where `make bench-rust` has cargo build it.
fn program() -> PathBuf {
    std::env::var_os("FERRIO_LOAD").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/ferrio-load")),
        PathBuf::from,
    )
}

/// The value of `key` in a line of JSON without nesting.
fn number(line: &str, key: &str) -> Option<f64> {
    let (_, rest) = line.split_once(&format!("\"{key}\": "))?;
    rest.split([',', '}']).next()?.trim().parse().ok()
}
