//! `gather`, `try_gather`, `race`, `wait`, `as_completed`: order, errors, who is polled, and what is dropped when.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;

use common::{Alive, Driven, now, run, seconds, times, turns};
use ferrio::{
    JoinError, ReturnWhen, as_completed, create_task, gather, race, sleep, timeout, try_gather, wait,
    wait_until, yield_now,
};

#[test]
fn gather_takes_any_number_of_types_and_borrows() {
    run(async {
        let text = String::from("text");
        let mut count = 0;
        let all = gather!(
            async { text.len() },
            async {
                yield_now().await;
                count += 1;
            },
            ready('c'),
            async { &text },
            ready(5_u8),
            ready("six"),
            ready(7.0),
            ready([8]),
            ready(Some(9)),
            ready(()),
            ready(11_i64),
            sleep(seconds(12)),
        );
        let (len, (), c, same, five, six, seven, eight, nine, (), eleven, ()) = all.await;
        assert_eq!((len, c, same.as_str(), five, six), (4, 'c', "text", 5, "six"));
        assert!(seven > 6.9 && eight == [8] && nine == Some(9) && eleven == 11);
        assert_eq!((count, now()), (1, seconds(12)));
        assert_eq!(gather!(ready(1)).await, (1,));
        let () = gather!().await;
    });
}

#[test]
fn a_gather_of_macros_ends_with_its_slowest() {
    run(async {
        let log = RefCell::new(Vec::new());
        let one = async |name, delay| {
            log.borrow_mut().push(name);
            sleep(seconds(delay)).await;
            log.borrow_mut().push(name);
            name
        };
        assert_eq!(gather!(one("a", 3), one("b", 1), one("c", 2)).await, ("a", "b", "c"));
        assert_eq!(*log.borrow(), ["a", "b", "c", "b", "c", "a"]);
        assert_eq!(now(), seconds(3));
    });
}

#[test]
fn a_future_that_has_ended_is_dropped_though_others_run() {
    let alive = Alive::default();
    let one = alive.one();
    let mut both = Driven::new(async {
        let short = async move {
            let _one = one;
        };
        gather!(short, pending::<()>()).await
    });
    assert!(both.poll().is_none());
    assert_eq!(alive.count(), 0);
}

#[test]
fn gather_of_many_gives_them_in_order_and_polls_who_was_woken() {
    run(async {
        let (count, polls) = (times(500) as u64, Cell::new(0));
        let futures = (0..count).map(|number| {
            let mut sleeps = Box::pin(sleep(seconds(count - number)));
            let polls = &polls;
            poll_fn(move |context| {
                polls.set(polls.get() + 1);
                sleeps.as_mut().poll(context).map(|()| number)
            })
        });
        assert_eq!(gather(futures).await, (0..count).collect::<Vec<_>>());
        assert_eq!(polls.get(), 2 * count);
        assert_eq!(gather(Vec::<std::future::Ready<()>>::new()).await, []);
    });
}

#[test]
fn the_first_error_drops_the_others_before_it_is_given() {
    run(async {
        let alive = Alive::default();
        let waits = async |delay: u64, result: Result<u64, u64>| {
            let _one = alive.one();
            sleep(seconds(delay)).await;
            result
        };
        let mut all =
            Box::pin(try_gather!(waits(9, Ok(9)), waits(1, Ok(1)), waits(2, Err(2)), waits(3, Err(3))));
        assert_eq!((&mut all).await, Err(2));
        assert_eq!(alive.count(), 0);

        let mut all = Box::pin(try_gather([
            Box::pin(waits(9, Ok(9))),
            Box::pin(waits(1, Ok(1))),
            Box::pin(waits(2, Err(2))),
            Box::pin(waits(3, Err(3))),
        ]));
        assert_eq!((&mut all).await, Err(2));
        assert_eq!(alive.count(), 0);

        assert_eq!(try_gather!(waits(2, Ok(1)), waits(1, Ok(2))).await, Ok((1, 2)));
        assert_eq!(try_gather((0..3).map(|number| waits(3 - number, Ok(number)))).await, Ok(vec![0, 1, 2]));
    });
}

#[test]
fn a_race_drops_who_lost_before_it_ends() {
    run(async {
        let alive = Alive::default();
        let runs = async |delay: u64| {
            let _one = alive.one();
            sleep(seconds(delay)).await;
            delay
        };
        let mut won = Box::pin(race!(runs(3), runs(1), runs(2)));
        assert_eq!(((&mut won).await, alive.count()), (1, 0));
        let mut won = Box::pin(race([3, 1, 2].map(runs)));
        assert_eq!(((&mut won).await, alive.count()), (1, 0));
        assert_eq!(race!(ready("first"), ready("second")).await, "first");
        assert_eq!(race([ready("first"), ready("second")]).await, "first");
        assert_eq!(now(), seconds(2));
    });
}

#[test]
#[should_panic(expected = "race: there is no future")]
fn a_race_of_nobody_is_refused() {
    let _never = race(Vec::<std::future::Ready<()>>::new());
}

#[test]
fn a_panic_goes_to_who_awaits() {
    run(async {
        let alive = Alive::default();
        let one = alive.one();
        let waits = async move {
            let _one = one;
            pending::<()>().await;
        };
        let task = create_task(async move { gather!(waits, async { panic!("boom") }).await });
        let error = task.await.unwrap_err();
        assert!(error.is_panic() && error.to_string() == "Task-2 panicked: boom", "{error}");
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn as_completed_gives_who_ends_first() {
    run(async {
        let mut all = as_completed([3, 1, 2].map(async |delay| {
            sleep(seconds(delay)).await;
            delay
        }));
        assert_eq!((all.len(), all.next().await, now()), (3, Some(1), seconds(1)));
        // Given up, and nothing lost.
        assert!(timeout(std::time::Duration::from_millis(500), all.next()).await.is_err());
        assert_eq!((all.next().await, all.next().await, all.next().await), (Some(2), Some(3), None));
        assert!(all.is_empty());
    });
}

fn sleepers(delays: &[u64]) -> Vec<ferrio::JoinHandle<u64>> {
    let sleeper = |&delay| {
        create_task(async move {
            sleep(seconds(delay)).await;
            assert!(delay != 13, "bad luck");
            delay
        })
    };
    delays.iter().map(sleeper).collect()
}

#[test]
fn wait_for_the_first_leaves_the_others() {
    run(async {
        let mut tasks = sleepers(&[3, 1, 2, 1]);
        let done = wait(&mut tasks, ReturnWhen::FirstCompleted).await;
        assert_eq!((gather(done).await.len(), tasks.len(), now()), (2, 2, seconds(1)));
        let done = wait(&mut tasks, ReturnWhen::FirstCompleted).await;
        assert_eq!((gather(done).await[0].as_ref().ok(), tasks.len()), (Some(&2), 1));
        let done = wait(&mut tasks, ReturnWhen::AllCompleted).await;
        assert_eq!((done.len(), tasks.len(), now()), (1, 0, seconds(3)));
        assert!(wait(&mut tasks, ReturnWhen::FirstCompleted).await.is_empty());
    });
}

#[test]
fn wait_for_the_first_exception_does_not_count_who_was_cancelled() {
    run(async {
        let mut tasks = sleepers(&[1, 2, 13, 20]);
        tasks[1].cancel();
        let mut done = wait(&mut tasks, ReturnWhen::FirstException).await;
        assert_eq!((done.len(), tasks.len(), now()), (3, 1, seconds(13)));
        assert!(done.pop().unwrap().await.unwrap_err().is_panic());
        assert!(done.pop().unwrap().await.unwrap_err().is_cancelled());
        assert_eq!(done.pop().unwrap().await.unwrap(), 1);
    });
}

#[test]
fn a_wait_shows_each_output_once() {
    run(async {
        let mut tasks = sleepers(&[1, 2, 3]);
        let mut seen = Vec::new();
        let done = wait_until(&mut tasks, |output| {
            seen.push(*output.as_ref().unwrap());
            seen.len() == 2
        })
        .await;
        assert_eq!((done.len(), tasks.len()), (2, 1));
        assert_eq!(seen, [1, 2]);
    });
}

/// Outputs that nobody took are still there for whoever awaits the handle.
#[test]
fn a_wait_that_is_dropped_at_any_time_loses_nothing() {
    for step in 0..12 {
        run(async {
            let mut tasks: Vec<_> = (0..5)
                .map(|number| {
                    create_task(async move {
                        turns(number * 2).await;
                        number
                    })
                })
                .collect();
            {
                let mut waits = Box::pin(wait(&mut tasks, ReturnWhen::AllCompleted));
                let mut left = step;
                poll_fn(|context| {
                    left -= usize::from(left > 0);
                    let polled = waits.as_mut().poll(context).is_ready();
                    context.waker().wake_by_ref();
                    if left == 0 || polled { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            }
            if tasks.is_empty() {
                return; // it was all done
            }
            assert_eq!(tasks.len(), 5);
            let outputs: Result<Vec<_>, JoinError> = gather(tasks).await.into_iter().collect();
            assert_eq!(outputs.unwrap(), [0, 1, 2, 3, 4]);
        });
    }
}

#[test]
fn a_gather_that_is_dropped_at_any_time_drops_all() {
    for step in 0..10 {
        run(async {
            let alive = Alive::default();
            let child = alive.clone();
            let task = create_task(async move {
                let one = async |count| {
                    let _one = child.one();
                    turns(count).await;
                };
                gather!(one(1), one(4), gather([one(2), one(6)])).await
            });
            turns(step).await;
            task.cancel();
            let _ended = task.await;
            assert_eq!(alive.count(), 0);
        });
    }
}

#[test]
#[should_panic(expected = "was awaited again after it had given its output")]
fn a_handle_gives_its_output_once() {
    run(async {
        let mut task = create_task(async {});
        (&mut task).await.unwrap();
        let _again = task.await;
    });
}

#[test]
fn handles_in_a_gather_leave_their_tasks_alone() {
    run(async {
        let done = Rc::new(Cell::new(false));
        let is_done = done.clone();
        let task = create_task(async move {
            sleep(seconds(1)).await;
            is_done.set(true);
        });
        let fails = async { Err::<(), _>("no") };
        let awaits = async { task.await.map_err(|_| "cancelled") };
        assert_eq!(try_gather!(awaits, fails).await, Err("no"));
        sleep(seconds(2)).await;
        assert!(done.get());
    });
}

#[test]
fn a_panic_in_the_main_future_is_the_callers() {
    let panic = catch_unwind(AssertUnwindSafe(|| run(async { gather!(async { panic!("main") }).await })));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"main"));
}
