//! The wait queue and what stands on it, with waiters that do nothing: who is told, in which order, and what becomes of those
//! who do not want it any more. The queue also runs against a model too simple to be wrong. Rust futures are in `parked.rs`.

mod common;

use std::cell::Cell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;

use common::{Random, times};
use ferrio_engine::sync::{Event, Ledger, Lock, Semaphore, Standing, Ticket, WaitQueue, Waiter};

/// A waiter that may also be cancelled by others, as futures of Python are.
#[derive(Clone)]
struct Sleeper {
    standing: Rc<Cell<Standing>>,
}

impl Sleeper {
    fn idle() -> Self {
        Sleeper { standing: Rc::new(Cell::new(Standing::Waiting)) }
    }
}

impl Waiter for Sleeper {
    type Error = Infallible;

    fn standing(&self) -> Result<Standing, Infallible> {
        Ok(self.standing.get())
    }

    fn wake(&self) -> Result<(), Infallible> {
        self.standing.set(Standing::Told);
        Ok(())
    }
}

fn sure<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
    }
}

#[test]
fn a_lock_is_free_when_all_who_wait_are_cancelled() {
    let lock = Lock::default();
    let gone = Sleeper::idle();
    lock.waiters().push(gone.clone());
    assert!(!sure(lock.try_acquire()));
    gone.standing.set(Standing::Cancelled);
    assert!(sure(lock.try_acquire()));
}

#[test]
fn a_semaphore_gives_a_share_back() {
    let semaphore = Semaphore::new(1);
    assert!(sure(semaphore.try_acquire()));
    let (first, second) = (Sleeper::idle(), Sleeper::idle());
    let ticket = semaphore.waiters().push(first.clone());
    semaphore.waiters().push(second.clone());
    sure(semaphore.release());
    assert_eq!((first.standing.get(), semaphore.value()), (Standing::Told, 0));
    sure(semaphore.give_up(ticket, true));
    assert_eq!((second.standing.get(), semaphore.value()), (Standing::Told, 0));
}

#[test]
fn an_event_tells_all_and_once() {
    let event = Event::default();
    let sleepers: Vec<_> = (0..3).map(|_| Sleeper::idle()).collect();
    let tickets: Vec<_> = sleepers.iter().map(|sleeper| event.waiters().push(sleeper.clone())).collect();
    sure(event.set());
    assert!(event.is_set() && sleepers.iter().all(|sleeper| sleeper.standing.get() == Standing::Told));
    event.clear();
    for ticket in tickets {
        event.waiters().remove(ticket);
    }
    assert!(event.waiters().is_empty() && !event.is_set());
}

#[test]
fn a_queue_tells_one_getter_an_item() {
    let ledger = Ledger::default();
    let (gone, first, second) = (Sleeper::idle(), Sleeper::idle(), Sleeper::idle());
    for sleeper in [&gone, &first, &second] {
        ledger.getters().push(sleeper.clone());
    }
    gone.standing.set(Standing::Cancelled);
    sure(ledger.added());
    assert_eq!((first.standing.get(), second.standing.get()), (Standing::Told, Standing::Waiting));
    assert_eq!((ledger.getters().len(), ledger.unfinished()), (1, 1));
    assert_eq!((ledger.finish_one(), ledger.finish_one()), (Some(true), None));
    sure(ledger.tell_all());
    assert!(ledger.getters().is_empty() && second.standing.get() == Standing::Told);
}

#[test]
fn the_queue_against_a_list() {
    for seed in 0..times(24) as u64 {
        let mut random = Random::new(seed);
        let queue = WaitQueue::default();
        let mut model: VecDeque<(Ticket, Sleeper)> = VecDeque::new();
        for _ in 0..times(2_000) {
            match random.below(6) {
                0 | 1 => {
                    let sleeper = Sleeper::idle();
                    model.push_back((queue.push(sleeper.clone()), sleeper));
                }
                2 if !model.is_empty() => {
                    let (ticket, _) = model.remove(random.below(model.len())).expect("in the list");
                    assert!(queue.remove(ticket).is_some() && queue.remove(ticket).is_none());
                }
                3 if !model.is_empty() => {
                    model[random.below(model.len())].1.standing.set(Standing::Cancelled);
                }
                4 => {
                    let next = model.iter().find(|(_, sleeper)| sleeper.standing.get() == Standing::Waiting);
                    let next = next.map(|(ticket, _)| *ticket);
                    assert_eq!(sure(queue.next()).map(|(ticket, _)| ticket), next);
                    assert_eq!(sure(queue.wake_next()), next.is_some());
                }
                _ => {
                    let mut woken = false;
                    while let Some((_, sleeper)) = model.front() {
                        woken = sleeper.standing.get() == Standing::Waiting;
                        if !woken {
                            model.pop_front();
                            continue;
                        }
                        break;
                    }
                    let released = sure(queue.release_next());
                    assert_eq!(released, woken);
                    if woken {
                        let (_, sleeper) = model.pop_front().expect("who was told");
                        assert_eq!(sleeper.standing.get(), Standing::Told);
                    }
                }
            }
            assert_eq!((queue.len(), queue.is_empty()), (model.len(), model.is_empty()));
            let wanted = model.iter().any(|(_, sleeper)| sleeper.standing.get() != Standing::Cancelled);
            assert_eq!(sure(queue.nobody_wants()), !wanted);
        }
    }
}
