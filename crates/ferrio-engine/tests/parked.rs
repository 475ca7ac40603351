//! Locks, semaphores, events and queues awaited by Rust futures: whose turn it is, and what a future that is dropped leaves.

mod common;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, RawWaker, RawWakerVTable, Wake, Waker};

use common::{Door, Random, abandon, times};
use ferrio_engine::spawn;
use ferrio_engine::sync::{
    Barrier, BarrierBroken, BarrierState, Condition, Event, Ledger, Lock, Parked, Semaphore,
};
use ferrio_engine::task::yield_now;

/// Counts how often it was used.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

type Waiting<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

fn boxed<'a>(future: impl Future<Output = ()> + 'a) -> Waiting<'a> {
    Box::pin(future)
}

fn poll(future: &mut Waiting<'_>) -> bool {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn a_lock_goes_to_who_waited_longest() {
    let lock = Lock::default();
    let [mut first, mut second, mut third] = [(); 3].map(|()| boxed(lock.acquire()));
    assert!(poll(&mut first));
    assert!(!poll(&mut second) && !poll(&mut third));
    assert_eq!(lock.release(), Ok(true));
    assert!(!lock.is_locked() && lock.try_acquire() == Ok(false), "free, but it is the second's turn");
    assert!(!poll(&mut third) && poll(&mut second));
    assert_eq!(lock.release(), Ok(true));
    assert!(poll(&mut third));
    assert_eq!((lock.release(), lock.release()), (Ok(true), Ok(false)));
}

#[test]
fn a_turn_that_is_given_up_is_the_next_ones() {
    let lock = Lock::default();
    let [mut first, mut second, mut third] = [(); 3].map(|()| boxed(lock.acquire()));
    assert!(poll(&mut first) && !poll(&mut second) && !poll(&mut third));
    assert_eq!(lock.release(), Ok(true));
    drop(second);
    assert!(poll(&mut third));
    assert!(lock.waiters().is_empty());
}

#[test]
fn whoever_polled_last_is_woken() {
    let lock = Lock::<Parked>::default();
    assert_eq!(lock.try_acquire(), Ok(true));
    let mut waits = boxed(lock.acquire());
    let [old, new] = [(); 2].map(|()| Arc::new(Count::default()));
    for waker in [&old, &new].map(|count| Waker::from(count.clone())) {
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(lock.release(), Ok(true));
    assert_eq!((old.take(), new.take()), (0, 1));
    assert!(poll(&mut waits));
}

#[test]
fn a_semaphore_gives_the_share_of_a_future_that_is_dropped_to_the_next_one() {
    let semaphore = Semaphore::new(2);
    let [mut first, mut second, mut third, mut fourth] = [(); 4].map(|()| boxed(semaphore.acquire()));
    assert!(poll(&mut first) && poll(&mut second) && !poll(&mut third) && !poll(&mut fourth));
    assert_eq!(semaphore.release(), Ok(()));
    drop(third);
    assert!(poll(&mut fourth));
    assert_eq!((semaphore.value(), semaphore.waiters().len()), (0, 0));
    assert_eq!((semaphore.release(), semaphore.value()), (Ok(()), 1));
}

#[test]
fn an_event_lets_all_go_on_though_it_is_cleared_at_once() {
    let event = Event::default();
    let [mut first, mut second, mut late] = [(); 3].map(|()| boxed(event.wait()));
    assert!(!poll(&mut first) && !poll(&mut second));
    assert_eq!(event.set(), Ok(()));
    event.clear();
    assert!(poll(&mut first) && poll(&mut second) && !poll(&mut late));
    drop(late);
    assert!(event.waiters().is_empty());
    event.put(true);
    assert!(poll(&mut boxed(event.wait())));
}

#[test]
fn an_item_that_a_dropped_future_was_told_of_is_the_next_ones() {
    let (ledger, items) = (Ledger::default(), Cell::new(0));
    let [mut first, mut second] = [(); 2].map(|()| boxed(ledger.item(|| items.get() > 0)));
    assert!(!poll(&mut first) && !poll(&mut second));
    items.set(1);
    assert_eq!(ledger.added(), Ok(()));
    drop(first);
    assert!(poll(&mut second));
    items.set(0);
    let mut third = boxed(ledger.item(|| items.get() > 0));
    assert!(!poll(&mut third));
    ledger.set_shut_down(true);
    assert_eq!(ledger.tell_all(), Ok(()));
    assert!(poll(&mut third), "a queue that is shut down makes nobody wait");
}

#[test]
fn a_notification_that_a_dropped_future_had_is_the_next_ones() {
    let (condition, lock) = (Condition::default(), Lock::default());
    for has_looked in [false, true] {
        let mut waits = [(); 2].map(|()| Some(boxed(condition.wait(&lock))));
        for wait in waits.iter_mut().flatten() {
            assert_eq!(lock.try_acquire(), Ok(true));
            assert!(!poll(wait) && !lock.is_locked());
        }
        assert_eq!(lock.try_acquire(), Ok(true));
        assert_eq!(condition.notify(1), Ok(()));
        if has_looked {
            // It waits for the lock now.
            assert!(!poll(waits[0].as_mut().unwrap()));
        }
        waits[0] = None;
        assert_eq!(lock.release(), Ok(true));
        assert!(!poll(&mut boxed(condition.wait(&lock))), "told before it came");
        assert!(poll(waits[1].as_mut().unwrap()) && lock.is_locked());
        assert_eq!(lock.release(), Ok(true));
        assert!(condition.waiters().is_empty() && lock.waiters().is_empty());
    }
}

async fn arrive(barrier: &Barrier<Parked>, result: &Cell<Option<Result<usize, BarrierBroken>>>) {
    result.set(Some(barrier.wait().await));
}

#[test]
fn a_barrier_counts_who_is_there() {
    let barrier = Barrier::new(2);
    let results = [(); 3].map(|()| Cell::new(None));
    let mut gone = boxed(async {
        let _never = barrier.wait().await;
    });
    assert!(!poll(&mut gone) && barrier.waiting() == 1);
    drop(gone);
    assert_eq!(barrier.waiting(), 0);

    let come = |result| boxed(arrive(&barrier, result));
    let [mut first, mut second, mut late] = results.each_ref().map(come);
    assert!(!poll(&mut first) && poll(&mut second) && !poll(&mut late));
    assert_eq!((barrier.state(), barrier.outsiders().len()), (BarrierState::Draining, 1));
    assert!(poll(&mut first) && !poll(&mut late));
    assert_eq!((barrier.state(), barrier.waiting()), (BarrierState::Filling, 1));
    assert_eq!(barrier.abort(), Ok(()));
    assert!(poll(&mut late));
    drop((first, second, late));
    assert_eq!(results.map(Cell::into_inner), [Some(Ok(0)), Some(Ok(1)), Some(Err(BarrierBroken))]);
    assert_eq!((barrier.reset(), barrier.state()), (Ok(()), BarrierState::Filling));
}

/// A queue as a Rust door has it, with room for two.
#[derive(Default)]
struct Numbers {
    ledger: Ledger<Parked>,
    numbers: RefCell<VecDeque<usize>>,
}

impl Numbers {
    async fn put(&self, number: usize) {
        self.ledger.room(|| self.numbers.borrow().len() < 2).await;
        self.numbers.borrow_mut().push_back(number);
        let Ok(()) = self.ledger.added();
    }

    async fn get(&self) -> usize {
        self.ledger.item(|| !self.numbers.borrow().is_empty()).await;
        let number = self.numbers.borrow_mut().pop_front().expect("there is one");
        let Ok(()) = self.ledger.removed();
        number
    }
}

#[test]
fn every_item_goes_through_a_small_queue_once() {
    let count = times(500);
    Door::new().block_on(async move {
        let queue = Rc::new(Numbers::default());
        let got = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = Vec::new();
        for worker in 0..3 {
            let (producer, consumer, got) = (queue.clone(), queue.clone(), got.clone());
            tasks.push(spawn(async move {
                for number in 0..count {
                    producer.put(number * 3 + worker).await;
                }
            }));
            tasks.push(spawn(async move {
                for _ in 0..count {
                    if worker == 0 && consumer.numbers.borrow().is_empty() {
                        // Who waits and goes away takes nothing along.
                        abandon(consumer.get()).await;
                    }
                    let number = consumer.get().await;
                    got.borrow_mut().push(number);
                }
            }));
        }
        for task in tasks {
            task.unwrap().await;
        }
        let mut got = got.take();
        got.sort_unstable();
        assert_eq!(got, (0..3 * count).collect::<Vec<_>>());
    });
}

#[test]
fn a_lock_has_one_holder_whoever_comes_and_goes() {
    Door::new().block_on(async {
        let (lock, inside) = (Rc::new(Lock::<Parked>::default()), Rc::new(Cell::new(0)));
        let tasks: Vec<_> = (0..8)
            .map(|seed| {
                let (lock, inside) = (lock.clone(), inside.clone());
                spawn(async move {
                    let mut random = Random::new(seed);
                    for _ in 0..times(200) {
                        if lock.is_locked() && random.below(3) == 0 {
                            abandon(lock.acquire()).await;
                            continue;
                        }
                        lock.acquire().await;
                        assert_eq!(inside.replace(1), 0);
                        for _ in 0..random.below(3) {
                            yield_now().await;
                        }
                        inside.set(0);
                        assert_eq!(lock.release(), Ok(true));
                    }
                })
                .unwrap()
            })
            .collect();
        for task in tasks {
            task.await;
        }
        assert!(!lock.is_locked() && lock.waiters().is_empty());
    });
}

thread_local! {
    /// What runs when the next waker of `cloned` is cloned.
    static ON_CLONE: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

static CLONED: RawWakerVTable = RawWakerVTable::new(
    |data| {
        if let Some(code) = ON_CLONE.take() {
            code();
        }
        RawWaker::new(data, &CLONED)
    },
    |_| (),
    |_| (),
    |_| (),
);

/// A waker with code of its own; those of other numbers do not wake the same.
fn cloned(number: usize) -> Waker {
    // SAFETY: the functions do not look at the data.
    unsafe { Waker::new(std::ptr::without_provenance(number), &CLONED) }
}

#[test]
fn a_future_may_be_polled_and_told_while_a_waker_is_cloned() {
    type Shared = Rc<RefCell<Waiting<'static>>>;
    let polled = |future: &Shared, number| {
        future.borrow_mut().as_mut().poll(&mut Context::from_waker(&cloned(number))).is_ready()
    };
    for told_by_the_clone in [false, true] {
        let lock = Rc::new(Lock::<Parked>::default());
        assert_eq!(lock.try_acquire(), Ok(true));
        let waits = lock.clone();
        let second: Shared = Rc::new(RefCell::new(boxed(async move { waits.acquire().await })));
        assert!(!polled(&second, 1));
        if told_by_the_clone {
            let lock = lock.clone();
            ON_CLONE.set(Some(Box::new(move || assert_eq!(lock.release(), Ok(true)))));
        } else {
            let second = second.clone();
            ON_CLONE.set(Some(Box::new(move || assert!(!polled(&second, 3)))));
            assert_eq!(lock.release(), Ok(true));
            drop(ON_CLONE.take());
        }
        assert!(polled(&second, 2), "whom the clone has told is not woken again");
    }
}
