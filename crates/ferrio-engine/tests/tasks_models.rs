//! Tasks, handles, wakers and sleeps of two loops at random, where all code that a loop calls does something of all that in turn:
//! polls, destructors, and wakers that are cloned, woken and dropped. The seeds are fixed: the same failure comes back.

mod common;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use common::odd::Odd;
use common::{Door, Random};
use ferrio_engine::task::Sleep;
use ferrio_engine::{Join, Task, TaskId, polled};

/// How often something has panicked that was not meant to, wherever that was caught.
static PANICS: AtomicUsize = AtomicUsize::new(0);

const ACTIONS: usize = if cfg!(miri) { 60 } else { 400 };
const SEEDS: u64 = if cfg!(miri) { 3 } else { 400 };
/// How deep actions within actions go.
const DEPTH: usize = 8;

struct World {
    random: RefCell<Random>,
    actions: Cell<usize>,
    depth: Cell<usize>,
    doors: RefCell<Vec<Rc<Door>>>,
    handles: RefCell<Vec<Waits<Handle>>>,
    sleeps: RefCell<Vec<Waits<Pin<Box<Sleep>>>>>,
    wakers: RefCell<Vec<Waker>>,
}

/// What was polled last with a waker that says whether it was woken.
struct Waits<F> {
    future: F,
    is_told: Option<Rc<Cell<bool>>>,
}

enum Handle {
    Task(Task<Output>),
    Join(Join<Output>),
}

impl Handle {
    fn is_finished(&self) -> bool {
        match self {
            Handle::Task(task) => task.is_finished(),
            Handle::Join(task) => task.is_finished(),
        }
    }
}

impl Future for Handle {
    type Output = Option<Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Handle::Task(task) => Pin::new(task).poll(context),
            Handle::Join(task) => Pin::new(task).poll(context),
        }
    }
}

/// A task's future, which does at random whatever a future may.
struct Scripted {
    world: Rc<World>,
    id: Rc<Cell<Option<TaskId>>>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Scripted {
    fn must_be_polled(&self) {
        let id = polled().expect("a task is polled");
        // The engine's own tasks do not tell their ids.
        assert!(self.id.get().map_or(id.number == 0, |own| own == id), "another task is polled");
    }
}

impl Future for Scripted {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Output> {
        self.must_be_polled();
        let world = self.world.clone();
        world.wakers.borrow_mut().push(context.waker().clone());
        world.act();
        self.must_be_polled();
        if let Some(sleep) = &mut self.sleep
            && sleep.as_mut().poll(context).is_ready()
        {
            self.sleep = None;
        }
        match world.below(8) {
            0..=1 => return Poll::Ready(Output(world)),
            2 => resume_unwind(Box::new("expected")),
            3 => context.waker().wake_by_ref(),
            4 => self.sleep = world.new_sleep().map(|sleep| sleep.future),
            _ => {}
        }
        Poll::Pending
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.must_be_polled();
        self.world.act();
        self.must_be_polled();
    }
}

struct Output(Rc<World>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.act();
    }
}

impl World {
    fn below(&self, limit: usize) -> usize {
        self.random.borrow_mut().below(limit)
    }

    fn take<T>(&self, from: &RefCell<Vec<T>>) -> Option<T> {
        let mut from = from.borrow_mut();
        let length = from.len();
        (length > 0).then(|| from.swap_remove(self.below(length)))
    }

    fn door(&self) -> Option<Rc<Door>> {
        let doors = self.doors.borrow();
        (!doors.is_empty()).then(|| doors[self.below(doors.len())].clone())
    }

    /// Does one thing.
    fn act(self: &Rc<Self>) {
        if self.actions.get() == 0 || self.depth.get() == DEPTH {
            return;
        }
        self.actions.set(self.actions.get() - 1);
        self.depth.set(self.depth.get() + 1);
        match self.below(32) {
            0..=5 => self.spawn(),
            6..=7 => drop(self.take(&self.handles)),
            8 => {
                if let Some(Waits { future: Handle::Task(task), .. }) = self.take(&self.handles) {
                    task.detach();
                }
            }
            9..=14 => self.poll_one(&self.handles),
            15..=19 => self.wake(),
            20..=21 => {
                let sleep = self.new_sleep();
                self.sleeps.borrow_mut().extend(sleep);
            }
            22..=24 => self.poll_one(&self.sleeps),
            25 => drop(self.take(&self.sleeps)),
            26..=30 => {
                if let Some(door) = self.door() {
                    turn(&door);
                }
            }
            _ => self.close(),
        }
        self.depth.set(self.depth.get() - 1);
    }

    fn spawn(self: &Rc<Self>) {
        let Some(door) = self.door() else { return };
        let id = Rc::new(Cell::new(None));
        let future = Scripted { world: self.clone(), id: id.clone(), sleep: None };
        let future = if self.below(2) == 0 {
            Handle::Task(door.engine.core().spawn(future))
        } else {
            let task = door.engine.core().spawn_numbered(future);
            id.set(Some(task.id()));
            Handle::Join(task)
        };
        self.handles.borrow_mut().push(Waits { future, is_told: None });
    }

    fn new_sleep(&self) -> Option<Waits<Pin<Box<Sleep>>>> {
        let sleep = self.door()?.engine.core().sleep(Duration::from_secs(self.below(4) as u64));
        Some(Waits { future: Box::pin(sleep), is_told: None })
    }

    /// A waker that does something at random whenever anything is done with it, and whether it was woken.
    fn waker(self: &Rc<Self>) -> (Waker, Rc<Cell<bool>>) {
        let is_woken = Rc::new(Cell::new(false));
        let (world, woken) = (Rc::downgrade(self), is_woken.clone());
        let waker = Odd::waker(move |now| {
            woken.set(woken.get() || now == "wake");
            if let Some(world) = Weak::upgrade(&world)
                && world.below(3) == 0
            {
                world.act();
            }
        });
        (waker, is_woken)
    }

    /// Polls one of them, which stays if it waits.
    fn poll_one<F: Future + Unpin>(self: &Rc<Self>, all: &RefCell<Vec<Waits<F>>>) {
        let Some(mut one) = self.take(all) else { return };
        let (waker, is_woken) = self.waker();
        if Pin::new(&mut one.future).poll(&mut Context::from_waker(&waker)).is_pending() {
            one.is_told = Some(is_woken);
            all.borrow_mut().push(one);
        }
    }

    /// Does with a task's waker what can be done.
    fn wake(&self) {
        let Some(waker) = self.take(&self.wakers) else { return };
        let _entered =
            if self.below(2) == 0 { self.door() } else { None }.map(|door| door.engine.core().enter());
        match self.below(5) {
            0 => waker.wake(),
            1 => waker.wake_by_ref(),
            2 => self.wakers.borrow_mut().extend([waker.clone(), waker]),
            3 => thread::spawn(|| waker.wake()).join().unwrap(),
            _ => drop(waker),
        }
    }

    /// Closes a loop, or lets it go as it is, and has another one in its place.
    fn close(&self) {
        let Some(door) = self.take(&self.doors) else { return };
        if self.below(2) == 0 {
            door.engine.close();
        }
        self.doors.borrow_mut().push(Rc::new(Door::with_virtual_clock()));
    }
}

/// A turn, which may unwind, and whose tasks are no part of the one that is polled.
fn turn(door: &Door) -> bool {
    let before = polled();
    let ran = catch_unwind(AssertUnwindSafe(|| door.turn(Duration::ZERO)));
    assert_eq!(polled(), before);
    !matches!(ran, Ok(0))
}

fn run(seed: u64) {
    let world = Rc::new(World {
        random: RefCell::new(Random::new(seed)),
        actions: Cell::new(ACTIONS),
        depth: Cell::new(0),
        doors: RefCell::new((0..2).map(|_| Rc::new(Door::with_virtual_clock())).collect()),
        handles: RefCell::default(),
        sleeps: RefCell::default(),
        wakers: RefCell::default(),
    });
    while world.actions.get() > 0 {
        world.act();
    }
    // By chance all tasks that wake themselves end.
    let doors = world.doors.borrow().clone();
    while doors.iter().any(|door| turn(door)) {}
    drop(doors);
    let not_told = |told: &Option<Rc<Cell<bool>>>| told.as_ref().is_some_and(|told| !told.get());
    for one in world.handles.take() {
        assert!(
            !(not_told(&one.is_told) && one.future.is_finished()),
            "who awaits a task is told of its end"
        );
    }
    for mut one in world.sleeps.take() {
        let polled = one.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(!(not_told(&one.is_told) && polled.is_ready()), "who sleeps is told when it is over");
    }
    world.doors.take().iter().for_each(|door| door.engine.close());
    world.wakers.take();
    assert_eq!(Rc::strong_count(&world), 1, "nothing is left");
    assert_eq!(polled(), None);
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "seed {seed}");
}

#[test]
fn whatever_a_program_does_with_tasks_and_sleeps_its_loops_hold() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(info);
    }));
    for seed in 0..SEEDS {
        if let Err(failure) = catch_unwind(|| run(seed)) {
            eprintln!("seed {seed}");
            resume_unwind(failure);
        }
    }
}
