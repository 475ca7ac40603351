//! A port scanner: which TCP ports of this machine are open.
//!
//! What it teaches: thousands of connections with a limit on how many at once, by workers that share one iterator; a time-out on
//! each; arguments checked before anything starts. Scan only what is yours.
//!
//! ```text
//! cargo run --package ferrio-examples --bin port_scanner 20-1024,8080
//! ```

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const HOST: &str = "127.0.0.1";
const WORKERS: usize = 200;
const TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Open,
    /// The machine refuses.
    Closed,
    /// Nothing answers in time.
    Silent,
}

#[ferrio::main]
async fn main() -> ExitCode {
    let text = std::env::args().nth(1).unwrap_or_else(|| "20-1024".into());
    let ports = match port_ranges(&text) {
        Ok(ports) => ports,
        Err(error) => {
            eprintln!("port_scanner: {error}");
            return ExitCode::from(2);
        }
    };
    let begin = Instant::now();
    let states = scan_all(ports).await;
    for (port, _) in states.iter().filter(|(_, state)| **state == State::Open) {
        println!("{port:>5} open");
    }
    let count = |wanted| states.values().filter(|state| **state == wanted).count();
    let (open, closed, silent) = (count(State::Open), count(State::Closed), count(State::Silent));
    println!(
        "{HOST}: {open} open, {closed} closed, {silent} silent in {:.2} s",
        begin.elapsed().as_secs_f64()
    );
    ExitCode::SUCCESS
}

/// The workers take turns at one iterator, so each port is scanned once.
async fn scan_all(ports: BTreeSet<u16>) -> BTreeMap<u16, State> {
    let (left, states) = (RefCell::new(ports.into_iter()), RefCell::new(BTreeMap::new()));
    ferrio::scope(async |scope| {
        for _ in 0..WORKERS {
            scope.spawn(async {
                loop {
                    let Some(port) = left.borrow_mut().next() else { break };
                    let state = scan(port).await;
                    states.borrow_mut().insert(port, state);
                }
            });
        }
    })
    .await;
    states.into_inner()
}

async fn scan(port: u16) -> State {
    match ferrio::timeout(TIMEOUT, ferrio::open_connection(HOST, port)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => State::Closed,
        Err(_) | Ok(Err(_)) => State::Silent,
        // On loopback, a connection may get as its own end the very port it looks for, and meet itself.
        Ok(Ok((_, writer))) if writer.local_address().ok() == writer.peer_address().ok() => State::Closed,
        Ok(Ok(_)) => State::Open,
    }
}

/// The ports that "20-1024,8080" means, each once, in ascending order.
fn port_ranges(text: &str) -> Result<BTreeSet<u16>, String> {
    let number = |text: &str| match text.trim().parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("{text:?} is no port: ports are 1 to 65535")),
    };
    let mut ports = BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(format!("{first}-{last} is empty: did you mean {last}-{first}?"));
        }
        ports.extend(first..=last);
    }
    Ok(ports)
}
