//! `timeout`, `timeout_at`, `interval` on a virtual clock.

mod common;

use std::future::{pending, poll_fn};
use std::task::Poll;
use std::time::Duration;

use common::{Alive, Driven, now, run, seconds, turns};
use ferrio::{Elapsed, create_task, interval, sleep, timeout, timeout_at, yield_now};

#[test]
fn a_limit_that_passes_drops_the_future_before_it_tells() {
    run(async {
        let alive = Alive::default();
        let works = async {
            let _one = alive.one();
            sleep(seconds(10)).await;
        };
        let mut limited = Box::pin(timeout(seconds(5), works));
        assert_eq!(((&mut limited).await, alive.count(), now()), (Err(Elapsed), 0, seconds(5)));
    });
}

#[test]
fn what_is_ready_is_never_too_late() {
    run(async {
        assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        assert_eq!(timeout(Duration::ZERO, yield_now()).await, Err(Elapsed));
        // Both at the same time: the value counts.
        assert_eq!(timeout(seconds(3), sleep(seconds(3))).await, Ok(()));
        assert_eq!(timeout_at(seconds(1), async { now() }).await, Ok(seconds(3)));
        assert_eq!(timeout_at(seconds(1), yield_now()).await, Err(Elapsed));
        assert_eq!(now(), seconds(3));
    });
}

#[test]
fn a_ready_future_needs_no_loop() {
    assert_eq!(Driven::new(timeout(seconds(1), async { 1 })).poll(), Some(Ok(1)));
}

#[test]
#[should_panic(expected = "timeout: no running event loop")]
fn a_limit_needs_a_loop() {
    Driven::new(timeout(seconds(1), pending::<()>())).poll();
}

#[test]
fn limits_nest() {
    run(async {
        let inner = timeout(seconds(1), pending::<()>());
        assert_eq!(timeout(seconds(2), inner).await, Ok(Err(Elapsed)));
        let inner = timeout(seconds(9), pending::<()>());
        assert_eq!(timeout(seconds(2), inner).await, Err(Elapsed));
        assert_eq!(now(), seconds(3));
    });
}

#[test]
fn a_limit_counts_from_the_first_await() {
    run(async {
        let limited = timeout(seconds(2), sleep(seconds(1)));
        sleep(seconds(5)).await;
        assert_eq!(limited.await, Ok(()));
    });
}

#[test]
fn a_limit_that_is_dropped_at_any_time_drops_its_future() {
    for step in 0..8 {
        run(async {
            let alive = Alive::default();
            let one = alive.one();
            let task = create_task(timeout(seconds(5), async move {
                let _one = one;
                turns(4).await;
            }));
            turns(step).await;
            task.cancel();
            let _ended = task.await;
            assert_eq!((alive.count(), now()), (0, Duration::ZERO));
        });
    }
}

#[test]
fn an_interval_keeps_its_beat() {
    run(async {
        let mut beats = interval(seconds(10));
        sleep(seconds(1)).await;
        assert_eq!((beats.tick().await, now()), (seconds(1), seconds(1)));
        assert_eq!((beats.tick().await, now()), (seconds(11), seconds(11)));
        sleep(seconds(4)).await; // late for none
        assert_eq!((beats.tick().await, now()), (seconds(21), seconds(21)));
        sleep(seconds(15)).await; // late for one
        assert_eq!((beats.tick().await, now()), (seconds(31), seconds(36)));
        assert_eq!((beats.tick().await, now()), (seconds(41), seconds(41)));
        sleep(seconds(35)).await; // misses two, is late for the third
        assert_eq!((beats.tick().await, now()), (seconds(71), seconds(76)));
        assert_eq!((beats.tick().await, now()), (seconds(81), seconds(81)));
        beats.reset();
        assert_eq!(beats.tick().await, seconds(91));
    });
}

#[test]
fn a_tick_that_is_dropped_skips_no_beat() {
    run(async {
        let mut beats = interval(seconds(10));
        beats.tick().await;
        assert!(timeout(seconds(3), beats.tick()).await.is_err());
        assert_eq!(beats.tick().await, seconds(10));
    });
}

#[test]
#[should_panic(expected = "interval: the period is zero")]
fn an_interval_has_a_period() {
    let _never = interval(Duration::ZERO);
}

#[test]
fn a_limit_needs_no_second_poll_of_what_was_dropped() {
    run(async {
        let mut polls = 0;
        let counted = poll_fn(|_| {
            polls += 1;
            Poll::<()>::Pending
        });
        assert_eq!(timeout(seconds(1), counted).await, Err(Elapsed));
        assert_eq!(polls, 2); // once to begin, once when the time was over
    });
}
