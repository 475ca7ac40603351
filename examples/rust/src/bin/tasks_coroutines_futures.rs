//! Futures, tasks and promises: what each is.
//!
//! What it teaches: calling an `async fn` runs nothing, it makes a future; awaiting one runs it here and now. A task runs a
//! future on its own, from the next turn of the loop on. `create_future` makes a result that is not there yet, and the
//! promise to set it. asyncio calls the three coroutine, task and future.
//!
//! ```text
//! cargo run --package ferrio-examples --bin tasks_coroutines_futures
//! ```

use std::time::{Duration, Instant};

#[ferrio::main]
async fn main() {
    println!("a future");
    let future = double(1);
    println!("  made, and nothing ran");
    println!("  awaited: {}", future.await);

    let begin = Instant::now();
    let (first, second) = (double(2), double(3));
    let (first, second) = (first.await, second.await);
    println!("  two, awaited one after the other: {first} {second} {:.2} s", begin.elapsed().as_secs_f64());

    println!("a task");
    let begin = Instant::now();
    let (task, other) = (ferrio::create_task(double(4)), ferrio::create_task(double(5)));
    ferrio::yield_now().await; // one turn of the loop
    println!("  both run already, done: {} {}", task.is_finished(), other.is_finished());
    let (first, second) = (task.await.unwrap_or(0), other.await.unwrap_or(0));
    println!("  two, awaited one after the other: {first} {second} {:.2} s", begin.elapsed().as_secs_f64());

    println!("a promise");
    let (promise, promised) = ferrio::create_future();
    let timer = ferrio::get_running_loop()
        .call_later(Duration::from_millis(100), || promise.set_result("set by a timer"));
    println!("  the one who awaits gets it: {}", promised.await.unwrap_or("nothing"));
    println!("  the timer is done: {}", timer.await.is_ok());

    println!("cancelled, a task is dropped where it waits");
    let task = ferrio::create_task(double(6));
    ferrio::yield_now().await;
    task.cancel();
    println!("  and whoever awaits it is told: {}", task.await.is_err_and(|error| error.is_cancelled()));
}

async fn double(number: u32) -> u32 {
    println!("  double({number}) runs");
    ferrio::sleep(Duration::from_millis(100)).await;
    2 * number
}
