//! `Queue`, `PriorityQueue`, `LifoQueue`: order, room, shutting down, joining, and a model too simple to be wrong.

mod common;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use common::{Alive, Driven, Random, run, times, turns};
use ferrio::{
    GetError, LifoQueue, PriorityQueue, PutError, Queue, QueueShutDown, create_task, gather, scope, yield_now,
};

#[test]
fn each_has_its_order() {
    let (queue, stack, heap) = (Queue::new(0), LifoQueue::new(0), PriorityQueue::new(0));
    for item in [2, 1, 3] {
        queue.put_nowait(item).unwrap();
        stack.put_nowait(item).unwrap();
        heap.put_nowait(item).unwrap();
    }
    let all = [(); 3];
    assert_eq!(all.map(|()| queue.get_nowait().unwrap()), [2, 1, 3]);
    assert_eq!(all.map(|()| stack.get_nowait().unwrap()), [3, 1, 2]);
    assert_eq!(all.map(|()| heap.get_nowait().unwrap()), [1, 2, 3]);
}

/// Compared by its first part alone.
struct Ranked(u32, usize);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Ranked {}

#[test]
fn of_equal_items_the_first_to_come_is_the_first_to_go() {
    let queue = PriorityQueue::new(0);
    for number in 0..20 {
        assert!(queue.put_nowait(Ranked(u32::from(number % 2 == 0), number)).is_ok());
    }
    let numbers: Vec<_> = (0..20).map(|_| queue.get_nowait().ok().unwrap().1).collect();
    assert_eq!(numbers, (1..20).step_by(2).chain((0..20).step_by(2)).collect::<Vec<_>>());
}

#[test]
fn a_full_queue_makes_who_puts_wait() {
    let queue = Queue::new(1);
    assert!(queue.empty() && !queue.full() && queue.maxsize() == 1);
    let [mut first, mut second, mut third] = [1, 2, 3].map(|item| Driven::new(queue.put(item)));
    assert_eq!((first.poll(), second.poll(), third.poll()), (Some(Ok(())), None, None));
    assert_eq!(queue.put_nowait(4), Err(PutError::QueueFull(4)));
    assert_eq!((queue.get_nowait(), queue.qsize()), (Ok(1), 0));
    assert!(!third.is_woken());
    assert_eq!((second.poll(), queue.get_nowait()), (Some(Ok(())), Ok(2)));
    assert_eq!((third.poll(), queue.get_nowait()), (Some(Ok(())), Ok(3)));
    assert_eq!(queue.get_nowait(), Err(GetError::QueueEmpty));
}

#[test]
fn an_item_goes_to_one_who_waits() {
    let queue = Queue::new(0);
    let [mut first, mut second] = [(); 2].map(|()| Driven::new(queue.get()));
    assert!(first.poll().is_none() && second.poll().is_none());
    queue.put_nowait("item").unwrap();
    assert!(!second.is_woken());
    assert_eq!(first.poll(), Some(Ok("item")));
}

#[test]
fn who_was_told_and_is_dropped_tells_the_next() {
    let queue = Queue::new(1);
    let [mut first, mut second] = [(); 2].map(|()| Driven::new(queue.get()));
    assert!(first.poll().is_none() && second.poll().is_none());
    queue.put_nowait(1).unwrap();
    drop(first);
    assert_eq!(second.poll(), Some(Ok(1)));

    queue.put_nowait(2).unwrap();
    let [mut first, mut second] = [3, 4].map(|item| Driven::new(queue.put(item)));
    assert!(first.poll().is_none() && second.poll().is_none());
    assert_eq!(queue.get_nowait(), Ok(2));
    drop(first);
    assert_eq!((second.poll(), queue.get_nowait()), (Some(Ok(())), Ok(4)));
}

#[test]
fn shutting_down_lets_items_go_and_nobody_wait() {
    let queue = Queue::new(1);
    queue.put_nowait(1).unwrap();
    let mut putter = Driven::new(queue.put(2));
    assert!(putter.poll().is_none());
    queue.shutdown(false);
    assert_eq!(putter.poll(), Some(Err(QueueShutDown(2))));
    assert_eq!(queue.put_nowait(3), Err(PutError::QueueShutDown(3)));
    assert_eq!(Driven::new(queue.get()).poll(), Some(Ok(1)));
    assert_eq!(Driven::new(queue.get()).poll(), Some(Err(QueueShutDown(()))));
    assert_eq!(queue.get_nowait(), Err(GetError::QueueShutDown));

    let queue = Queue::<i32>::new(0);
    let mut getters = [(); 2].map(|()| Driven::new(queue.get()));
    assert!(getters.iter_mut().all(|getter| getter.poll().is_none()));
    queue.shutdown(false);
    assert!(getters.iter_mut().all(|getter| getter.poll() == Some(Err(QueueShutDown(())))));
}

/// Its destructor comes back to the queue.
struct ComesBack(Rc<Queue<ComesBack>>, #[allow(dead_code, reason = "counted")] common::OneAlive);

impl Drop for ComesBack {
    fn drop(&mut self) {
        assert_eq!(self.0.qsize(), 0);
    }
}

#[test]
fn shutting_down_at_once_drops_the_items_as_done() {
    let (queue, alive) = (Rc::new(Queue::new(0)), Alive::default());
    for _ in 0..3 {
        assert!(queue.put_nowait(ComesBack(queue.clone(), alive.one())).is_ok());
    }
    let taken = queue.get_nowait().ok().unwrap();
    let mut join = Driven::new(queue.join());
    assert!(join.poll().is_none());
    queue.shutdown(true);
    assert_eq!(alive.count(), 1);
    assert!(join.poll().is_none(), "one is still worked on");
    queue.task_done();
    assert!(join.poll().is_some());
    drop(taken);
    assert_eq!(alive.count(), 0);
}

#[test]
fn join_waits_for_the_work_and_not_for_the_items() {
    run(async {
        let queue = Rc::new(Queue::new(0));
        queue.join().await;
        for item in 0..4 {
            queue.put_nowait(item).unwrap();
        }
        let works = queue.clone();
        let worker = create_task(async move {
            while works.get().await.is_ok() {
                turns(2).await;
                works.task_done();
            }
        });
        queue.join().await;
        assert!(queue.empty());
        queue.put_nowait(5).unwrap();
        let mut again = Driven::new(queue.join());
        assert!(again.poll().is_none());
        queue.shutdown(false);
        worker.await.unwrap();
        assert!(again.poll().is_some());
    });
}

#[test]
#[should_panic(expected = "task_done() was called more often than items were put")]
fn work_is_done_once() {
    let queue = Queue::new(0);
    queue.put_nowait(1).unwrap();
    queue.task_done();
    queue.task_done();
}

#[test]
fn errors_say_what_is_wrong() {
    let queue = Queue::new(1);
    queue.put_nowait(1).unwrap();
    assert_eq!(queue.put_nowait(2).unwrap_err().to_string(), "the queue is full");
    queue.shutdown(true);
    assert_eq!(queue.put_nowait(2).unwrap_err().to_string(), "the queue was shut down");
    assert_eq!(queue.get_nowait().unwrap_err().to_string(), "the queue was shut down");
    assert_eq!(Queue::<i32>::new(0).get_nowait().unwrap_err().to_string(), "the queue is empty");
    let text = "Queue { qsize: 0, maxsize: 1, getters: 0, putters: 0, unfinished: 0, shut_down: true }";
    assert_eq!(format!("{queue:?}"), text);
}

/// The three queues, as the model below uses them.
trait AnyQueue {
    fn get(&self) -> Driven<'_, Result<usize, QueueShutDown>>;
    fn put(&self, item: usize) -> Driven<'_, Result<(), QueueShutDown<usize>>>;
    fn put_nowait(&self, item: usize) -> Result<(), PutError<usize>>;
    fn get_nowait(&self) -> Result<usize, GetError>;
    fn qsize(&self) -> usize;
    fn shutdown(&self);
    /// Takes the item that is next from what the model holds, in the order in which items came.
    fn next(items: &mut VecDeque<usize>) -> Option<usize>;
}

macro_rules! any_queue {
    ($name:ident, $next:expr) => {
        impl AnyQueue for $name<usize> {
            fn get(&self) -> Driven<'_, Result<usize, QueueShutDown>> {
                Driven::new($name::get(self))
            }

            fn put(&self, item: usize) -> Driven<'_, Result<(), QueueShutDown<usize>>> {
                Driven::new($name::put(self, item))
            }

            fn put_nowait(&self, item: usize) -> Result<(), PutError<usize>> {
                $name::put_nowait(self, item)
            }

            fn get_nowait(&self) -> Result<usize, GetError> {
                $name::get_nowait(self)
            }

            fn qsize(&self) -> usize {
                $name::qsize(self)
            }

            fn shutdown(&self) {
                $name::shutdown(self, false);
            }

            fn next(items: &mut VecDeque<usize>) -> Option<usize> {
                let next: fn(&mut VecDeque<usize>) -> Option<usize> = $next;
                next(items)
            }
        }
    };
}

any_queue!(Queue, VecDeque::pop_front);
any_queue!(LifoQueue, VecDeque::pop_back);
any_queue!(PriorityQueue, |items| {
    let lowest = (0..items.len()).min_by_key(|&place| items[place])?;
    items.remove(lowest)
});

/// Puts, gets, gives up and shuts down at random. Each item is got once, in its order; nobody waits who need not.
fn check_against_model<Q: AnyQueue>(queue: &Q, maxsize: usize, seed: u64) {
    let mut random = Random::new(seed);
    let mut items = VecDeque::new();
    let mut getters: Vec<Driven<'_, Result<usize, QueueShutDown>>> = Vec::new();
    let mut putters: BTreeMap<usize, Driven<'_, Result<(), QueueShutDown<usize>>>> = BTreeMap::new();
    let mut is_shut_down = false;
    let has_room = |items: &VecDeque<usize>| maxsize == 0 || items.len() < maxsize;
    for step in 0..times(400) {
        // Items differ, and do not come in order.
        let item = step * 2_654_435_761 % 1_000_003;
        match random.below(12) {
            0..=2 => drop(putters.insert(item, queue.put(item))),
            3..=5 => getters.push(queue.get()),
            6 => match queue.put_nowait(item) {
                Ok(()) => {
                    assert!(has_room(&items) && !is_shut_down);
                    items.push_back(item);
                }
                Err(PutError::QueueFull(back)) => assert!(!has_room(&items) && back == item),
                Err(PutError::QueueShutDown(back)) => assert!(is_shut_down && back == item),
            },
            7 => assert_eq!(queue.get_nowait().ok(), Q::next(&mut items)),
            8 if !getters.is_empty() => drop(getters.swap_remove(random.below(getters.len()))),
            9 if !putters.is_empty() => {
                let place = random.below(putters.len());
                let gone = *putters.keys().nth(place).unwrap();
                putters.remove(&gone);
            }
            10 if step > 300 && random.below(10) == 0 => {
                queue.shutdown();
                is_shut_down = true;
            }
            _ => {}
        }
        for round in 0.. {
            let is_calm = !getters.iter().any(Driven::is_woken) && !putters.values().any(Driven::is_woken);
            // Sometimes not all who were woken have looked before the next one comes.
            if is_calm || random.below(3) == 0 {
                if is_calm {
                    assert!(
                        getters.is_empty() || (items.is_empty() && !is_shut_down),
                        "a getter waits for nothing"
                    );
                    assert!(
                        putters.is_empty() || (!has_room(&items) && !is_shut_down),
                        "a putter waits for nothing"
                    );
                }
                break;
            }
            assert!(round < 1000, "they wake each other for ever");
            if random.below(2) == 0 {
                getters.retain_mut(|getter| match getter.poll() {
                    None => true,
                    Some(got) => {
                        assert_eq!(got.ok(), Q::next(&mut items));
                        false
                    }
                });
            } else {
                putters.retain(|&item, putter| match putter.poll() {
                    None => true,
                    Some(Ok(())) => {
                        assert!(has_room(&items) && !is_shut_down);
                        items.push_back(item);
                        false
                    }
                    Some(Err(QueueShutDown(back))) => {
                        assert!(is_shut_down && back == item);
                        false
                    }
                });
            }
        }
        assert_eq!(queue.qsize(), items.len());
    }
}

#[test]
fn each_does_as_its_model() {
    for seed in 0..times(100) as u64 {
        let maxsize = usize::try_from(seed % 4).unwrap();
        check_against_model(&Queue::new(maxsize), maxsize, seed);
        check_against_model(&LifoQueue::new(maxsize), maxsize, seed);
        check_against_model(&PriorityQueue::new(maxsize), maxsize, seed);
    }
}

#[test]
fn every_item_goes_through_a_small_queue_once() {
    run(async {
        let count = times(500);
        let (queue, got) = (Queue::new(2), RefCell::new(Vec::new()));
        scope(async |s| {
            for worker in 0..3 {
                let (queue, got) = (&queue, &got);
                s.spawn(async move {
                    for number in 0..count {
                        queue.put(number * 3 + worker).await.unwrap();
                    }
                });
                s.spawn(async move {
                    for number in 0..count {
                        let item = queue.get().await.unwrap();
                        got.borrow_mut().push(item);
                        if number % 5 == worker {
                            yield_now().await;
                        }
                    }
                });
            }
        })
        .await;
        got.borrow_mut().sort_unstable();
        assert_eq!(*got.borrow(), (0..3 * count).collect::<Vec<_>>());
    });
}

/// A worker that is dropped at any await has got what it got; all else is still there.
#[test]
fn a_getter_that_is_dropped_at_any_time_takes_nothing_along() {
    for step in 0..12 {
        run(async {
            let queue = Rc::new(Queue::new(2));
            let got = Rc::new(RefCell::new(Vec::new()));
            let (gets, notes) = (queue.clone(), got.clone());
            let worker = create_task(async move {
                loop {
                    let item = gets.get().await.unwrap();
                    notes.borrow_mut().push(item);
                    yield_now().await;
                }
            });
            let puts = queue.clone();
            let producer = create_task(async move {
                for number in 0..8 {
                    puts.put(number).await.unwrap();
                }
                puts.shutdown(false);
            });
            turns(step).await;
            worker.cancel();
            let mut rest = Vec::new();
            while let Ok(item) = queue.get().await {
                rest.push(item);
            }
            assert!(gather([worker]).await[0].is_err());
            producer.await.unwrap();
            let mut all = got.take();
            all.extend(rest);
            all.sort_unstable();
            assert_eq!(all, (0..8).collect::<Vec<_>>(), "dropped after {step} turns");
        });
    }
}
