//! The same work one after the other, and all at once, timed.
//!
//! What it teaches: `await` in a loop waits for each in turn, and the times add up. Started together, they take as long as the
//! longest. Nothing runs in parallel: while one waits, another gets its turn, in one thread.
//!
//! ```text
//! cargo run --package ferrio-examples --bin sequential_vs_concurrent
//! ```

use std::time::{Duration, Instant};

const ORDERS: [(&str, u64); 3] = [("soup", 150), ("pasta", 250), ("coffee", 50)]; // milliseconds that the kitchen takes

#[ferrio::main]
async fn main() {
    let sequential = timed("sequential", one_after_the_other()).await;
    let concurrent = timed("concurrent", all_at_once()).await;
    println!("the sum of the waits against the longest of them: {:.1} x", sequential / concurrent);
}

async fn one_after_the_other() {
    for (dish, after) in ORDERS {
        serve(dish, after).await; // the next is ordered only when this one is there
    }
}

async fn all_at_once() {
    // Its end waits for every child in it.
    ferrio::scope(async |kitchen| {
        for (dish, after) in ORDERS {
            kitchen.spawn(serve(dish, after));
        }
    })
    .await;
}

async fn serve(dish: &str, after: u64) {
    println!("  {dish} is ordered");
    ferrio::sleep(Duration::from_millis(after)).await;
    println!("  {dish} is served");
}

/// Does the work; how many seconds it took.
async fn timed(name: &str, work: impl Future<Output = ()>) -> f64 {
    println!("{name}:");
    let begin = Instant::now();
    work.await;
    let seconds = begin.elapsed().as_secs_f64();
    println!("  took {seconds:.2} s");
    seconds
}
