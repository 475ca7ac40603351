//! A rate limiter: at most N at once, and at most M in any period.
//!
//! What it teaches: a semaphore bounds how many run, not how often one starts. `RateLimiter` bounds the starts, and exactly:
//! there is no period, wherever it begins, in which more than M start; limiters that count per calendar second let 2 M through
//! around its end.
//!
//! ```text
//! cargo run --package ferrio-examples --bin rate_limiter
//! ```

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use ferrio::{RateLimiter, Semaphore};

const CALLS: usize = 30;
const AT_ONCE: usize = 4;
const STARTS: usize = 10;
const PERIOD: Duration = Duration::from_millis(250);

#[ferrio::main]
async fn main() {
    let (limiter, places) = (RateLimiter::new(STARTS, PERIOD), Semaphore::new(AT_ONCE));
    let times = RefCell::new(Vec::new());
    let (now, most) = (Cell::new(0), Cell::new(0));
    let begin = Instant::now();
    let calls = (0..CALLS).map(async |_| {
        let _place = places.acquire().await;
        limiter.acquire().await;
        times.borrow_mut().push(ferrio::get_running_loop().time());
        now.set(now.get() + 1);
        most.set(most.get().max(now.get()));
        ferrio::sleep(Duration::from_millis(20)).await;
        now.set(now.get() - 1);
    });
    ferrio::gather(calls).await;
    let least = PERIOD.as_secs_f64() * 2.0; // thirty starts, ten a period: the last ten begin two periods after the first
    println!(
        "{CALLS} calls in {:.2} s; at least {least:.2} s were to be expected",
        begin.elapsed().as_secs_f64()
    );
    println!("at most {AT_ONCE} at once: {}", most.get());
    let times = times.into_inner();
    let busiest =
        times.iter().map(|first| times.iter().filter(|other| in_period(*first, **other)).count()).max();
    println!("at most {STARTS} starts in any {PERIOD:?}: {}", busiest.unwrap_or(0) <= STARTS);
}

fn in_period(first: Duration, other: Duration) -> bool {
    // The times are taken after the limiter let them through, which may be a little later each.
    (first..first + PERIOD.mul_f64(0.92)).contains(&other)
}
