//! The timer heap and the ready ring against models too simple to be wrong, over long runs of random operations. The
//! seeds are fixed: the same failure comes back.

mod common;

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use common::{Random, times};
use ferrio_engine::event_loop::ready::Ready;
use ferrio_engine::event_loop::timers::Timers;
use ferrio_engine::{Time, Timed};

const SEEDS: u64 = times(24) as u64;
const OPERATIONS: usize = times(2_000);

#[derive(Clone)]
struct Item {
    name: usize,
    cancelled: Rc<Cell<bool>>,
}

impl Timed for Item {
    fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }
}

fn at(tick: u64) -> Time {
    Time::ZERO.after(Duration::from_nanos(tick))
}

/// Timers as a list: the next one is the least (deadline, name) of those not cancelled; names count up.
#[derive(Default)]
struct Model(Vec<(u64, Item)>);

impl Model {
    fn alive(&self) -> impl Iterator<Item = &(u64, Item)> {
        self.0.iter().filter(|(_, item)| !item.is_cancelled())
    }

    fn next(&self) -> Option<(u64, usize)> {
        self.alive().map(|(when, item)| (*when, item.name)).min()
    }

    fn pop_due(&mut self, now: u64) -> Option<usize> {
        let (_, name) = self.next().filter(|(when, _)| *when <= now)?;
        self.0.retain(|(_, item)| item.name != name);
        Some(name)
    }

    fn pick(&self, random: &mut Random) -> Option<Item> {
        let alive: Vec<_> = self.alive().collect();
        (!alive.is_empty()).then(|| alive[random.below(alive.len())].1.clone())
    }
}

#[test]
fn timers_do_what_a_sorted_list_does() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let (timers, mut model) = (Timers::new(), Model::default());
        // Few distinct deadlines make many ties; shares of cancelling differ so that rebuilds come and do not come.
        let (spread, cancelling) = ([3, 50, 100_000][random.below(3)], 5 + random.below(45));
        let mut now = 0;
        for name in 0..OPERATIONS {
            match random.below(100) {
                share if share < cancelling => {
                    if let Some(item) = model.pick(&mut random) {
                        item.cancelled.set(true);
                        timers.note_cancelled();
                    }
                }
                share if share < 94 => {
                    let when = now + random.next() % spread;
                    let item = Item { name, cancelled: Rc::default() };
                    timers.push(at(when), item.clone());
                    model.0.push((when, item));
                }
                _ => {
                    now += random.next() % spread;
                    for _ in 0..=random.below(8) {
                        let popped = timers.pop_due(at(now)).map(|item| item.name);
                        assert_eq!(popped, model.pop_due(now), "seed {seed}, operation {name}");
                    }
                }
            }
            let alive = model.alive().count();
            assert!(
                timers.len() >= alive && timers.len() <= 2 * alive + 101,
                "seed {seed}: {} held",
                timers.len()
            );
            if random.below(10) == 0 {
                assert_eq!(timers.next_deadline(), model.next().map(|(when, _)| at(when)), "seed {seed}");
            }
        }
        let rest: Vec<_> =
            std::iter::from_fn(|| timers.pop_due(at(u64::MAX >> 1)).map(|item| item.name)).collect();
        let expected: Vec<_> = std::iter::from_fn(|| model.pop_due(u64::MAX)).collect();
        assert_eq!(rest, expected, "seed {seed}");
        assert!(timers.is_empty());
    }
}

#[test]
fn a_heap_lets_go_of_what_it_popped_cleared_or_forgot() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let timers = Timers::new();
        let items: Vec<_> = (0..500).map(|name| Item { name, cancelled: Rc::default() }).collect();
        for item in &items {
            timers.push(at(random.next() % 100), item.clone());
        }
        for item in &items {
            if random.below(2) == 0 {
                item.cancelled.set(true);
                timers.note_cancelled();
            }
        }
        while timers.pop_due(at(50)).is_some() {}
        timers.clear();
        assert!(items.iter().all(|item| Rc::strong_count(&item.cancelled) == 1), "seed {seed}");
        assert_eq!(timers.next_deadline(), None);
    }
}

#[test]
fn the_ready_ring_does_what_a_queue_does() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let (ready, mut model) = (Ready::new(), VecDeque::new());
        for operation in 0..OPERATIONS {
            match random.below(100) {
                0 => {
                    ready.clear();
                    model.clear();
                }
                // A batch: what was queued when it began, while its words queue more.
                1..10 => {
                    for _ in 0..ready.len() {
                        assert_eq!(ready.pop(), model.pop_front(), "seed {seed}");
                        if random.below(3) == 0 {
                            ready.push(operation);
                            model.push_back(operation);
                        }
                    }
                }
                10..40 => assert_eq!(ready.pop(), model.pop_front(), "seed {seed}"),
                _ => {
                    ready.push(operation);
                    model.push_back(operation);
                }
            }
            assert_eq!((ready.len(), ready.is_empty()), (model.len(), model.is_empty()), "seed {seed}");
        }
        let mut seen = Vec::new();
        ready.for_each(|word| seen.push(*word));
        assert!(seen.iter().eq(&model), "seed {seed}");
    }
}
