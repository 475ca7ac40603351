//! `wait_n`: n random waits at once, each one's time measured.
//!
//! What it teaches: `as_completed` hands out results as they come, so the waits come sorted without anybody sorting them; and
//! how much later than asked each one ended, which is what a busy loop shows in.
//!
//! ```text
//! cargo run --package ferrio-examples --bin wait_n
//! cargo run --package ferrio-examples --bin wait_n 1000
//! ```

use std::time::{Duration, Instant};

const LONGEST: u64 = 600; // milliseconds
const SHOWN: usize = 10;

struct Wait {
    number: usize,
    asked: Duration,
    took: Duration,
}

#[ferrio::main]
async fn main() -> Result<(), String> {
    let count = match std::env::args().nth(1) {
        None => 5,
        Some(text) => text.parse().map_err(|_| format!("{text:?} is no number of waits"))?,
    };
    let begin = Instant::now();
    let waits = wait_n(count).await;
    let total = begin.elapsed().as_secs_f64();
    for wait in waits.iter().take(SHOWN) {
        println!("wait {:<4} asked for {:.2?}, took {:.2?}", wait.number, wait.asked, wait.took);
    }
    println!("the shortest came first: {}", waits.is_sorted_by_key(|wait| wait.asked));
    let latest = waits.iter().map(|wait| wait.took.saturating_sub(wait.asked)).max().unwrap_or_default();
    println!("the latest was late by {latest:.2?}");
    let sum: Duration = waits.iter().map(|wait| wait.asked).sum();
    println!("{count} waits of {:.2} s took {total:.2} s", sum.as_secs_f64());
    Ok(())
}

/// `count` random waits at once, in the order in which they ended.
async fn wait_n(count: usize) -> Vec<Wait> {
    let mut seed = 48_u64; // the same waits in every run
    let waits = (1..=count).map(|number| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        wait(number, Duration::from_millis((seed >> 33) % LONGEST / 10 * 10))
    });
    let mut ended = ferrio::as_completed(waits);
    let mut all = Vec::with_capacity(count);
    while let Some(wait) = ended.next().await {
        all.push(wait);
    }
    all
}

async fn wait(number: usize, asked: Duration) -> Wait {
    let begin = Instant::now();
    ferrio::sleep(asked).await;
    Wait { number, asked, took: begin.elapsed() }
}
