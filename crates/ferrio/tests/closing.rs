//! How a loop ends what is left when its main future has: whom it cancels, and for whom it waits.

mod common;

use std::cell::RefCell;
use std::future::{Future, pending};
use std::panic::catch_unwind;
use std::rc::Rc;

use common::{Alive, OneAlive, run, seconds, turns};
use ferrio::{TaskGroup, create_task, finally, shield, sleep, timeout, yield_now};

#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<&'static str>>>);

impl Log {
    fn note(&self, what: &'static str) {
        self.0.borrow_mut().push(what);
    }

    /// Notes `what` when dropped.
    fn at_end(&self, what: &'static str) -> AtEnd {
        AtEnd(self.clone(), what)
    }

    #[track_caller]
    fn is(&self, expected: &[&str]) {
        assert_eq!(*self.0.borrow(), expected);
    }
}

struct AtEnd(Log, &'static str);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

/// Waits for ever as a task, and for `cleanup` when the loop closes.
async fn leave(cleanup: impl Future<Output = ()> + 'static) {
    create_task(finally(pending::<()>(), cleanup)).detach();
    yield_now().await;
}

#[test]
fn a_task_that_a_cleanup_starts_runs_to_its_end() {
    let log = Log::default();
    let seen = log.clone();
    run(leave(async move {
        let value = create_task(async {
            sleep(seconds(3600)).await;
            7
        });
        assert_eq!(value.await.unwrap(), 7);
        seen.note("cleaned up");
    }));
    log.is(&["cleaned up"]);
}

#[test]
fn a_task_that_a_cleanup_started_before_the_loop_closes_runs_to_its_end() {
    for begins_after in 0..4 {
        let log = Log::default();
        let seen = log.clone();
        run(async {
            drop(finally(pending::<()>(), async move {
                turns(1).await;
                let value = create_task(async {
                    sleep(seconds(1)).await;
                    7
                });
                assert_eq!(value.await.unwrap(), 7);
                seen.note("cleaned up");
            }));
            turns(begins_after).await;
        });
        log.is(&["cleaned up"]);
    }
}

#[test]
fn what_tasks_of_a_cleanup_start_runs_to_its_end_too() {
    let log = Log::default();
    let seen = log.clone();
    run(leave(async move {
        let in_a_group = TaskGroup::run(async |group| {
            let child = group.create_task(async {
                create_task(sleep(seconds(2))).await.unwrap();
                Ok::<_, std::io::Error>(())
            });
            child.detach();
            Ok(())
        });
        in_a_group.await.unwrap();
        let limited = timeout(seconds(1), shield(sleep(seconds(2)))).await;
        assert!(limited.is_err());
        seen.note("cleaned up");
    }));
    log.is(&["cleaned up"]);
}

#[test]
fn what_cleanups_leave_is_cancelled_when_the_last_one_has_ended() {
    let log = Log::default();
    let (first, second) = (log.clone(), log.clone());
    run(async move {
        leave(async move {
            let left = first.at_end("left by the first");
            let forever = async move {
                let _left = left;
                pending::<()>().await;
            };
            let and_then = first.clone();
            create_task(finally(forever, async move { and_then.note("cleanup of what was left") })).detach();
            first.note("first");
        })
        .await;
        leave(async move {
            sleep(seconds(5)).await;
            second.note("second");
        })
        .await;
    });
    log.is(&["first", "second", "left by the first", "cleanup of what was left"]);
}

#[test]
fn whoever_is_no_cleanups_is_cancelled_at_once() {
    let log = Log::default();
    let cleans_up = log.clone();
    run(async {
        let ends = log.at_end("worker");
        let worker = create_task(async move {
            let _ends = ends;
            pending::<()>().await;
        });
        yield_now().await;
        leave(async move {
            assert!(worker.await.unwrap_err().is_cancelled());
            sleep(seconds(1)).await;
            cleans_up.note("cleanup");
        })
        .await;
    });
    log.is(&["worker", "cleanup"]);
}

/// A shielded future that is left goes on while cleanups do, and no longer.
#[test]
fn a_shielded_future_ends_with_the_last_cleanup() {
    let log = Log::default();
    let shielded = |length: u64, what: &'static str| {
        let (log, ends) = (log.clone(), log.at_end("shield ends"));
        async move {
            let _ends = ends;
            sleep(seconds(length)).await;
            log.note(what);
        }
    };
    run(async {
        for (length, what) in [(1, "short"), (9, "long")] {
            create_task(shield(shielded(length, what))).detach();
        }
        let cleans_up = log.clone();
        leave(async move {
            sleep(seconds(5)).await;
            cleans_up.note("cleanup");
        })
        .await;
    });
    log.is(&["short", "shield ends", "cleanup", "shield ends"]);
}

/// Starts its like whenever it ends, as long as a loop runs.
struct Again(#[expect(dead_code, reason = "is counted")] OneAlive, Alive);

impl Drop for Again {
    fn drop(&mut self) {
        if catch_unwind(ferrio::get_running_loop).is_ok() {
            let next = Again(self.1.one(), self.1.clone());
            create_task(async move { drop(next) }).detach();
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "it ends after a thousand rounds, which take minutes there")]
fn tasks_that_start_their_like_for_ever_do_not_keep_a_loop_from_closing() {
    let alive = Alive::default();
    let first = Again(alive.one(), alive.clone());
    run(async move { create_task(async move { drop(first) }).detach() });
    assert_eq!(alive.count(), 0);
}

#[test]
fn a_closed_loop_keeps_nothing_that_it_is_given() {
    let (alive, log) = (Alive::default(), Log::default());
    let runner = ferrio::Runner::new().unwrap();
    let event_loop = runner.run(async { ferrio::get_running_loop() });
    drop(runner);
    // Each holds the loop, which would hold each.
    let held = || (event_loop.clone(), alive.one());
    let all = (held(), log.at_end("dropped"));
    let task = event_loop.create_task(async move {
        let _all = all;
        pending::<()>().await;
    });
    assert!(task.is_finished());
    log.is(&["dropped"]);
    let call = held();
    event_loop.call_soon(move || drop(call));
    let call = held();
    assert!(event_loop.call_later(seconds(1), move || drop(call)).is_finished());
    assert_eq!(alive.count(), 0);
    assert!(run(task).is_err());
}
