//! Locks, semaphores, conditions and barriers against models that are too simple to be wrong, and dropped at any time. Futures are
//! polled by hand, and only when they were woken, or run as tasks that come and go.

mod common;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use common::{Alive, Driven, Random, run, seconds, times, turns};
use ferrio::{
    Barrier, BoundedSemaphore, Condition, ConditionGuard, Event, Lock, LockGuard, Semaphore, SemaphoreGuard,
    create_task, gather, scope, timeout, yield_now,
};

/// Who holds and who waits, as simple as can be: what is free goes to the first who waits, once it looks.
struct Model {
    free: usize,
    waiting: VecDeque<usize>,
}

/// Runs `acquire` at random against the model: who comes, who is dropped, who gives back. `capacity` may hold at a time.
fn check_against_model<'a, G>(
    seed: u64,
    capacity: usize,
    acquire: impl Fn() -> Driven<'a, G>,
    try_acquire: impl Fn() -> Option<G>,
) {
    let mut random = Random::new(seed);
    let mut model = Model { free: capacity, waiting: VecDeque::new() };
    let mut waiting: Vec<(usize, Driven<'a, G>)> = Vec::new();
    let mut holding: Vec<G> = Vec::new();
    for id in 0..times(300) {
        match random.below(6) {
            0..=1 => {
                let mut new = acquire();
                if let Some(guard) = new.poll() {
                    assert!(model.free > 0 && model.waiting.is_empty(), "nobody overtakes");
                    model.free -= 1;
                    holding.push(guard);
                } else {
                    assert!(model.free == 0 || !model.waiting.is_empty(), "nobody waits for nothing");
                    model.waiting.push_back(id);
                    waiting.push((id, new));
                }
            }
            2 if !waiting.is_empty() => {
                let (gone, _) = waiting.swap_remove(random.below(waiting.len()));
                model.waiting.retain(|&id| id != gone);
            }
            3..=4 if !holding.is_empty() => {
                drop(holding.swap_remove(random.below(holding.len())));
                model.free += 1;
            }
            5 => {
                let expected = model.free > 0 && model.waiting.is_empty();
                let guard = try_acquire();
                assert_eq!(guard.is_some(), expected);
                model.free -= usize::from(expected);
                holding.extend(guard);
            }
            _ => {}
        }
        // Some of those who were woken look, in any order.
        if random.below(2) == 0 {
            for place in (0..waiting.len()).rev() {
                if let Some(guard) = waiting[place].1.poll() {
                    let (id, _) = waiting.remove(place);
                    let is_among_the_first = model.waiting.iter().take(model.free).any(|&first| first == id);
                    assert!(is_among_the_first, "{id} came before its turn");
                    model.waiting.retain(|&waits| waits != id);
                    model.free -= 1;
                    holding.push(guard);
                }
            }
        }
        assert!(holding.len() <= capacity);
        // Whoever's turn it is was woken: no wake-up is lost.
        let due = waiting.iter().any(|(_, wait)| wait.is_woken());
        assert_eq!(due, model.free > 0 && !model.waiting.is_empty());
    }
}

#[test]
fn a_lock_does_as_its_model() {
    for seed in 0..times(60) as u64 {
        let lock = Lock::new(());
        check_against_model::<LockGuard<'_, ()>>(
            seed,
            1,
            || Driven::new(lock.acquire()),
            || lock.try_acquire(),
        );
    }
}

#[test]
fn a_semaphore_does_as_its_model() {
    for seed in 0..times(120) as u64 {
        let capacity = 1 + usize::try_from(seed % 4).unwrap();
        let (semaphore, bounded) = (Semaphore::new(capacity), BoundedSemaphore::new(capacity));
        if seed % 2 == 0 {
            let acquire = || Driven::new(semaphore.acquire());
            check_against_model::<SemaphoreGuard>(seed, capacity, acquire, || semaphore.try_acquire());
        } else {
            let acquire = || Driven::new(bounded.acquire());
            check_against_model::<SemaphoreGuard>(seed, capacity, acquire, || bounded.try_acquire());
        }
    }
}

/// Takes one after the other, where each also comes and goes; whoever gives up at any await leaves nothing behind.
#[test]
fn whoever_is_dropped_at_any_time_leaves_the_locks_free() {
    for step in 0..14 {
        run(async {
            let (lock, semaphore, event) = (Rc::new(Lock::new(0)), Semaphore::new(1), Rc::new(Event::new()));
            let condition = Rc::new(Condition::new(false));
            let alive = Alive::default();
            let contend = || {
                let (lock, semaphore, event, condition) =
                    (lock.clone(), semaphore.clone(), event.clone(), condition.clone());
                let one = alive.one();
                create_task(async move {
                    let _one = one;
                    let mut value = lock.acquire().await;
                    yield_now().await;
                    *value += 1;
                    drop(value);
                    let share = semaphore.acquire().await;
                    yield_now().await;
                    drop(share);
                    event.wait().await;
                    let guard = condition.acquire().await;
                    let guard: ConditionGuard<'_, _> = guard.wait_for(|is_over| *is_over).await;
                    yield_now().await;
                    drop(guard);
                })
            };
            let tasks: Vec<_> = (0..3).map(|_| contend()).collect();
            for turn in 0..16 {
                if turn == step {
                    tasks[1].cancel();
                }
                match turn {
                    5 => event.set(),
                    7 => {
                        let mut is_over = condition.acquire().await;
                        *is_over = true;
                        is_over.notify_all();
                    }
                    _ => {}
                }
                yield_now().await;
            }
            let done = timeout(seconds(1), gather(tasks)).await.expect("nobody waits for ever");
            assert!(done[0].is_ok() && done[2].is_ok(), "dropped after {step} turns");
            assert!(lock.try_acquire().is_some() && semaphore.try_acquire().is_some());
            assert!(condition.try_acquire().is_some() && alive.count() == 0);
        });
    }
}

/// One notification each for so many who wait, come and go: as many get through as were told and stayed.
#[test]
fn no_notification_is_lost() {
    for seed in 0..times(100) as u64 {
        let mut random = Random::new(seed);
        let condition = Condition::<()>::default();
        let mut waiting: Vec<Driven<'_, ()>> = Vec::new();
        let (mut told, mut passed) = (0, 0);
        for _ in 0..100 {
            match random.below(4) {
                0..=1 => waiting.push(Driven::new(async {
                    drop(condition.acquire().await.wait().await);
                })),
                2 if !waiting.is_empty() => drop(waiting.swap_remove(random.below(waiting.len()))),
                _ => {}
            }
            // All who want to are in the queue before anybody is told.
            let before = waiting.len();
            settle(&mut waiting);
            passed += before - waiting.len();
            if random.below(2) == 0
                && let Some(guard) = condition.try_acquire()
            {
                guard.notify(1);
                told += usize::from(!waiting.is_empty());
            }
            assert!(passed <= told);
            // Who was told may be dropped before it looks: another one passes in its place, unless nobody is left.
            if random.below(3) == 0 && !waiting.is_empty() {
                drop(waiting.swap_remove(random.below(waiting.len())));
            }
            let before = waiting.len();
            settle(&mut waiting);
            passed += before - waiting.len();
            assert!(passed == told || waiting.is_empty());
            told = passed;
        }
    }
}

fn settle(waiting: &mut Vec<Driven<'_, ()>>) {
    while waiting.iter().any(Driven::is_woken) {
        waiting.retain_mut(|wait| wait.poll().is_none());
    }
}

#[test]
fn a_barrier_goes_round_and_round_whoever_comes_and_goes() {
    for seed in 0..times(60) as u64 {
        run(async {
            let (barrier, rounds) = (Barrier::new(3), RefCell::new(Vec::new()));
            let together = Cell::new(0);
            scope(async |s| {
                for worker in 0..3 {
                    let (barrier, rounds, together) = (&barrier, &rounds, &together);
                    s.spawn(async move {
                        let mut random = Random::new(seed * 3 + worker);
                        for _ in 0..20 {
                            if random.below(2) == 0 && barrier.n_waiting() < 2 {
                                // Comes, and goes away again.
                                let mut gone = Box::pin(barrier.wait());
                                std::future::poll_fn(|context| {
                                    assert!(gone.as_mut().poll(context).is_pending());
                                    std::task::Poll::Ready(())
                                })
                                .await;
                            }
                            turns(random.below(3)).await;
                            together.set(together.get() + 1);
                            let number = barrier.wait().await.unwrap();
                            assert_eq!(together.get() % 3, 0, "not all were there");
                            rounds.borrow_mut().push(number);
                            // The next round begins when all have seen the end of this one.
                            turns(4).await;
                        }
                    });
                }
            })
            .await;
            for round in rounds.borrow().chunks(3) {
                let mut numbers = round.to_vec();
                numbers.sort_unstable();
                assert_eq!(numbers, [0, 1, 2]);
            }
            assert_eq!(rounds.borrow().len(), 60);
        });
    }
}
