//! `TaskGroup`: whose failure ends whom, which errors come together, and that all have ended when it returns.

mod common;

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::{Alive, Random, now, run, seconds, times, turns};
use ferrio::{ErrorGroup, JoinError, TaskGroup, create_task, sleep, yield_now};

async fn fails<T>(after: usize, error: &'static str) -> Result<T, &'static str> {
    turns(after).await;
    Err(error)
}

fn errors<T: std::fmt::Debug>(result: Result<T, ErrorGroup<&'static str>>) -> Vec<&'static str> {
    result.unwrap_err().into_iter().collect()
}

#[test]
fn it_waits_for_all_children() {
    run(async {
        let value = TaskGroup::<Infallible>::run(async |group| {
            for delay in 1..4 {
                group
                    .create_task(async move {
                        sleep(seconds(delay)).await;
                        Ok(())
                    })
                    .detach();
            }
            Ok("value")
        })
        .await;
        assert_eq!((value, now()), (Ok("value"), seconds(3)));
    });
}

#[test]
fn a_childs_error_cancels_the_others_and_the_body() {
    run(async {
        let alive = Alive::default();
        let (one, body_one) = (alive.one(), alive.one());
        let result = TaskGroup::run(async |group| {
            let _body_one = body_one;
            group
                .create_task(async move {
                    let _one = one;
                    pending::<Result<(), _>>().await
                })
                .detach();
            group.create_task(fails::<()>(2, "child")).detach();
            pending::<Result<(), _>>().await
        });
        assert_eq!((errors(result.await), alive.count()), (vec!["child"], 0));
    });
}

/// As in asyncio, where a group learns of a child's end at the loop's next turn.
#[test]
fn errors_of_the_same_turn_come_together_and_the_bodys_last() {
    run(async {
        let result = TaskGroup::run(async |group| {
            group.create_task(fails::<()>(0, "first")).detach();
            group.create_task(fails::<()>(0, "second")).detach();
            group.create_task(fails::<()>(1, "never")).detach();
            pending::<Result<(), _>>().await
        });
        assert_eq!(errors(result.await), ["first", "second"]);

        let result = TaskGroup::run(async |group| {
            group.create_task(fails::<()>(0, "child")).detach();
            yield_now().await; // the body is queued before the child
            Err::<(), _>("body")
        });
        assert_eq!(errors(result.await), ["child"], "the body was cut short");

        let result = TaskGroup::run(async |group| {
            group.create_task(fails::<()>(0, "never")).detach();
            Err::<(), _>("body")
        });
        assert_eq!(errors(result.await), ["body"]);
    });
}

#[test]
fn an_error_after_the_bodys_end_ends_the_others() {
    run(async {
        let alive = Alive::default();
        let one = alive.one();
        let result = TaskGroup::run(async |group| {
            group
                .create_task(async move {
                    let _one = one;
                    pending::<Result<(), _>>().await
                })
                .detach();
            group.create_task(fails::<()>(3, "late")).detach();
            Ok("not given")
        });
        assert_eq!((errors(result.await), alive.count()), (vec!["late"], 0));
    });
}

#[test]
fn a_panic_goes_on_when_all_have_ended() {
    run(async {
        let alive = Alive::default();
        let watched = alive.clone();
        let one = alive.one();
        let task = create_task(async move {
            let _ended = TaskGroup::<&str>::run(async |group| {
                group
                    .create_task(async move {
                        let _one = one;
                        pending::<Result<(), _>>().await
                    })
                    .detach();
                let child = group.create_task(async {
                    yield_now().await;
                    assert!(is_off(), "child");
                    Ok(())
                });
                group.create_task(fails::<()>(1, "dropped")).detach();
                let _failed = child.await;
                pending::<Result<(), _>>().await
            })
            .await;
        });
        let error = task.await.unwrap_err();
        assert_eq!(error.to_string(), "Task-2 panicked: child");
        assert_eq!(watched.count(), 0);
    });
}

#[test]
fn a_panic_of_the_body_cancels_the_children() {
    let alive = Alive::default();
    let one = alive.one();
    let watched = alive.clone();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        run(async move {
            let group = TaskGroup::<Infallible>::run(async |group| {
                group
                    .create_task(async move {
                        let _one = one;
                        pending::<Result<(), _>>().await
                    })
                    .detach();
                yield_now().await;
                assert!(is_off(), "body");
                Ok(())
            });
            let _never = catch(group).await;
            assert_eq!(watched.count(), 0);
            panic!("seen");
        });
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"seen"));
}

/// Always, though the compiler does not know.
fn is_off() -> bool {
    std::hint::black_box(false)
}

/// What a future panics with.
async fn catch<F: Future>(future: F) -> Option<Box<dyn std::any::Any + Send>> {
    let mut future = Box::pin(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(polled) => polled.map(|_| None),
        Err(panic) => std::task::Poll::Ready(Some(panic)),
    })
    .await
}

#[test]
fn a_child_that_is_cancelled_is_no_failure() {
    run(async {
        let value = TaskGroup::<Infallible>::run(async |group| {
            let child = group.create_task(pending::<Result<(), _>>());
            assert!(child.cancel());
            assert!(child.await.unwrap_err().is_cancelled());
            Ok(1)
        });
        assert_eq!(value.await, Ok(1));
    });
}

#[test]
fn the_handle_of_a_child_that_failed_says_so() {
    run(async {
        let handle = Rc::new(RefCell::new(None));
        let keeps = handle.clone();
        let result = TaskGroup::run(async |group| {
            *keeps.borrow_mut() = Some(group.create_task(fails::<()>(0, "child")));
            Ok(())
        });
        assert_eq!(errors(result.await), ["child"]);
        let child = handle.take().unwrap();
        let error: JoinError = child.await.unwrap_err();
        assert!(!error.is_cancelled() && !error.is_panic());
        assert_eq!(error.to_string(), "Task-2 failed: its task group has the error");
        assert!(error.try_into_panic().is_err());
    });
}

#[test]
fn children_may_start_children_after_the_body_has_ended() {
    run(async {
        let value = TaskGroup::<Infallible>::run(async |group| {
            let inner = group.clone();
            group
                .create_task(async move {
                    sleep(seconds(1)).await;
                    inner
                        .create_task(async {
                            sleep(seconds(1)).await;
                            Ok(())
                        })
                        .detach();
                    Ok(())
                })
                .detach();
            Ok(())
        });
        assert_eq!((value.await, now()), (Ok(()), seconds(2)));
    });
}

#[test]
fn who_comes_while_the_group_ends_is_cancelled() {
    struct StartsOneMore(TaskGroup<&'static str>, Alive);

    impl Drop for StartsOneMore {
        fn drop(&mut self) {
            let one = self.1.one();
            let late = self.0.create_task(async move {
                let _one = one;
                pending::<Result<(), _>>().await
            });
            late.detach();
        }
    }

    run(async {
        let alive = Alive::default();
        let counts = alive.clone();
        let result = TaskGroup::run(async |group| {
            let starts = StartsOneMore(group.clone(), counts);
            group
                .create_task(async move {
                    let _starts = starts;
                    pending::<Result<(), _>>().await
                })
                .detach();
            yield_now().await;
            Err::<(), _>("body")
        });
        assert_eq!((errors(result.await), alive.count()), (vec!["body"], 0));
    });
}

#[test]
#[should_panic(expected = "TaskGroup::create_task: the group has ended")]
fn a_group_that_has_ended_takes_nobody() {
    run(async {
        let group = TaskGroup::<Infallible>::run(async |group| Ok(group)).await.unwrap();
        group.create_task(async { Ok(()) }).detach();
    });
}

#[test]
fn errors_show_as_one() {
    run(async {
        let result = TaskGroup::run(async |group| {
            for text in ["x", "y"] {
                group.create_task(async move { text.parse::<u8>().map(drop) }).detach();
            }
            Ok(())
        });
        let errors = result.await.unwrap_err();
        let invalid = "invalid digit found in string";
        assert_eq!(errors.to_string(), format!("2 errors: {invalid}; {invalid}"));
        assert_eq!(std::error::Error::source(&errors).unwrap().to_string(), invalid);
        assert_eq!((errors.iter().count(), errors.into_first().to_string().as_str()), (2, invalid));
    });
}

#[test]
fn a_group_that_is_dropped_at_any_time_ends_its_children() {
    for step in 0..12 {
        run(async {
            let alive = Alive::default();
            let counts = alive.clone();
            let task = create_task(TaskGroup::<Infallible>::run(async move |group| {
                for count in 0..4 {
                    let (one, counts, inner) = (counts.one(), counts.clone(), group.clone());
                    group
                        .create_task(async move {
                            let _one = one;
                            turns(count).await;
                            let one = counts.one();
                            inner
                                .create_task(async move {
                                    let _one = one;
                                    turns(3).await;
                                    Ok(())
                                })
                                .detach();
                            Ok(())
                        })
                        .detach();
                    yield_now().await;
                }
                Ok(())
            }));
            turns(step).await;
            task.cancel();
            let _ended = task.await;
            turns(2).await;
            assert_eq!(alive.count(), 0, "dropped after {step} turns");
            assert_eq!(ferrio::all_tasks().len(), 1);
        });
    }
}

/// Trees of tasks of which some fail: whatever comes, all have ended, and there are errors exactly where one failed.
#[test]
fn whatever_happens_all_have_ended() {
    fn grow(
        group: &TaskGroup<usize>,
        seed: usize,
        depth: usize,
        alive: &Alive,
        failed: &Rc<RefCell<Vec<usize>>>,
    ) {
        let (inner, alive, failed, one) = (group.clone(), alive.clone(), failed.clone(), alive.one());
        let handle = group.create_task(async move {
            let _one = one;
            let mut random = Random::new(seed as u64);
            for _ in 0..random.below(4) {
                turns(random.below(3)).await;
                if depth > 0 {
                    grow(&inner, random.below(1 << 20), depth - 1, &alive, &failed);
                }
            }
            if random.below(40) == 0 {
                failed.borrow_mut().push(seed);
                return Err(seed);
            }
            Ok(())
        });
        if seed.is_multiple_of(5) {
            handle.cancel();
        }
        handle.detach();
    }

    let mut outcomes = [0, 0];
    for seed in 0..times(300) {
        run(async {
            let (alive, failed) = (Alive::default(), Rc::new(RefCell::new(Vec::new())));
            let result = TaskGroup::run(async |group| {
                for child in 0..4 {
                    grow(&group, seed * 16 + child, 3, &alive, &failed);
                    yield_now().await;
                }
                Ok(())
            })
            .await;
            assert_eq!((alive.count(), ferrio::all_tasks().len()), (0, 1));
            let errors: Vec<_> = result.err().into_iter().flatten().collect();
            assert_eq!(errors, *failed.borrow());
            outcomes[usize::from(errors.is_empty())] += 1;
        });
    }
    assert!(cfg!(miri) || outcomes.iter().all(|&count| count > 20), "{outcomes:?}");
}
