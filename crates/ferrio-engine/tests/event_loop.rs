//! The loop as a door sees it: turns and batches, timers, sleeping tasks, pools. Other threads are in `remote.rs`,
//! descriptors in `watch.rs`, the end in `close.rs`.

mod common;

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use common::{Door, Word};
use ferrio_engine::{Core, Plan, Time, sleep, spawn, task::yield_now};

type Log<T> = Arc<Mutex<Vec<T>>>;

fn log<T>() -> Log<T> {
    Arc::default()
}

fn taken<T>(log: &Log<T>) -> Vec<T> {
    std::mem::take(&mut log.lock().unwrap())
}

fn push<T: Clone + Send + 'static>(log: &Log<T>, what: T) -> impl FnMut(&Door) + Send + 'static {
    let log = log.clone();
    move |_| log.lock().unwrap().push(what.clone())
}

#[test]
fn a_batch_is_what_was_queued_when_it_began() {
    let door = Door::new();
    let seen = log();
    let inner = seen.clone();
    door.call_soon(move |door| {
        inner.lock().unwrap().push("first");
        door.call_soon(push(&inner, "queued by the first"));
    });
    door.call_soon(push(&seen, "second"));
    assert_eq!(door.turn(Duration::ZERO), 2);
    assert_eq!(taken(&seen), ["first", "second"]);
    assert_eq!(door.turn(Duration::ZERO), 1);
    assert_eq!(taken(&seen), ["queued by the first"]);
}

#[test]
fn timers_run_after_what_is_ready_by_deadline_and_ties_as_scheduled() {
    let door = Door::with_virtual_clock();
    let seen = log();
    for (name, seconds) in [("c", 2), ("a", 1), ("d", 2), ("b", 1), ("e", 3)] {
        drop(door.call_later(Duration::from_secs(seconds), push(&seen, name)));
    }
    door.engine.core().clock.advance_to(door.now().after(Duration::from_secs(2)));
    door.call_soon(push(&seen, "ready"));
    door.turn(Duration::ZERO);
    assert_eq!(taken(&seen), ["ready", "a", "b", "c", "d"]);
    door.run_until_idle();
    assert_eq!(taken(&seen), ["e"]);
}

#[test]
fn a_timer_that_a_timer_schedules_for_now_runs_at_the_next_turn() {
    let door = Door::with_virtual_clock();
    let seen = log();
    let inner = seen.clone();
    door.call_soon(move |door| {
        drop(door.call_later(Duration::ZERO, push(&inner, "timer")));
        door.call_soon(push(&inner, "soon"));
    });
    assert_eq!(door.turn(Duration::ZERO), 1);
    assert_eq!(door.turn(Duration::ZERO), 2);
    assert_eq!(taken(&seen), ["soon", "timer"]);
}

#[test]
fn cancelled_timers_neither_run_nor_delay() {
    let door = Door::with_virtual_clock();
    let seen = log();
    let words: Vec<_> = (1..=500).map(|n| door.call_later(Duration::from_secs(n), push(&seen, n))).collect();
    for word in &words[..499] {
        word.cancel();
        door.engine.timers().note_cancelled();
    }
    door.engine.timers().tidy();
    assert!(door.engine.timers().len() <= 250, "{} timers left", door.engine.timers().len());
    door.run_until_idle();
    assert_eq!(taken(&seen), [500]);
    assert_eq!(words[499].count(), 1);
}

#[test]
fn sleeping_tasks_wake_by_deadline_on_a_virtual_clock() {
    let door = Door::with_virtual_clock();
    let start = Instant::now();
    let order = door.block_on(async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = [3_u64, 1, 2]
            .into_iter()
            .map(|hours| {
                let order = order.clone();
                spawn(async move {
                    sleep(Duration::from_secs(hours * 3600)).unwrap().await;
                    order.borrow_mut().push(hours);
                })
                .unwrap()
            })
            .collect();
        for task in tasks {
            task.await;
        }
        order.take()
    });
    assert_eq!(order, [1, 2, 3]);
    assert_eq!(door.now(), Time::ZERO.after(Duration::from_secs(3 * 3600)));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_real_sleep_is_never_short() {
    let door = Door::new();
    for micros in [0, 50, 300, 1_500, 4_000] {
        let delay = Duration::from_micros(micros);
        let start = Instant::now();
        door.block_on(async move { sleep(delay).unwrap().await });
        assert!(start.elapsed() >= delay, "{:?} for {delay:?}", start.elapsed());
    }
}

#[test]
fn a_dropped_sleep_leaves_nothing_to_wait_for() {
    let door = Door::with_virtual_clock();
    door.block_on(async {
        let mut long = std::pin::pin!(sleep(Duration::from_secs(100)).unwrap());
        assert!(std::future::poll_fn(|context| Poll::Ready(long.as_mut().poll(context))).await.is_pending());
    });
    door.run_until_idle();
    assert_eq!(door.now(), Time::ZERO);
}

#[test]
fn the_blocking_pool_answers_and_survives_a_panic() {
    let door = Door::new();
    let answers = door.block_on(async {
        let core = Core::require().unwrap();
        let good = core.blocking().run(|| 6 * 7).unwrap().await;
        let bad = core.blocking().run(|| std::panic::resume_unwind(Box::new("expected"))).unwrap().await;
        (good, bad.map(|(): ()| 0))
    });
    assert_eq!(answers, (Some(42), None));
}

#[test]
fn tasks_yield_to_each_other_in_turn() {
    let door = Door::new();
    let order = door.block_on(async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = (0..3)
            .map(|name| {
                let order = order.clone();
                spawn(async move {
                    for round in 0..2 {
                        order.borrow_mut().push((round, name));
                        yield_now().await;
                    }
                })
                .unwrap()
            })
            .collect();
        for task in tasks {
            task.await;
        }
        order.take()
    });
    assert_eq!(order, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
}

#[test]
fn progress_changes_with_every_turn_and_every_word() {
    let door = Door::new();
    let seen = log();
    for _ in 0..2 {
        let inner = seen.clone();
        door.call_soon(move |door| {
            inner.lock().unwrap().extend([door.engine.progress(), door.engine.progress()]);
        });
    }
    door.turn(Duration::ZERO);
    let before = door.engine.progress();
    door.turn(Duration::ZERO);
    let seen = taken(&seen);
    assert_eq!(seen[0], seen[1], "it stays the same while a word runs");
    assert_eq!(seen[2], seen[3]);
    assert!(seen[0] < seen[2] && seen[2] <= before && before < door.engine.progress());
}

#[test]
fn there_is_no_progress_to_speak_of_in_a_sleep() {
    let door = Door::new();
    assert!(door.engine.progress().is_some());
    assert!(matches!(door.engine.plan(door.now()), Plan::Wait(None)));
    assert_eq!(door.engine.progress(), None);
    door.engine.ring();
    door.engine.wait(None).unwrap();
    assert!(door.engine.progress().is_some());
}

#[test]
fn a_timer_that_is_due_makes_a_loop_as_busy_as_a_callback() {
    let door = Door::with_virtual_clock();
    let now = door.now();
    door.engine.collect(now);
    door.call_later(Duration::from_millis(1), |_| {});
    assert_eq!(door.engine.plan(now), Plan::Wait(Some(Duration::from_millis(1))));
    door.call_later(Duration::ZERO, |_| {});
    assert_eq!(door.engine.plan(now), Plan::Skip, "the poller was asked a moment ago");
    assert_eq!(door.engine.plan(now.after(Duration::from_millis(1))), Plan::Wait(Some(Duration::ZERO)));
}

#[test]
fn a_callback_has_a_number_of_its_own_while_it_runs() {
    let door = Door::new();
    let number = |door: &Door| door.engine.note_write();
    assert_eq!(number(&door), None);
    {
        let _around = door.engine.callback().enter();
        door.engine.call_soon(Word::new(|_| {}));
        let first = number(&door);
        assert!(first.is_some() && number(&door) == first);
        drop(door.engine.ready().pop());
        assert_ne!(number(&door), first);
        drop(door.engine.callback().enter());
        assert!(number(&door).is_some(), "an inner run has ended, the outer one goes on");
    }
    assert_eq!(number(&door), None);
}

#[test]
fn what_callbacks_leave_is_taken_once() {
    let door = Door::new();
    let callback = door.engine.callback();
    assert!(!callback.has_left_words() && callback.take_words().is_empty());
    (0..3).for_each(|_| callback.leave(Word::new(|_| {})));
    assert!(callback.has_left_words());
    std::thread::sleep(Duration::from_millis(1));
    assert!(callback.is_overdue());
    assert_eq!(callback.take_words().len(), 3);
    assert!(!callback.has_left_words() && !callback.is_overdue() && callback.take_words().is_empty());
}
