//! `Lock`, `Event`, `Condition`, semaphores, `Barrier`: whose turn it is, and what a dropped future leaves. Futures are polled by
//! hand, and only when they were woken.

mod common;

use std::collections::VecDeque;
use std::rc::Rc;

use common::{Driven, run, seconds, turns};
use ferrio::{
    Barrier, BoundedSemaphore, BrokenBarrierError, Condition, Event, Lock, Semaphore, create_task, gather,
    timeout,
};

#[test]
fn a_lock_guards_its_value_and_goes_to_who_waited_longest() {
    let lock = Lock::new(Vec::new());
    let [mut first, mut second, mut third] = [(); 3].map(|()| Driven::new(lock.acquire()));
    let mut guard = first.poll().unwrap();
    assert!(second.poll().is_none() && third.poll().is_none());
    guard.push(1);
    drop(guard);
    assert!(!lock.locked() && lock.try_acquire().is_none(), "free, but it is the second's turn");
    assert!(!third.is_woken());
    assert_eq!(*second.poll().unwrap(), [1]);
    assert!(third.poll().is_some());
    assert!(lock.try_acquire().is_some());
}

#[test]
fn a_turn_that_is_dropped_is_the_next_ones() {
    let lock = Lock::new(());
    let guard = lock.try_acquire();
    let [mut second, mut third] = [(); 2].map(|()| Driven::new(lock.acquire()));
    assert!(second.poll().is_none() && third.poll().is_none());
    drop(guard);
    drop(second);
    assert!(third.poll().is_some());
}

#[test]
fn a_guard_that_is_forgotten_keeps_the_lock() {
    let mut lock = Lock::new(5);
    std::mem::forget(lock.try_acquire());
    assert!(lock.locked() && lock.try_acquire().is_none());
    assert_eq!(*lock.get_mut(), 5);
}

#[test]
fn an_event_lets_all_go_on_though_it_is_cleared_at_once() {
    let event = Event::new();
    let [mut first, mut second, mut late] = [(); 3].map(|()| Driven::new(event.wait()));
    assert!(first.poll().is_none() && second.poll().is_none());
    event.set();
    event.clear();
    assert!(first.poll().is_some() && second.poll().is_some() && late.poll().is_none());
    event.set();
    assert!(late.poll().is_some() && event.is_set());
}

/// A task's lock is not held while it waits.
#[test]
fn a_condition_tells_as_many_as_it_is_told_to() {
    let condition = Condition::new(0);
    let mut waits = [(); 4].map(|()| Driven::new(async { condition.acquire().await.wait().await }));
    for wait in &mut waits {
        assert!(wait.poll().is_none());
    }
    let mut guard = condition.try_acquire().unwrap();
    *guard = 7;
    guard.notify(2);
    assert!(waits[0].poll().is_none() && waits[1].poll().is_none(), "the lock is held");
    drop(guard);
    let guard = waits[0].poll().unwrap();
    assert!(*guard == 7 && !waits[1].is_woken());
    drop(guard);
    let guard = waits[1].poll().unwrap();
    assert!(!waits[2].is_woken() && !waits[3].is_woken());
    guard.notify_all();
    drop(guard);
    assert!(waits[2].poll().is_some());
    assert!(waits[3].poll().is_some());
}

#[test]
fn a_notification_is_for_who_waits_at_that_moment() {
    let condition = Condition::<()>::default();
    condition.try_acquire().unwrap().notify_all();
    let mut wait = Driven::new(async { condition.acquire().await.wait().await });
    assert!(wait.poll().is_none() && !wait.is_woken());
}

#[test]
fn a_notification_that_is_dropped_is_the_next_ones() {
    for step in ["told", "queued for the lock", "its turn at the lock"] {
        let condition = Condition::<()>::default();
        let [mut first, mut second] =
            [(); 2].map(|()| Driven::new(async { condition.acquire().await.wait().await }));
        assert!(first.poll().is_none() && second.poll().is_none());
        let guard = condition.try_acquire().unwrap();
        guard.notify(1);
        match step {
            "told" => {
                drop(first);
                drop(guard);
            }
            "queued for the lock" => {
                assert!(first.poll().is_none());
                drop(first);
                drop(guard);
            }
            _ => {
                assert!(first.poll().is_none());
                drop(guard);
                assert!(first.is_woken());
                drop(first);
            }
        }
        assert!(second.poll().is_some(), "{step}");
    }
}

#[test]
fn a_wait_that_is_not_begun_or_dropped_frees_the_lock() {
    let condition = Condition::new(1);
    drop(condition.try_acquire().unwrap().wait());
    assert!(!condition.locked());
    let mut wait = Driven::new(condition.try_acquire().unwrap().wait());
    assert!(wait.poll().is_none() && !condition.locked());
    drop(wait);
    assert!(condition.try_acquire().is_some());
}

#[test]
fn two_conditions_share_a_lock() {
    run(async {
        let lock = Rc::new(Lock::new(VecDeque::new()));
        let not_empty = Condition::with_lock(lock.clone());
        let not_full = Condition::with_lock(lock.clone());
        let put = async {
            for number in 0..20 {
                let mut items =
                    not_full.acquire().await.wait_for(|items: &mut VecDeque<_>| items.len() < 2).await;
                items.push_back(number);
                drop(items);
                not_empty.acquire().await.notify(1);
            }
        };
        let get = async {
            let mut got = Vec::new();
            while got.len() < 20 {
                let mut items = not_empty.acquire().await.wait_for(|items| !items.is_empty()).await;
                got.extend(items.pop_front());
                drop(items);
                not_full.acquire().await.notify(1);
            }
            got
        };
        let both = timeout(seconds(60), gather!(put, get));
        assert_eq!(both.await.unwrap().1, (0..20).collect::<Vec<_>>());
    });
}

#[test]
fn a_semaphore_gives_in_order_and_takes_back() {
    let semaphore = Semaphore::new(2);
    let mut all = [(); 4].map(|()| Driven::new(semaphore.acquire()));
    let (first, second) = (all[0].poll().unwrap(), all[1].poll().unwrap());
    assert!(semaphore.locked() && all[2].poll().is_none() && all[3].poll().is_none());
    drop(first);
    assert!(semaphore.try_acquire().is_none(), "it is the third's");
    let third = all[2].poll().unwrap();
    assert!(!all[3].is_woken());
    second.forget();
    drop(third);
    let fourth = all[3].poll().unwrap();
    drop(fourth);
    assert!(semaphore.try_acquire().is_some());
    semaphore.release();
    let both = (semaphore.try_acquire(), semaphore.try_acquire());
    assert!(both.0.is_some() && both.1.is_some() && semaphore.locked());
}

#[test]
fn a_guard_goes_along_to_another_task() {
    run(async {
        let semaphore = BoundedSemaphore::new(1);
        let guard = semaphore.acquire().await;
        let task = create_task(async move {
            turns(2).await;
            drop(guard);
        });
        assert!(semaphore.try_acquire().is_none());
        semaphore.acquire().await.forget();
        task.await.unwrap();
        assert!(semaphore.locked());
    });
}

#[test]
fn a_barrier_lets_all_go_on_and_can_be_used_again() {
    let barrier = Barrier::new(3);
    for _ in 0..2 {
        let mut all = [(); 3].map(|()| Driven::new(barrier.wait()));
        assert!(all[0].poll().is_none() && all[1].poll().is_none());
        assert_eq!((barrier.n_waiting(), barrier.parties(), barrier.broken()), (2, 3, false));
        assert_eq!(all[2].poll(), Some(Ok(2)));
        assert_eq!((barrier.n_waiting(), all[0].poll(), all[1].poll()), (0, Some(Ok(0)), Some(Ok(1))));
    }
}

#[test]
fn who_comes_while_a_barrier_drains_waits_for_the_next_round() {
    let barrier = Barrier::new(2);
    let mut all = [(); 4].map(|()| Driven::new(barrier.wait()));
    assert!(all[0].poll().is_none());
    assert_eq!(all[1].poll(), Some(Ok(1)));
    assert!(all[2].poll().is_none() && barrier.n_waiting() == 0);
    assert_eq!(all[0].poll(), Some(Ok(0)));
    assert!(all[2].poll().is_none() && barrier.n_waiting() == 1);
    assert_eq!((all[3].poll(), all[2].poll()), (Some(Ok(1)), Some(Ok(0))));
}

#[test]
fn a_barrier_that_drains_is_empty_when_the_last_is_dropped() {
    let barrier = Barrier::new(2);
    let mut all = [(); 3].map(|()| Some(Driven::new(barrier.wait())));
    let mut poll = |place: usize| all[place].as_mut().unwrap().poll();
    assert_eq!((poll(0), poll(1), poll(2)), (None, Some(Ok(1)), None));
    all[0] = None;
    assert!(all[2].as_mut().unwrap().poll().is_none());
    assert_eq!(barrier.n_waiting(), 1);
}

#[test]
fn who_is_dropped_was_never_at_the_barrier() {
    let barrier = Barrier::new(3);
    let [mut first, mut second] = [(); 2].map(|()| Driven::new(barrier.wait()));
    assert!(first.poll().is_none() && second.poll().is_none());
    drop(first);
    assert_eq!(barrier.n_waiting(), 1);
    let [mut third, mut fourth] = [(); 2].map(|()| Driven::new(barrier.wait()));
    assert!(third.poll().is_none());
    // Different numbers, though two had come second.
    assert_eq!((fourth.poll(), second.poll(), third.poll()), (Some(Ok(2)), Some(Ok(0)), Some(Ok(1))));
}

#[test]
fn an_aborted_barrier_is_broken_until_it_is_reset() {
    let barrier = Barrier::new(2);
    let mut waits = Driven::new(barrier.wait());
    assert!(waits.poll().is_none());
    barrier.abort();
    assert!(barrier.broken());
    assert_eq!(Driven::new(barrier.wait()).poll(), Some(Err(BrokenBarrierError)));
    barrier.reset(); // with one inside, who has not heard of it yet
    assert!(!barrier.broken());
    let mut late = Driven::new(barrier.wait());
    assert!(late.poll().is_none() && barrier.n_waiting() == 0);
    assert_eq!(waits.poll(), Some(Err(BrokenBarrierError)));
    assert!(late.poll().is_none() && barrier.n_waiting() == 1);
    assert_eq!(Driven::new(barrier.wait()).poll(), Some(Ok(1)));
    assert_eq!(late.poll(), Some(Ok(0)));
}

#[test]
fn a_reset_or_an_abort_reaches_who_has_passed_and_not_left() {
    for abort in [false, true] {
        let barrier = Barrier::new(2);
        let mut first = Driven::new(barrier.wait());
        assert!(first.poll().is_none());
        assert_eq!(Driven::new(barrier.wait()).poll(), Some(Ok(1)));
        if abort {
            barrier.abort();
        } else {
            barrier.reset();
        }
        assert_eq!(first.poll(), Some(Err(BrokenBarrierError)));
        assert_eq!(barrier.broken(), abort);
    }
}

#[test]
#[should_panic(expected = "Barrier::new: a barrier for nobody")]
fn a_barrier_is_for_somebody() {
    let _never = Barrier::new(0);
}
