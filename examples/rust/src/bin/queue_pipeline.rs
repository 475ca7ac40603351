//! A data pipeline: stages joined by queues, with back-pressure.
//!
//! What it teaches: each stage is a child, or several, that takes from one queue and puts into the next. A bounded queue makes a
//! fast producer wait for a slow consumer, so that memory stays bounded however long the input is. A queue that is shut down
//! tells whoever waits that no more comes.
//!
//! ```text
//! read -> 4 lines -> parse (3 workers) -> 4 records -> total
//! ```
//!
//! ```text
//! cargo run --package ferrio-examples --bin queue_pipeline
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ferrio::Queue;

const ROOM: usize = 4; // items that a queue holds
const WORKERS: usize = 3;
const FRUIT: [&str; 3] = ["apples", "pears", "plums"];

#[ferrio::main]
async fn main() {
    let input: Vec<String> =
        (1..=60).map(|number| format!("{} {number}", FRUIT[number % 3])).chain(["oops".into()]).collect();
    let (lines, records) = (Queue::new(ROOM), Queue::new(ROOM));
    let begin = Instant::now();
    let (waited, rejected, totals) =
        ferrio::gather!(read(&input, &lines), parse_all(&lines, &records), total(&records)).await;
    for (name, amount) in totals {
        println!("{name:>8} {amount}");
    }
    println!("rejected: {rejected:?}");
    println!("the reader never was ahead by more than {ROOM} lines, and waited for room: {waited}");
    println!("{} lines took {:.2} s", input.len(), begin.elapsed().as_secs_f64());
}

/// The source, faster than what follows; whether it had to wait.
async fn read<'a>(input: &'a [String], lines: &Queue<&'a str>) -> bool {
    let mut waited = false;
    for line in input {
        waited |= lines.full();
        if lines.put(line).await.is_err() {
            break;
        }
    }
    lines.shutdown(false); // what is in it is still given away
    waited
}

/// The slow stage, so it has several workers; the lines that made no sense.
async fn parse_all<'a>(lines: &Queue<&'a str>, records: &Queue<(&'a str, u32)>) -> Vec<&'a str> {
    let workers = (0..WORKERS).map(async |_| {
        let mut rejected = Vec::new();
        while let Ok(line) = lines.get().await {
            ferrio::sleep(Duration::from_millis(10)).await; // a look-up in some other place
            match line.split_once(' ').and_then(|(name, amount)| Some((name, amount.parse().ok()?))) {
                Some(record) => drop(records.put(record).await),
                None => rejected.push(line),
            }
        }
        rejected
    });
    let rejected = ferrio::gather(workers).await.concat();
    records.shutdown(false);
    rejected
}

/// The sink: how much of each.
async fn total<'a>(records: &Queue<(&'a str, u32)>) -> BTreeMap<&'a str, u32> {
    let mut totals = BTreeMap::new();
    while let Ok((name, amount)) = records.get().await {
        *totals.entry(name).or_default() += amount;
    }
    totals
}
