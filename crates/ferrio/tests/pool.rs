//! Threads: `CpuPool`, `to_thread`, and what other threads have a loop do.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::Poll;
use std::time::Duration;

use ferrio::{CpuPool, Runner};

#[test]
fn results_are_in_the_order_of_the_items() {
    let pool = CpuPool::new(3);
    assert_eq!(pool.threads(), 3);
    for count in [0, 1, 2, 11, 12, 13, 1000] {
        let results = ferrio::run(pool.map(0..count, |n| {
            if n % 7 == 0 {
                std::thread::yield_now();
            }
            n * 2
        }));
        assert_eq!(results, (0..count).map(|n| n * 2).collect::<Vec<_>>());
    }
}

#[test]
fn calls_run_at_a_time_on_threads_of_the_pools_own() {
    let pool = CpuPool::new(2);
    let names = ferrio::run(async {
        let barrier = Arc::new(Barrier::new(2));
        let meet = || {
            let barrier = barrier.clone();
            move || {
                barrier.wait();
                std::thread::current().name().unwrap_or("").to_owned()
            }
        };
        let (one, other) = (pool.submit(meet()), pool.submit(meet()));
        [one.await, other.await]
    });
    assert!(names.iter().all(|name| name.starts_with("ferrio-cpu-")) && names[0] != names[1], "{names:?}");
}

#[test]
fn panics_are_carried_to_whoever_awaits() {
    let pool = CpuPool::new(1);
    let runner = Runner::new().unwrap();
    let error = runner.run(async {
        ferrio::create_task(pool.submit(|| panic!("of a call"))).await.unwrap_err().to_string()
    });
    assert_eq!(error, "Task-2 panicked: of a call");
    let (mapping, done) = (pool.clone(), Arc::new(AtomicUsize::new(0)));
    let counter = done.clone();
    let error = runner.run(async move {
        let map = async move {
            let call = move |n: usize| {
                assert!(n < 6, "item {n}");
                counter.fetch_add(1, Ordering::SeqCst)
            };
            mapping.map(0..10, call).await
        };
        ferrio::create_task(map).await.unwrap_err().to_string()
    });
    assert!(error.ends_with("panicked: item 6"), "{error}");
    assert_eq!(done.load(Ordering::SeqCst), 6);
    assert_eq!(runner.run(async { pool.submit(|| 7).await }), 7, "its thread goes on");
}

/// One thread is busy; what waits behind that is dropped.
#[test]
fn what_is_dropped_before_it_begins_never_does() {
    let pool = CpuPool::new(1);
    let calls = Arc::new(AtomicUsize::new(0));
    let count = || {
        let calls = calls.clone();
        move || calls.fetch_add(1, Ordering::SeqCst)
    };
    ferrio::run(async {
        let (go, wait) = mpsc::channel::<()>();
        let busy = pool.submit(move || wait.recv().unwrap());
        drop(pool.submit(count()));
        let kept = pool.submit(count());
        let counting = count();
        begin_and_drop(pool.map(0..10, move |_| counting())).await;
        go.send(()).unwrap();
        busy.await;
        assert_eq!(kept.await, 0);
        pool.submit(|| ()).await;
    });
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn a_call_outlives_the_pools_last_handle_while_it_is_awaited() {
    let answer = ferrio::run(async {
        let pool = CpuPool::new(1);
        let (go, wait) = mpsc::channel::<()>();
        let busy = pool.submit(move || wait.recv().unwrap());
        let queued = pool.submit(|| 42);
        drop(pool);
        go.send(()).unwrap();
        busy.await;
        queued.await
    });
    assert_eq!(answer, 42);
}

#[test]
fn a_call_on_a_thread_that_is_dropped_before_it_begins_never_does() {
    let calls = Arc::new(AtomicUsize::new(0));
    ferrio::run(async {
        let (barrier, done) = (Arc::new(Barrier::new(33)), Arc::new(Barrier::new(33)));
        let busy: Vec<_> = (0..32)
            .map(|_| {
                let (barrier, done) = (barrier.clone(), done.clone());
                ferrio::create_task(ferrio::to_thread(move || {
                    barrier.wait();
                    done.wait();
                }))
            })
            .collect();
        barrier.wait();
        let counter = calls.clone();
        drop(ferrio::to_thread(move || counter.fetch_add(1, Ordering::SeqCst)));
        done.wait();
        for task in busy {
            task.await.unwrap();
        }
        ferrio::to_thread(|| ()).await;
    });
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[test]
fn a_thread_has_a_future_run_on_the_loop() {
    ferrio::run(async {
        let here = std::thread::current().id();
        let remote = ferrio::get_running_loop().remote();
        let asking = remote.clone();
        let answer = ferrio::to_thread(move || {
            ferrio::run(asking.run_coroutine_threadsafe(|| async {
                ferrio::sleep(Duration::from_millis(1)).await;
                std::thread::current().id()
            }))
        });
        assert_eq!(answer.await, Ok(here));
        let lost = remote.run_coroutine_threadsafe(|| async { panic!("nobody hears of this") });
        let lost: Result<(), _> = lost.await;
        assert_eq!(lost, Err(ferrio::Cancelled));
    });
}

#[test]
fn a_call_of_a_thread_that_panics_is_not_the_loops_end() {
    ferrio::run(async {
        let remote = ferrio::get_running_loop().remote();
        remote.call_soon_threadsafe(|| std::panic::resume_unwind(Box::new("expected")));
        let nobody: Result<(), _> =
            remote.run_coroutine_threadsafe(|| -> std::future::Ready<()> { panic!("expected") }).await;
        assert_eq!(nobody, Err(ferrio::Cancelled));
    });
}

#[test]
fn a_loop_that_has_closed_cancels_what_it_was_asked_for() {
    let runner = Runner::new().unwrap();
    let remote = runner.run(async { ferrio::get_running_loop().remote() });
    let before = remote.run_coroutine_threadsafe(std::future::pending::<()>);
    drop(runner);
    let after = remote.run_coroutine_threadsafe(|| async {});
    assert_eq!(
        ferrio::run(async { (before.await, after.await) }),
        (Err(ferrio::Cancelled), Err(ferrio::Cancelled))
    );
}

#[test]
fn a_virtual_clock_waits_for_calls() {
    Runner::builder().virtual_clock(true).build().unwrap().run(async {
        let alarm = ferrio::create_task(ferrio::sleep(Duration::from_secs(3600)));
        let pool = CpuPool::default();
        pool.submit(|| std::thread::sleep(Duration::from_millis(5))).await;
        pool.map(0..4, |_| std::thread::sleep(Duration::from_millis(1))).await;
        assert!(!alarm.is_finished());
    });
}

#[test]
#[should_panic(expected = "CpuPool::new: a pool needs at least one thread")]
fn a_pool_without_threads() {
    let _pool = CpuPool::new(0);
}

#[test]
#[should_panic(expected = "CpuPool::submit: no running event loop")]
fn without_a_loop_nobody_awaits() {
    drop(CpuPool::new(1).submit(|| ()));
}

/// Polls `future` once, and drops it.
async fn begin_and_drop(future: impl Future) {
    let mut future = pin!(future);
    poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}
