//! `scope` and `try_scope`: children that borrow, who is polled, whose end ends whom, and what is dropped when.

#![expect(
    clippy::async_yields_async,
    reason = "handles outlive their scopes here, to see what becomes of them"
)]

mod common;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use common::{Alive, Driven, Random, now, run, seconds, times, turns};
use ferrio::{Cancelled, Scope, create_future, create_task, scope, sleep, try_scope, yield_now};

#[test]
fn children_borrow_what_outlives_the_scope() {
    run(async {
        let text = String::from("text");
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let (left_changed, right_changed) = (&mut left, &mut right);
        let len = scope(async |s| {
            s.spawn(async {
                sleep(seconds(2)).await;
                left_changed.push(&text);
            });
            s.spawn(async {
                sleep(seconds(1)).await;
                right_changed.push(text.as_str());
            });
            s.spawn(async { text.len() }).await
        })
        .await;
        assert_eq!((len, left, right, now()), (Ok(4), vec![&text], vec!["text"], seconds(2)));
    });
}

fn count_down<'env>(s: &Scope<'env>, from: usize, seen: &'env RefCell<Vec<usize>>) {
    let inner = s.clone();
    s.spawn(async move {
        seen.borrow_mut().push(from);
        yield_now().await;
        if from > 0 {
            count_down(&inner, from - 1, seen);
        }
    });
}

#[test]
fn children_start_children_though_the_body_has_ended() {
    run(async {
        let seen = RefCell::new(Vec::new());
        scope(async |s| count_down(&s, 5, &seen)).await;
        assert_eq!(*seen.borrow(), [5, 4, 3, 2, 1, 0]);
    });
}

#[test]
fn a_scope_in_a_function_takes_its_arguments_along() {
    async fn lengths(words: &[String]) -> usize {
        let total = Cell::new(0);
        scope(async |s| {
            for word in words {
                let total = &total;
                s.spawn(async move {
                    yield_now().await;
                    total.set(total.get() + word.len());
                });
            }
        })
        .await;
        total.get()
    }

    run(async {
        let words = ["a", "bc", "def"].map(String::from);
        assert_eq!(lengths(&words).await, 6);
    });
}

#[test]
fn scopes_nest() {
    run(async {
        let outer = Cell::new(0);
        scope(async |s| {
            s.spawn(async {
                let inner = Cell::new(0);
                scope(async |s| {
                    for _ in 0..3 {
                        s.spawn(async {
                            yield_now().await;
                            inner.set(inner.get() + 1);
                        });
                    }
                })
                .await;
                outer.set(inner.get());
            });
        })
        .await;
        assert_eq!(outer.get(), 3);
    });
}

#[test]
fn a_child_is_polled_when_it_was_woken_and_no_more() {
    run(async {
        let (count, polls) = (times(100), Cell::new(0));
        scope(async |s| {
            for number in 1..=count as u64 {
                let polls = &polls;
                let mut sleeps = Box::pin(sleep(seconds(number)));
                s.spawn(poll_fn(move |context| {
                    polls.set(polls.get() + 1);
                    sleeps.as_mut().poll(context)
                }));
            }
        })
        .await;
        assert_eq!(polls.get(), 2 * count);
    });
}

#[test]
fn children_that_start_each_other_let_others_run() {
    fn endless(s: &Scope<'static>) {
        let inner = s.clone();
        s.spawn(async move { endless(&inner) });
    }

    run(async {
        let task = create_task(scope(async |s| {
            endless(&s);
            pending::<()>().await;
        }));
        turns(10).await;
        assert!(task.cancel() && task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_handle_gives_the_value_or_that_there_is_none() {
    run(async {
        let alive = Alive::default();
        let left = scope(async |s| {
            let done = s.spawn(async { 1 });
            yield_now().await;
            assert!(done.is_finished() && !done.cancel());
            assert_eq!(done.await, Ok(1));

            let one = alive.one();
            let waits = s.spawn(async move {
                let _one = one;
                pending::<()>().await;
            });
            yield_now().await;
            assert!(waits.cancel());
            assert_eq!((waits.await, alive.count()), (Err(Cancelled), 0));

            let one = alive.one();
            let unborn = s.spawn(async move { drop(one) });
            assert!(unborn.cancel());
            assert_eq!((unborn.await, alive.count()), (Err(Cancelled), 0));

            // Siblings wait for each other.
            let (promise, promised) = create_future();
            let sibling = s.spawn(promised);
            let joins = s.spawn(sibling);
            yield_now().await;
            promise.set_result(7);
            assert_eq!(joins.await, Ok(Ok(Ok(7))));
            s.spawn(async { "left" })
        })
        .await;
        assert_eq!(left.await, Ok("left"));
    });
}

#[test]
fn a_childs_panic_goes_on_when_all_are_dropped() {
    run(async {
        let alive = Alive::default();
        let counts = alive.clone();
        let task = create_task(async move {
            scope(async |s| {
                let (one, body_one) = (counts.one(), counts.one());
                s.spawn(async move {
                    let _one = one;
                    pending::<()>().await;
                });
                s.spawn(async {
                    yield_now().await;
                    panic!("child");
                });
                pending::<()>().await;
                drop(body_one);
            })
            .await;
        });
        assert_eq!(task.await.unwrap_err().to_string(), "Task-2 panicked: child");
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_panic_of_the_body_drops_the_children() {
    let alive = Alive::default();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        run(scope(async |s| {
            let one = alive.one();
            s.spawn(async move {
                let _one = one;
                pending::<()>().await;
            });
            yield_now().await;
            panic!("body");
        }));
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"body"));
    assert_eq!(alive.count(), 0);
}

#[test]
fn errors_of_the_same_turn_come_together() {
    run(async {
        let alive = Alive::default();
        let result = try_scope(async |s| {
            for (name, after) in [("first", 1), ("late", 2), ("second", 1)] {
                let one = alive.one();
                s.spawn(async move {
                    let _one = one;
                    turns(after).await;
                    Err::<(), _>(name)
                });
            }
            pending::<Result<(), _>>().await
        });
        let errors: Vec<_> = result.await.unwrap_err().into_iter().collect();
        assert_eq!((errors, alive.count()), (vec!["first", "second"], 0));

        let result = try_scope(async |s| {
            s.spawn(async { Err::<(), _>("never polled") });
            Err::<(), _>("body")
        });
        assert_eq!(result.await.unwrap_err().into_iter().collect::<Vec<_>>(), ["body"]);

        let text = String::from("12");
        let result = try_scope(async |s| {
            let child = s.spawn(async { text.parse::<i32>() });
            Ok(child.await.unwrap())
        });
        assert_eq!(result.await, Ok(12));
    });
}

#[test]
#[should_panic(expected = "spawn: the scope has ended")]
fn a_scope_that_has_ended_takes_nobody() {
    run(async {
        let ended = scope(async |s| s).await;
        ended.spawn(async {});
    });
}

#[test]
fn who_comes_while_the_scope_ends_is_dropped() {
    struct StartsOneMore<'env>(Scope<'env>, Alive);

    impl Drop for StartsOneMore<'_> {
        fn drop(&mut self) {
            let one = self.1.one();
            self.0.spawn(async move { drop(one) });
        }
    }

    let alive = Alive::default();
    let mut ends = Driven::new(scope(async |s| {
        let starts = StartsOneMore(s.clone(), alive.clone());
        s.spawn(async move {
            let _starts = starts;
            pending::<()>().await;
        });
        let _starts = StartsOneMore(s, alive.clone());
        pending::<()>().await;
    }));
    assert!(ends.poll().is_none());
    drop(ends);
    assert_eq!(alive.count(), 0);
}

#[test]
fn another_task_may_start_children_of_a_static_scope() {
    run(async {
        let (promise, promised) = ferrio::create_future();
        let task = create_task(async move {
            let s: Scope<'static> = promised.await.unwrap();
            s.spawn(async { 7 })
        });
        let seven = scope(async move |s: Scope<'static>| {
            promise.set_result(s);
            let child = task.await.unwrap();
            child.await
        });
        assert_eq!(seven.await, Ok(7));
    });
}

/// Before its first poll, and after each.
#[test]
fn a_scope_that_is_dropped_at_any_time_drops_its_children() {
    for step in 0..10 {
        let alive = Alive::default();
        let mut whole = Driven::new(scope(async |s| {
            for count in 0..4 {
                let (one, inner, alive) = (alive.one(), s.clone(), &alive);
                s.spawn(async move {
                    let _one = one;
                    turns(count).await;
                    let one = alive.one();
                    inner.spawn(async move {
                        let _one = one;
                        pending::<()>().await;
                    });
                });
                yield_now().await;
            }
        }));
        for _ in 0..step {
            assert!(whole.poll().is_none());
        }
        drop(whole);
        assert_eq!(alive.count(), 0, "dropped after {step} polls");
    }
}

/// Trees of children that wait, start and cancel others: all values are right, and nobody is left.
#[test]
fn whatever_happens_nobody_is_left() {
    struct World {
        alive: Alive,
        started: Cell<usize>,
        ended: Cell<usize>,
        cancelled: Cell<usize>,
    }

    async fn live<'env>(s: Scope<'env>, seed: usize, depth: usize, world: &'env World) -> usize {
        let _one = world.alive.one();
        let mut random = Random::new(seed as u64);
        let mut sum = 1;
        for _ in 0..random.below(4) {
            turns(random.below(3)).await;
            if depth == 0 {
                continue;
            }
            world.started.set(world.started.get() + 1);
            let (inner, seed) = (s.clone(), random.below(1 << 20));
            let child = s.spawn(Box::pin(live(inner, seed, depth - 1, world)));
            match random.below(4) {
                0 => {
                    turns(random.below(4)).await;
                    if child.cancel() {
                        world.cancelled.set(world.cancelled.get() + 1);
                        assert_eq!(child.await, Err(Cancelled));
                    }
                }
                1 => drop(child),
                _ => sum += child.await.unwrap(),
            }
        }
        world.ended.set(world.ended.get() + 1);
        sum
    }

    let mut cancelled = 0;
    for seed in 0..times(300) {
        run(async {
            let world = World {
                alive: Alive::default(),
                started: Cell::new(1),
                ended: Cell::new(0),
                cancelled: Cell::new(0),
            };
            let body = scope(async |s| live(s, seed, 4, &world).await);
            if seed % 3 == 0 {
                let mut body = Box::pin(body);
                let mut left = seed % 7;
                poll_fn(|context| {
                    let has_ended = left == 0 || body.as_mut().poll(context).is_ready();
                    left = left.saturating_sub(1);
                    context.waker().wake_by_ref();
                    if has_ended { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                drop(body);
            } else {
                let sum = body.await;
                assert!(sum <= world.started.get());
                assert!(world.ended.get() + world.cancelled.get() <= world.started.get());
                if world.cancelled.get() == 0 {
                    assert_eq!(world.ended.get(), world.started.get());
                }
            }
            assert_eq!(world.alive.count(), 0);
            cancelled += world.cancelled.get();
        });
    }
    assert!(cfg!(miri) || cancelled > 50, "{cancelled}");
}
