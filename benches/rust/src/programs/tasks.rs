//! Tasks that come and go, take turns, and have threads work for them.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::rt::{Shared, channel, detach, in_thread, join, receive, send, spawn, yield_now};

const AT_ONCE: usize = 100;

/// One task after the other; tokio's `spawn` benchmark.
pub async fn spawn_one(count: usize) {
    for number in 0..count {
        assert_eq!(join(spawn(async move { number })).await, number);
    }
}

/// A hundred, and then all of them awaited.
pub async fn spawn_hundred(count: usize) {
    for _ in 0..count / AT_ONCE {
        let tasks: Vec<_> = (0..AT_ONCE).map(|number| spawn(async move { number })).collect();
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(join(task).await, number);
        }
    }
}

/// A thousand that nobody awaits; the last one tells. tokio's `rt_current_thread`, `spawn_many_local`.
pub async fn spawn_many(count: usize) {
    const MANY: usize = 1000;
    let left = Shared::new(AtomicUsize::new(0));
    let (done, mut is_done) = channel(1);
    for _ in 0..count / MANY {
        left.store(MANY, Ordering::Relaxed);
        for _ in 0..MANY {
            let (left, done) = (left.clone(), done.clone());
            detach(spawn(async move {
                if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    send(&done, ()).await;
                }
            }));
        }
        receive(&mut is_done).await;
    }
}

/// Nobody else is there to be let first.
pub async fn yield_alone(count: usize) {
    join(spawn(async move {
        for _ in 0..count {
            yield_now().await;
        }
    }))
    .await;
}

/// A hundred tasks in turn; tokio's `rt_current_thread`, `yield_many`.
pub async fn yield_in_turn(count: usize) {
    let turns = move || async move {
        for _ in 0..count / AT_ONCE {
            yield_now().await;
        }
    };
    let tasks: Vec<_> = (0..AT_ONCE).map(|_| spawn(turns())).collect();
    for task in tasks {
        join(task).await;
    }
}

/// One call after the other.
pub async fn one_call(count: usize) {
    for number in 0..count {
        assert_eq!(in_thread(move || number).await, number);
    }
}

/// A hundred calls at once.
pub async fn hundred_calls(count: usize) {
    for _ in 0..count / AT_ONCE {
        let calls: Vec<_> = (0..AT_ONCE).map(|number| spawn(in_thread(move || number))).collect();
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(join(call).await, number);
        }
    }
}
