//! Five tasks at once, in a `TaskGroup`.
//!
//! What it teaches: tasks start in the order in which they were made, as soon as the code that made them awaits something, and
//! end when their own waits end. If one fails, the group cancels the others and gives what went wrong.
//!
//! ```text
//! cargo run --package ferrio-examples --bin five_tasks
//! ```

use std::time::{Duration, Instant};

use ferrio::TaskGroup;

#[ferrio::main]
async fn main() {
    let begin = Instant::now();
    let results = TaskGroup::run(async |group| {
        let tasks: Vec<_> =
            (1..=5_u64).map(|number| group.create_task(work(number, 350 - 60 * number))).collect();
        println!("five tasks made, none has started");
        let mut results = Vec::new();
        for task in tasks {
            results.extend(task.await);
        }
        Ok(results)
    });
    println!("results: {:?}", results.await.unwrap_or_default());
    println!("five waits took {:.2} s\n", begin.elapsed().as_secs_f64());

    let failed = TaskGroup::run(async |group| {
        group.create_task(work(1, 10_000)).detach();
        group.create_task(fail(2, 50)).detach();
        Ok(())
    });
    if let Err(errors) = failed.await {
        errors.iter().for_each(|error| println!("the group failed: {error}"));
    }
}

/// Says so when it is dropped before its end: that is what cancelling does.
struct Cancelled(u64);

impl Drop for Cancelled {
    fn drop(&mut self) {
        println!("task {} was cancelled", self.0);
    }
}

async fn work(number: u64, milliseconds: u64) -> Result<u64, String> {
    println!("task {number} starts");
    let cancelled = Cancelled(number);
    ferrio::sleep(Duration::from_millis(milliseconds)).await;
    std::mem::forget(cancelled);
    println!("task {number} ends");
    Ok(number * number)
}

async fn fail(number: u64, milliseconds: u64) -> Result<u64, String> {
    println!("task {number} starts");
    ferrio::sleep(Duration::from_millis(milliseconds)).await;
    Err(format!("task {number} had bad luck"))
}
