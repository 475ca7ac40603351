//! Tasks that sleep, timers that are due, timers that are not wanted any more.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::rt::{join, sleep, spawn, yield_now};
use crate::measured::{Measured, Start};

/// Numbers that look random: a timer falls due anywhere among the others.
fn scattered(number: usize, below: usize) -> u64 {
    (number.wrapping_mul(7919) % below) as u64
}

/// A thousand tasks that sleep up to 20 ms, again and again.
pub async fn due(count: usize) {
    const TASKS: usize = 1000;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            spawn(async move {
                for turn in 0..count / TASKS {
                    sleep(Duration::from_micros(100 + scattered(task * 31 + turn, 19_900))).await;
                }
            })
        })
        .collect();
    for task in tasks {
        join(task).await;
    }
}

/// A time-out that never fires: a sleep that is begun and dropped. Others run now and then, or no runtime would turn.
pub async fn cancelled_at_once(count: usize) {
    for number in 0..count {
        begin_and_drop(sleep(Duration::from_secs(60 + scattered(number, 60)))).await;
        if number % 100 == 0 {
            yield_now().await;
        }
    }
}

/// The same with a thousand that are under way together, and go in another order than they came.
pub async fn cancelled_later(count: usize) {
    const TOGETHER: usize = 1000;
    for _ in 0..count / TOGETHER {
        let mut sleeps: Vec<_> = (0..TOGETHER)
            .map(|number| Box::pin(sleep(Duration::from_secs(60 + scattered(number, 60)))))
            .collect();
        poll_fn(|context| {
            for asleep in &mut sleeps {
                assert!(asleep.as_mut().poll(context).is_pending());
            }
            Poll::Ready(())
        })
        .await;
        for number in 0..TOGETHER {
            let place = number.wrapping_mul(7919) % sleeps.len();
            drop(sleeps.swap_remove(place));
        }
        yield_now().await;
    }
}

async fn begin_and_drop(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// So many tasks asleep at once: what each takes in all, and what memory it has while it sleeps.
pub async fn asleep(count: usize) -> Measured {
    let start = Start::now();
    let shortest = Duration::from_micros(3 * count as u64);
    let mut tasks = Vec::with_capacity(count);
    for number in 0..count {
        tasks.push(spawn(sleep(shortest + Duration::from_micros(scattered(number, count)))));
    }
    // When this is over they have all begun to sleep, and none has woken up.
    sleep(Duration::from_millis(1)).await;
    let bytes = start.stop(count).bytes;
    for task in tasks {
        join(task).await;
    }
    Measured { bytes, ..start.stop(count) }
}
