//! Tasks that wait for one another: channels, locks, semaphores.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::rt::{
    Lock, Semaphore, Shared, acquire, channel, detach, join, permit, receive, send, spawn, yield_now,
};
use crate::measured::{Measured, as_f64};

const TASKS: usize = 100;

/// An item there and back, through channels of one place.
pub async fn ping_pong(count: usize) {
    let (ping, mut pinged) = channel(1);
    let (pong, mut ponged) = channel(1);
    detach(spawn(async move {
        for _ in 0..count {
            let number: usize = receive(&mut pinged).await;
            send(&pong, number).await;
        }
    }));
    for number in 0..count {
        send(&ping, number).await;
        assert_eq!(receive(&mut ponged).await, number);
    }
}

/// Five thousand items into a channel that has room, then out of it; tokio's `sync_mpsc`, `uncontented_bounded`.
pub async fn uncontended(count: usize) {
    const ITEMS: usize = 5000;
    for _ in 0..count / ITEMS {
        let (sender, mut receiver) = channel(1_000_000);
        for number in 0..ITEMS {
            send(&sender, number).await;
        }
        for number in 0..ITEMS {
            assert_eq!(receive(&mut receiver).await, number);
        }
    }
}

/// Five tasks with a thousand items each, and room for all; tokio's `sync_mpsc`, `contention_bounded`.
pub async fn contended(count: usize) {
    five_senders(count, 1_000_000).await;
}

/// The same with room for a hundred; tokio's `sync_mpsc`, `contention_bounded_full`.
pub async fn full(count: usize) {
    five_senders(count, 100).await;
}

async fn five_senders(count: usize, room: usize) {
    const ITEMS: usize = 1000;
    const SENDERS: usize = 5;
    for _ in 0..count / (SENDERS * ITEMS) {
        let (sender, mut receiver) = channel(room);
        for _ in 0..SENDERS {
            let sender = sender.clone();
            detach(spawn(async move {
                for number in 0..ITEMS {
                    send(&sender, number).await;
                }
            }));
        }
        for _ in 0..SENDERS * ITEMS {
            let _number: usize = receive(&mut receiver).await;
        }
    }
}

/// Nobody else wants the lock.
pub async fn lock_alone(count: usize) {
    let lock = Lock::new(0);
    for _ in 0..count {
        *acquire(&lock).await += 1;
    }
    assert_eq!(*acquire(&lock).await, count);
}

/// A hundred tasks want the lock, and each lets the others run while it has it.
pub async fn lock_in_turn(count: usize) {
    let lock = Shared::new(Lock::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let lock = lock.clone();
            spawn(async move {
                for _ in 0..count / TASKS {
                    let mut held = acquire(&lock).await;
                    yield_now().await;
                    *held += 1;
                }
            })
        })
        .collect();
    for task in tasks {
        join(task).await;
    }
    assert_eq!(*acquire(&lock).await, count / TASKS * TASKS);
}

/// How often others had what `$shared` hands out while the task that waited longest for it did. A macro, since no bound says "a
/// future that is `Send` where tasks have to be".
macro_rules! longest_wait {
    ($count:expr, $shared:expr, $acquire:ident) => {{
        let (count, shared, turns) = ($count, Shared::new($shared), Shared::new(Turns::default()));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (shared, turns) = (shared.clone(), turns.clone());
                spawn(async move {
                    let mut before = 0;
                    for _ in 0..count / TASKS {
                        let _held = $acquire(&shared).await;
                        before = turns.take(before);
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            join(task).await;
        }
        turns.longest_wait()
    }};
}

/// Of a lock that a hundred tasks want. One that is handed on in the order of asking lets each of the others have it once.
pub async fn lock_longest_wait(count: usize) -> Measured {
    longest_wait!(count, Lock::new(()), acquire)
}

/// How often something was taken, and the most that was between two turns of one task, or before its first.
#[derive(Default)]
struct Turns {
    taken: AtomicUsize,
    longest: AtomicUsize,
}

impl Turns {
    /// Somebody's turn has come whose last one was number `before`. Which number it has.
    fn take(&self, before: usize) -> usize {
        let others = self.taken.fetch_add(1, Ordering::Relaxed) - before;
        self.longest.fetch_max(others, Ordering::Relaxed);
        before + others + 1
    }

    fn longest_wait(&self) -> Measured {
        Measured { turns: as_f64(self.longest.load(Ordering::Relaxed)), ..Measured::default() }
    }
}

/// Ten places for a hundred tasks, each of which lets the others run while it has one.
pub async fn ten_places(count: usize) {
    let semaphore = Shared::new(Semaphore::new(10));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let semaphore = semaphore.clone();
            spawn(async move {
                for _ in 0..count / TASKS {
                    let _place = permit(&semaphore).await;
                    yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        join(task).await;
    }
}

/// Of ten places for a hundred tasks.
pub async fn place_longest_wait(count: usize) -> Measured {
    longest_wait!(count, Semaphore::new(10), permit)
}
