//! Wakers that run code of their own: woken, they poll their task at once, wherever they are woken; dropped, they drop or poll
//! others. Random programs of tasks that share locks, queues and channels must neither panic nor get stuck.

mod common;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use common::Random;
use ferrio::{Condition, Event, Lock, Queue, Semaphore, channel, create_future, gather, scope};

type Body = Pin<Box<dyn Future<Output = ()>>>;

/// How deep wakers may poll; beyond that they queue.
const DEEPEST: usize = 12;

#[derive(Default)]
enum Task {
    Idle(Body),
    /// Polled just now; whether it was woken meanwhile.
    Polled(bool),
    #[default]
    Gone,
}

#[derive(Default)]
struct Crew {
    tasks: RefCell<Vec<Task>>,
    queue: RefCell<VecDeque<usize>>,
    random: RefCell<Option<Random>>,
    depth: Cell<usize>,
    /// How many are still to be dropped by wakers.
    victims: Cell<usize>,
}

thread_local! {
    static CREW: Crew = Crew::default();
}

fn below(limit: usize) -> usize {
    CREW.with(|crew| crew.random.borrow_mut().as_mut().map_or(0, |random| random.below(limit)))
}

struct Hostile(usize);

impl Wake for Hostile {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if CREW.with(|crew| crew.depth.get()) < DEEPEST && below(2) == 0 {
            run(self.0);
        } else {
            CREW.with(|crew| crew.queue.borrow_mut().push_back(self.0));
        }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        // Of what is left at the thread's end nothing is asked: a test has failed.
        let Ok((victims, depth, count)) = CREW.try_with(|crew| {
            let count = crew.tasks.try_borrow().map_or(0, |tasks| tasks.len());
            (crew.victims.get(), crew.depth.get(), count)
        }) else {
            return;
        };
        if count == 0 || depth >= DEEPEST {
            return;
        }
        match below(8) {
            0 if victims > 0 => {
                CREW.with(|crew| crew.victims.set(victims - 1));
                let victim = below(count);
                let body = CREW.with(|crew| {
                    let mut tasks = crew.tasks.borrow_mut();
                    if matches!(tasks[victim], Task::Idle(_)) {
                        mem::take(&mut tasks[victim])
                    } else {
                        Task::Gone
                    }
                });
                drop(body);
            }
            1 => run(below(count)),
            _ => {}
        }
    }
}

/// Polls a task, again if it was woken meanwhile.
fn run(index: usize) {
    let body = CREW.with(|crew| {
        let mut tasks = crew.tasks.borrow_mut();
        match mem::replace(&mut tasks[index], Task::Polled(false)) {
            Task::Idle(body) => Some(body),
            Task::Polled(_) => {
                tasks[index] = Task::Polled(true);
                None
            }
            Task::Gone => {
                tasks[index] = Task::Gone;
                None
            }
        }
    });
    let Some(mut body) = body else { return };
    CREW.with(|crew| crew.depth.set(crew.depth.get() + 1));
    // Another waker each time.
    let ended =
        body.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(Hostile(index))))).is_ready();
    CREW.with(|crew| {
        crew.depth.set(crew.depth.get() - 1);
        let mut tasks = crew.tasks.borrow_mut();
        let again = matches!(tasks[index], Task::Polled(true));
        tasks[index] =
            if ended { Task::Gone } else { Task::Idle(mem::replace(&mut body, Box::pin(async {}))) };
        if again && !ended {
            crew.queue.borrow_mut().push_back(index);
        }
    });
}

fn spawn(body: impl Future<Output = ()> + 'static) {
    CREW.with(|crew| {
        let mut tasks = crew.tasks.borrow_mut();
        crew.queue.borrow_mut().push_back(tasks.len());
        tasks.push(Task::Idle(Box::pin(body)));
    });
}

/// Runs all that are woken; how many are left that wait.
fn drive() -> usize {
    while let Some(index) = CREW.with(|crew| crew.queue.borrow_mut().pop_front()) {
        run(index);
    }
    CREW.with(|crew| crew.tasks.borrow().iter().filter(|task| matches!(task, Task::Idle(_))).count())
}

async fn pass() {
    let mut passed = false;
    poll_fn(|context| {
        if mem::replace(&mut passed, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What all tasks share.
struct World {
    lock: Lock<u32>,
    semaphore: Semaphore,
    condition: Condition<u32>,
    event: Event,
    queue: Queue<u32>,
    sender: ferrio::Sender<u32>,
    receiver: ferrio::Receiver<u32>,
    over: Cell<bool>,
}

async fn step(world: &World, kind: usize) {
    match kind {
        0 => {
            let mut guard = world.lock.acquire().await;
            pass().await;
            *guard += 1;
        }
        1 => {
            let _guard = world.semaphore.acquire().await;
            pass().await;
        }
        2 => world.event.wait().await,
        3 => {
            world.event.set();
            world.event.clear();
        }
        4 => drop(world.queue.put(1).await),
        5 => drop(world.queue.get().await),
        6 => drop(world.sender.send(1).await),
        7 => drop(world.receiver.recv().await),
        8 => {
            let guard = world.condition.acquire().await;
            drop(guard.wait_for(|_| world.over.get() || below(3) == 0).await);
        }
        9 => {
            let guard = world.condition.acquire().await;
            guard.notify(below(3));
        }
        _ => pass().await,
    }
}

async fn program(world: Rc<World>) {
    for _ in 0..10 {
        match below(14) {
            11 => {
                let steps: Vec<_> = (0..3).map(|_| step(&world, below(10))).collect();
                gather(steps).await;
            }
            12 => {
                let (promise, promised) = create_future();
                spawn(async move {
                    pass().await;
                    promise.set_result(());
                });
                let _cancelled = promised.await;
            }
            13 => {
                scope(async |scope| {
                    for _ in 0..2 {
                        let world = &world;
                        drop(scope.spawn(async move { step(world, below(10)).await }));
                    }
                })
                .await;
            }
            kind => step(&world, kind).await,
        }
    }
}

#[test]
fn random_programs_neither_panic_nor_get_stuck() {
    // Miri takes minutes for what takes half a second.
    for seed in 0..if cfg!(miri) { 3 } else { 400 } {
        CREW.with(|crew| {
            *crew.random.borrow_mut() = Some(Random::new(seed + 1));
            crew.victims.set(if seed % 2 == 0 { 6 } else { 0 });
        });
        let (sender, receiver) = channel(1);
        let world = Rc::new(World {
            lock: Lock::new(0),
            semaphore: Semaphore::new(2),
            condition: Condition::new(0),
            event: Event::new(),
            queue: Queue::new(1),
            sender,
            receiver,
            over: Cell::new(false),
        });
        for _ in 0..8 {
            spawn(program(world.clone()));
        }
        drive();
        CREW.with(|crew| crew.victims.set(0));
        world.over.set(true);
        world.event.set();
        world.queue.shutdown(false);
        world.sender.close();
        let keeper = world.clone();
        spawn(async move {
            for _ in 0..400 {
                keeper.condition.acquire().await.notify_all();
                keeper.event.set();
                pass().await;
            }
        });
        assert_eq!(drive(), 0, "seed {seed}");
        assert!(!world.lock.locked(), "seed {seed}");
        let tasks = CREW.with(|crew| mem::take(&mut *crew.tasks.borrow_mut()));
        drop(tasks);
        assert_eq!(Rc::strong_count(&world), 1, "seed {seed}");
        CREW.with(|crew| crew.queue.borrow_mut().clear());
    }
}
