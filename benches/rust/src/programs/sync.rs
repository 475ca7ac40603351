//! Tasks that wait for one another: channels, locks, semaphores.

use super::rt::{
    Lock, Semaphore, Shared, acquire, channel, detach, join, permit, receive, send, spawn, yield_now,
};

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
