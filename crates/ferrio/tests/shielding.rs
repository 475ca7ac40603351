//! `shield` and `finally`: what goes on when whoever awaited it is gone, and what the loop waits for.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::{Alive, Driven, now, run, seconds, turns};
use ferrio::{create_task, finally, shield, sleep, timeout, yield_now};

type Log = Rc<RefCell<Vec<&'static str>>>;

fn note(log: &Log, what: &'static str) -> impl Future<Output = ()> + use<> {
    let log = log.clone();
    async move { log.borrow_mut().push(what) }
}

#[test]
fn a_shielded_future_gives_its_value() {
    run(async {
        assert_eq!(shield(ready(1)).await, 1);
        let counts = shield(async {
            sleep(seconds(1)).await;
            2
        });
        assert_eq!((counts.await, now()), (2, seconds(1)));
    });
}

#[test]
fn a_shielded_future_is_run_whenever_the_outer_is_dropped() {
    for step in 0..8 {
        run(async {
            let (alive, done) = (Alive::default(), Rc::new(Cell::new(false)));
            let (one, is_done) = (alive.one(), done.clone());
            let task = create_task(shield(async move {
                let _one = one;
                turns(4).await;
                is_done.set(true);
            }));
            turns(step).await;
            task.cancel();
            let _ended = task.await;
            turns(8).await;
            assert!(done.get() && alive.count() == 0);
        });
    }
}

#[test]
fn what_panicked_under_a_shield_is_not_run_again() {
    run(async {
        let task = create_task(shield(async {
            yield_now().await;
            panic!("inner");
        }));
        assert_eq!(task.await.unwrap_err().to_string(), "Task-2 panicked: inner");
        turns(3).await;
        assert_eq!(ferrio::all_tasks().len(), 1);
    });
}

#[test]
fn the_end_of_the_loop_is_the_end_of_a_shielded_future() {
    let alive = Alive::default();
    let one = alive.one();
    run(async move {
        let inner = shield(async move {
            let _one = one;
            pending::<()>().await;
        });
        assert!(timeout(seconds(1), inner).await.is_err());
    });
    assert_eq!(alive.count(), 0);
}

#[test]
fn without_a_loop_a_shielded_future_is_dropped() {
    let alive = Alive::default();
    let one = alive.one();
    drop(shield(async move { drop(one) }));
    assert_eq!(alive.count(), 0);
}

#[test]
fn a_cleanup_runs_before_the_value_is_given() {
    let log = Log::default();
    run(async {
        let cleans_up = note(&log, "cleanup");
        let value = finally(async { 7 }, async move {
            sleep(seconds(1)).await;
            cleans_up.await;
        });
        assert_eq!((value.await, now()), (7, seconds(1)));
        note(&log, "value").await;
    });
    assert_eq!(*log.borrow(), ["cleanup", "value"]);
}

#[test]
fn a_future_may_borrow_under_a_finally() {
    run(async {
        let mut text = String::from("a");
        finally(async { text.push('b') }, async {}).await;
        assert_eq!(text, "ab");
    });
}

/// Before it began, while it works, and while it cleans up.
#[test]
fn a_cleanup_runs_once_whenever_it_is_dropped() {
    for step in 0..10 {
        run(async {
            let log = Log::default();
            let alive = Alive::default();
            let (one, began, ended) = (alive.one(), note(&log, "began"), note(&log, "ended"));
            let works = async move {
                let _one = one;
                turns(3).await;
            };
            let cleanup = async move {
                began.await;
                turns(3).await;
                ended.await;
            };
            let task = create_task(finally(works, cleanup));
            turns(step).await;
            task.cancel();
            let _ended = task.await;
            assert_eq!(alive.count(), 0);
            turns(8).await;
            assert_eq!(*log.borrow(), ["began", "ended"], "dropped after {step} turns");
        });
    }
}

#[test]
fn a_cleanup_runs_when_its_future_panics() {
    let log = Log::default();
    run(async {
        let task = create_task(finally(async { panic!("works") }, note(&log, "cleanup")));
        assert!(task.await.unwrap_err().is_panic());
        yield_now().await;
        assert_eq!(*log.borrow(), ["cleanup"]);
    });
}

#[test]
fn the_loop_waits_for_cleanups_and_for_theirs() {
    let log = Log::default();
    let runs = note(&log, "outer");
    let inner = note(&log, "inner");
    run(async move {
        let cleanup = async move {
            sleep(seconds(3600)).await;
            runs.await;
            // A cleanup's own cleanup, which is left when it has ended.
            drop(finally(pending::<()>(), async move {
                sleep(seconds(3600)).await;
                inner.await;
            }));
        };
        create_task(finally(pending::<()>(), cleanup)).detach();
        yield_now().await;
    });
    assert_eq!(*log.borrow(), ["outer", "inner"]);
}

#[test]
fn a_cleanup_of_the_main_future_runs_though_that_panics() {
    let log = Log::default();
    let cleanup = note(&log, "cleanup");
    let panic = catch_unwind(AssertUnwindSafe(|| run(finally(async { panic!("main") }, cleanup))));
    assert!(panic.is_err());
    assert_eq!(*log.borrow(), ["cleanup"]);
}

#[test]
fn nobody_cancels_a_cleanup_that_all_cancel() {
    let log = Log::default();
    run(async {
        let ended = note(&log, "ended");
        drop(finally(pending::<()>(), async move {
            turns(3).await;
            ended.await;
        }));
        yield_now().await;
    });
    assert_eq!(*log.borrow(), ["ended"]);
}

#[test]
fn a_cleanup_that_panicked_is_not_run_again() {
    let log = Log::default();
    run(async {
        let began = note(&log, "began");
        let task = create_task(finally(async {}, async move {
            began.await;
            panic!("cleanup");
        }));
        assert!(task.await.unwrap_err().is_panic());
        turns(3).await;
    });
    assert_eq!(*log.borrow(), ["began"]);
}

#[test]
fn without_a_loop_a_cleanup_is_dropped() {
    let log = Log::default();
    let mut waits = Driven::new(finally(pending::<()>(), note(&log, "cleanup")));
    assert!(waits.poll().is_none());
    drop(waits);
    assert!(log.borrow().is_empty());
}
