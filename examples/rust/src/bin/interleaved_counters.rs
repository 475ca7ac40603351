//! Two counters in one thread, interleaved.
//!
//! What it teaches: a future runs until it awaits something that is not there yet, and only then another gets its turn.
//! `yield_now` hands over for one turn; a counter that never awaits lets nobody in.
//!
//! ```text
//! cargo run --package ferrio-examples --bin interleaved_counters
//! ```

use std::io::Write;
use std::time::Duration;

#[ferrio::main]
async fn main() {
    println!("no await, so each counts to its end:");
    ferrio::gather!(greedy("a", 3), greedy("b", 3)).await;

    println!("yield_now, so they take turns:");
    ferrio::gather!(polite("a", 3), polite("b", 3)).await;

    print!("a every 0.1 s, b every 0.25 s, so the clock decides:");
    ferrio::gather!(steady("a", 4, 100), steady("b", 2, 250)).await;
    println!();
}

#[expect(clippy::unused_async, reason = "it shows what an async function without an await does")]
async fn greedy(name: &str, limit: u32) {
    (1..=limit).for_each(|number| println!("  {name}{number}"));
}

async fn polite(name: &str, limit: u32) {
    for number in 1..=limit {
        println!("  {name}{number}");
        ferrio::yield_now().await;
    }
}

async fn steady(name: &str, limit: u32, period: u64) {
    for number in 1..=limit {
        ferrio::sleep(Duration::from_millis(period)).await;
        print!(" {name}{number}");
        let _shown = std::io::stdout().flush();
    }
}
