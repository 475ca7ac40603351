//! Other threads and a loop: posts, wake-ups and the bell, while the loop works and while it sleeps.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{Door, Word, times};

#[test]
fn posts_from_many_threads_are_in_order_per_thread_and_none_is_lost() {
    const THREADS: usize = 8;
    const POSTS: usize = times(2_000);
    let door = Door::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (remote, seen) = (door.engine.remote(), seen.clone());
            thread::spawn(move || {
                for post in 0..POSTS {
                    let seen = seen.clone();
                    remote.post(Word::new(move |_| seen.lock().unwrap().push((thread, post))));
                    if post % 100 == 0 {
                        thread::sleep(Duration::from_micros(200));
                    }
                }
            })
        })
        .collect();
    door.run_until(|| seen.lock().unwrap().len() == THREADS * POSTS);
    for thread in threads {
        thread.join().unwrap();
    }
    let seen = seen.lock().unwrap();
    for thread in 0..THREADS {
        let posts: Vec<_> = seen.iter().filter(|post| post.0 == thread).map(|post| post.1).collect();
        assert_eq!(posts, (0..POSTS).collect::<Vec<_>>());
    }
}

/// The loop sleeps without a limit before each post, so one lost wake-up fails the test.
#[test]
fn every_post_wakes_a_sleeping_loop() {
    let door = Door::new();
    let (ask, asked) = mpsc::channel();
    let remote = door.engine.remote();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    let thread = thread::spawn(move || {
        for round in asked {
            if round % 4 == 0 {
                thread::sleep(Duration::from_micros(100));
            }
            let counter = counter.clone();
            remote.post(Word::new(move |_| {
                counter.fetch_add(1, Ordering::SeqCst);
            }));
        }
    });
    for round in 1..=times(3_000) {
        ask.send(round).unwrap();
        door.run_until(|| seen.load(Ordering::SeqCst) == round);
    }
    drop(ask);
    thread.join().unwrap();
}

#[test]
fn ringing_ends_a_wait() {
    let door = Door::new();
    let remote = door.engine.remote();
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        while stopped.recv_timeout(Duration::from_millis(1)).is_err() {
            remote.ring();
        }
    });
    let start = Instant::now();
    assert_eq!(door.turn(Duration::from_secs(20)), 0);
    assert!(start.elapsed() < Duration::from_secs(10));
    stop.send(()).unwrap();
    thread.join().unwrap();
}

#[test]
fn wake_ups_from_many_foreign_threads_all_arrive() {
    const THREADS: usize = 4;
    const WAKES: usize = times(3_000);
    #[derive(Default)]
    struct Shared {
        waker: Mutex<Option<Waker>>,
        wakes: AtomicUsize,
    }
    let door = Door::new();
    let shared = Arc::new(Shared::default());
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || {
                for _ in 0..WAKES {
                    shared.wakes.fetch_add(1, Ordering::SeqCst);
                    if let Some(waker) = &*shared.waker.lock().unwrap() {
                        waker.wake_by_ref();
                    }
                }
            })
        })
        .collect();
    let seen = shared.clone();
    door.block_on(std::future::poll_fn(move |context| {
        *seen.waker.lock().unwrap() = Some(context.waker().clone());
        if seen.wakes.load(Ordering::SeqCst) == THREADS * WAKES { Poll::Ready(()) } else { Poll::Pending }
    }));
    for thread in threads {
        thread.join().unwrap();
    }
}

/// What a call holds is let go of, though somebody still has the remote.
#[test]
fn calls_for_a_loop_that_is_closed_are_dropped() {
    let held = Arc::new(());
    let door = Door::new();
    let remote = door.engine.remote();
    let (before, after) = (held.clone(), held.clone());
    remote.call(move || drop(before));
    door.engine.close();
    remote.call(move || drop(after));
    assert_eq!(Arc::strong_count(&held), 1);
}
