//! Blocking calls and CPU work beside a loop: threads.
//!
//! What it teaches: a blocking call stops the whole loop, so it goes to a thread by `to_thread`. What computes goes to a
//! `CpuPool`, one thread a core, so that it never takes the threads that blocking calls wait on. All the while the loop is free,
//! and a ticker proves it.
//!
//! ```text
//! cargo run --package ferrio-examples --bin executors
//! ```

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use ferrio::CpuPool;

const PARTS: [Range<u32>; 3] = [1..20_000, 20_000..40_000, 40_000..60_000];

#[ferrio::main]
async fn main() {
    let calls = ["a", "bb", "ccc"].map(|name| ferrio::to_thread(move || read_slowly(name)));
    println!("to_thread, three at once: {:?}", ticking("to_thread", ferrio::gather(calls)).await);

    let pool = CpuPool::new(2);
    let primes = ticking("the pool", pool.map(PARTS, |part| count_primes(&part))).await;
    let together: usize = primes.iter().sum();
    println!("primes, counted by the pool: {primes:?} together {together}");
    println!("the same as counted here: {}", together == count_primes(&(1..60_000)));
}

/// A blocking call, such as a driver that knows no futures.
fn read_slowly(name: &str) -> usize {
    std::thread::sleep(Duration::from_millis(100));
    name.len()
}

/// CPU work.
fn count_primes(range: &Range<u32>) -> usize {
    let is_prime = |number: u32| number > 1 && (2..=number.isqrt()).all(|by| !number.is_multiple_of(by));
    range.clone().filter(|number| is_prime(*number)).count()
}

/// Whether the loop went on while `work` waited.
async fn ticking<T>(what: &str, work: impl Future<Output = T>) -> T {
    let ticks = Rc::new(Cell::new(0));
    let counter = ticks.clone();
    let ticker = ferrio::create_task(async move {
        loop {
            ferrio::sleep(Duration::from_millis(1)).await;
            counter.set(counter.get() + 1);
        }
    });
    let result = work.await;
    ticker.cancel();
    println!("  the loop went on during {what}: {}", ticks.get() > 1);
    result
}
