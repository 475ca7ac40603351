//! Tasks and their wakers: on their loop's thread, on others, within other loops, and when the task or its loop is gone.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use common::odd::Odd;
use common::{Door, times};
use ferrio_engine::task::yield_now;
use ferrio_engine::{Join, Task, polled};

/// Leaves its waker, and ends when it is told to.
#[derive(Clone, Default)]
struct Exposed(Rc<Inside>);

#[derive(Default)]
struct Inside {
    waker: RefCell<Option<Waker>>,
    polls: Cell<usize>,
    ends: Cell<bool>,
}

impl Exposed {
    fn waker(&self) -> Waker {
        self.0.waker.borrow().clone().expect("it was polled")
    }

    fn polls(&self) -> usize {
        self.0.polls.get()
    }
}

impl Future for Exposed {
    type Output = &'static str;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<&'static str> {
        self.0.polls.set(self.0.polls.get() + 1);
        self.0.waker.replace(Some(context.waker().clone()));
        if self.0.ends.get() { Poll::Ready("ended") } else { Poll::Pending }
    }
}

/// A task that was polled once, and waits.
fn exposed(door: &Door) -> (Exposed, Task<&'static str>) {
    let future = Exposed::default();
    let task = door.engine.core().spawn(future.clone());
    door.run_until_idle();
    (future, task)
}

fn on_thread<T: Send>(call: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(call).join().unwrap())
}

/// What a task has given, if it has ended.
fn poll_once<F: Future + Unpin>(task: &mut F) -> Poll<F::Output> {
    Pin::new(task).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn wake_ups_before_a_poll_are_one() {
    let door = Door::new();
    let (future, _task) = exposed(&door);
    for _ in 0..3 {
        let _entered = door.engine.core().enter();
        let waker = future.waker();
        waker.wake_by_ref();
        waker.wake();
    }
    door.run_until_idle();
    assert_eq!(future.polls(), 2);
    for _ in 0..3 {
        let waker = future.waker();
        on_thread(move || (waker.wake_by_ref(), waker.wake()));
    }
    door.run_until_idle();
    assert_eq!(future.polls(), 3);
    // A post that comes before the ring's word is run for both.
    let waker = future.waker();
    on_thread(move || waker.wake());
    door.engine.collect_posts();
    {
        let _entered = door.engine.core().enter();
        future.waker().wake();
    }
    door.run_until_idle();
    assert_eq!(future.polls(), 4);
}

#[test]
fn a_waker_may_be_cloned_here_and_dropped_there() {
    let door = Door::new();
    let (future, mut task) = exposed(&door);
    let away: Vec<_> = (0..5).map(|_| future.waker()).collect();
    let back = on_thread({
        let waker = future.waker();
        move || {
            drop(away);
            vec![waker.clone(), waker.clone(), waker]
        }
    });
    let entered = door.engine.core().enter();
    drop(back);
    future.0.ends.set(true);
    future.waker().wake();
    drop(entered);
    door.run_until_idle();
    assert_eq!(poll_once(&mut task), Poll::Ready(Some("ended")));
}

#[test]
fn a_task_may_be_woken_by_another_thread_while_it_runs() {
    let door = Door::new();
    let polls = Rc::new(Cell::new(0));
    let counter = polls.clone();
    let task = door.engine.core().spawn(poll_fn(move |context| {
        counter.set(counter.get() + 1);
        let waker = context.waker().clone();
        on_thread(move || (waker.wake_by_ref(), waker.wake()));
        if counter.get() == times(32) { Poll::Ready(()) } else { Poll::Pending }
    }));
    door.run_until(|| task.is_finished());
    assert_eq!(polls.get(), times(32));
    door.run_until_idle();
}

#[test]
fn a_task_is_not_polled_within_its_own_poll() {
    let door = Rc::new(Door::new());
    let (polls, inner) = (Rc::new(Cell::new(0)), door.clone());
    let counter = polls.clone();
    let task = door.engine.core().spawn(poll_fn(move |context| {
        counter.set(counter.get() + 1);
        let waker = context.waker().clone();
        on_thread(move || waker.wake());
        context.waker().wake_by_ref();
        inner.turn(Duration::ZERO);
        if counter.get() == 2 { Poll::Ready(()) } else { Poll::Pending }
    }));
    door.turn(Duration::ZERO);
    assert_eq!(polls.get(), 1);
    door.run_until(|| task.is_finished());
    assert_eq!(polls.get(), 2);
}

#[test]
fn wakers_of_a_task_that_has_ended_do_nothing() {
    let door = Door::new();
    for has_handle in [true, false] {
        let (future, task) = exposed(&door);
        let mut task = Some(task);
        if !has_handle {
            task.take().unwrap().detach();
        }
        let (here, there) = (future.waker(), future.waker());
        future.0.ends.set(true);
        on_thread(|| there.wake_by_ref());
        door.run_until_idle();
        assert_eq!(future.polls(), 2);
        let late = on_thread(move || {
            let late = there.clone();
            there.wake();
            late
        });
        assert_eq!(door.turn(Duration::ZERO), 0, "nothing was posted");
        let _entered = door.engine.core().enter();
        here.wake_by_ref();
        drop(here.clone());
        drop((future, task, here));
        late.wake();
    }
    door.run_until_idle();
}

#[test]
fn wakers_and_handles_may_outlive_the_loop() {
    for by_closing in [true, false] {
        let door = Door::new();
        let (future, mut task) = exposed(&door);
        let (here, there) = (future.waker(), future.waker());
        let (ended, mut output) = exposed(&door);
        ended.0.ends.set(true);
        ended.waker().wake();
        door.run_until_idle();
        if by_closing {
            door.engine.close();
            on_thread(|| there.wake_by_ref());
        }
        drop(door);
        assert_eq!(poll_once(&mut task), Poll::Ready(None));
        assert_eq!(poll_once(&mut output), Poll::Ready(Some("ended")));
        // Its wakers are this loop's as little as the other's, wherever it is in memory.
        let next = Door::new();
        let _entered = next.engine.core().enter();
        here.wake_by_ref();
        on_thread(move || (there.clone(), there.wake()));
        drop((future, ended, output));
        here.wake();
        assert!(task.is_finished());
    }
}

#[test]
fn a_loop_that_runs_within_another_shares_no_wakers_with_it() {
    let (outer, inner) = (Door::new(), Door::new());
    let (future, task) = exposed(&inner);
    let waker = future.waker();
    outer.block_on(async move {
        waker.wake_by_ref();
        drop(waker);
        yield_now().await;
    });
    assert_eq!(future.polls(), 1);
    inner.run_until_idle();
    assert_eq!(future.polls(), 2);
    // A task whose handle is dropped where its loop is not entered.
    drop(task);
    inner.run_until_idle();
    assert_eq!(Rc::strong_count(&future.0), 1);
}

#[test]
fn an_output_is_given_once() {
    let door = Door::new();
    let held = Rc::new(());
    let output = held.clone();
    let mut task = door.engine.core().spawn(async { output });
    assert!(poll_once(&mut task).is_pending());
    door.run_until_idle();
    assert!(task.is_finished());
    assert_eq!(poll_once(&mut task), Poll::Ready(Some(held.clone())));
    assert_eq!(poll_once(&mut task), Poll::Ready(None));
    drop(task);
    for is_detached in [true, false] {
        let output = held.clone();
        let task = door.engine.core().spawn(async { output });
        if is_detached {
            task.detach();
            door.run_until_idle();
        } else {
            door.run_until_idle();
            assert_eq!(Rc::strong_count(&held), 2);
            drop(task);
        }
        assert_eq!(Rc::strong_count(&held), 1);
    }
}

#[test]
fn who_awaits_a_task_is_told_once_and_last() {
    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let door = Door::new();
    let (future, mut task) = exposed(&door);
    let counts = [const { Count(AtomicUsize::new(0)) }; 2].map(Arc::new);
    for count in &counts {
        for _ in 0..2 {
            let waker = Waker::from(count.clone());
            assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    future.0.ends.set(true);
    future.waker().wake();
    door.run_until_idle();
    assert_eq!(counts.each_ref().map(|count| count.0.load(Ordering::Relaxed)), [0, 1]);
    assert_eq!(counts.each_ref().map(Arc::strong_count), [1, 1]);
}

#[test]
fn a_panic_goes_through_the_turn_and_ends_the_task() {
    let door = Door::new();
    let dropped = Rc::new(());
    let held = dropped.clone();
    let mut task: Task<()> = door.engine.core().spawn(async move {
        yield_now().await;
        std::convert::identity(&held);
        std::panic::resume_unwind(Box::new("expected"));
    });
    let after = door.engine.core().spawn(async { 7 });
    let panics = catch_unwind(AssertUnwindSafe(|| door.run_until_idle())).unwrap_err();
    assert_eq!(panics.downcast_ref(), Some(&"expected"));
    assert_eq!(Rc::strong_count(&dropped), 1);
    assert_eq!(poll_once(&mut task), Poll::Ready(None));
    door.run_until(|| after.is_finished());
}

#[test]
fn destructors_that_panic_end_nothing() {
    struct Panics(Rc<Cell<usize>>);
    impl Drop for Panics {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            std::panic::resume_unwind(Box::new("expected"));
        }
    }
    let door = Door::new();
    let dropped = Rc::new(Cell::new(0));
    let panics = || Panics(dropped.clone());
    let (output, left, future, unrun) = (panics(), panics(), panics(), panics());
    let core = door.engine.core();
    core.spawn(async { output }).detach();
    let task = core.spawn(async { left });
    let waits = core.spawn(async move {
        let _future = future;
        pending::<()>().await;
    });
    door.run_until_idle();
    assert_eq!(dropped.get(), 1);
    drop((task, waits));
    door.run_until_idle();
    assert_eq!(dropped.get(), 3);
    core.spawn(async move { drop(unrun) }).detach();
    door.engine.close();
    assert_eq!(dropped.get(), 4);
}

#[test]
fn a_task_may_drop_its_own_handle_and_close_its_own_loop() {
    let door = Rc::new(Door::new());
    let own = Rc::new(Cell::new(None));
    let (handle, inner) = (own.clone(), door.clone());
    let (future, other) = exposed(&door);
    own.set(Some(door.engine.core().spawn(async move {
        drop(handle.take());
        inner.engine.close();
        pending::<()>().await;
    })));
    door.run_until_idle();
    assert!(other.is_finished());
    assert_eq!((Rc::strong_count(&future.0), Rc::strong_count(&door)), (1, 1));
}

/// Three threads wake, clone and drop while the loop polls, ends and frees.
#[test]
fn threads_that_wake_and_drop_meet_a_task_that_ends() {
    let door = Door::new();
    for round in 0..times(320) {
        let (future, task) = exposed(&door);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let waker = future.waker();
                thread::spawn(move || {
                    waker.wake_by_ref();
                    let more = waker.clone();
                    waker.wake();
                    more.wake();
                })
            })
            .collect();
        door.turn(Duration::ZERO);
        if round % 3 == 0 {
            drop(task);
        } else {
            future.0.ends.set(true);
            future.waker().wake();
            if round % 3 == 1 {
                task.detach();
            }
        }
        drop(future);
        door.turn(Duration::ZERO);
        for thread in threads {
            thread.join().unwrap();
        }
        door.run_until_idle();
    }
}

#[test]
fn an_ended_task_is_not_found_though_another_one_has_its_place() {
    let (door, other) = (Door::new(), Door::new());
    let core = door.engine.core();
    let first = core.spawn_numbered(async { 1 });
    let stays = core.spawn_numbered(pending::<()>());
    assert_eq!((first.id().number, stays.id().number), (1, 2));
    assert_eq!(core.tasks.ids(), [first.id(), stays.id()]);
    assert!(core.tasks.wake(first.id()));
    door.run_until(|| first.is_finished());
    let next = core.spawn_numbered(async { 3 });
    assert_eq!((core.tasks.wake(first.id()), core.tasks.wake(next.id())), (false, true));
    assert!(!other.engine.core().tasks.wake(next.id()), "it is of another loop");
    assert_eq!(core.tasks.ids(), [stays.id(), next.id()]);
    assert_eq!((first.output(), first.is_taken(), next.output()), (Some(&1), false, None));
}

#[test]
fn the_polled_task_is_known_while_it_is_polled_and_dropped() {
    struct Says(Rc<RefCell<Vec<Option<u64>>>>);
    impl Drop for Says {
        fn drop(&mut self) {
            self.0.borrow_mut().push(polled().map(|id| id.number));
        }
    }
    let door = Door::new();
    let core = door.engine.core();
    let said = Rc::default();
    let [ends, panics, cancelled] = std::array::from_fn(|_| Says(Rc::clone(&said)));
    let first = core.spawn_numbered(async move { drop(ends) });
    let mut second = core.spawn_numbered(async move {
        let _stays = panics;
        std::panic::resume_unwind(Box::new("expected"));
    });
    let task = core.spawn(async move {
        let _stays = cancelled;
        pending::<()>().await;
    });
    assert!(catch_unwind(AssertUnwindSafe(|| door.run_until_idle())).is_err());
    door.run_until_idle();
    drop(task);
    door.run_until_idle();
    assert!(first.is_finished());
    assert_eq!(polled(), None);
    assert_eq!(*said.borrow(), [Some(1), Some(2), Some(0)]);
    assert_eq!(poll_once(&mut second), Poll::Ready(None));
}

#[test]
fn handles_may_be_held_while_somebody_unwinds() {
    fn assert<T: UnwindSafe + RefUnwindSafe>() {}
    assert::<Task<Rc<Cell<u8>>>>();
    assert::<Join<Rc<Cell<u8>>>>();
}

#[test]
fn a_task_may_end_while_the_waker_of_who_awaits_it_is_cloned_or_dropped() {
    for when in ["clone", "drop"] {
        let door = Rc::new(Door::new());
        let (future, mut task) = exposed(&door);
        let ends = Rc::new(Cell::new(false));
        let woken = Rc::new(Cell::new(false));
        let odd = |ends: &Rc<Cell<bool>>| {
            let (door, future, ends, woken) = (door.clone(), future.clone(), ends.clone(), woken.clone());
            Odd::waker(move |now| {
                woken.set(woken.get() || now == "wake");
                if now == when && ends.take() {
                    future.0.ends.set(true);
                    let entered = door.engine.core().enter();
                    future.waker().wake();
                    drop(entered);
                    door.run_until_idle();
                }
            })
        };
        let (first, second) = (odd(&ends), odd(&ends));
        let mut poll = |waker| Pin::new(&mut task).poll(&mut Context::from_waker(waker));
        assert_eq!(poll(&first), Poll::Pending);
        ends.set(true);
        let polled = poll(&second);
        assert!(!ends.get(), "the task has ended meanwhile");
        assert!(woken.get() || polled == Poll::Ready(Some("ended")), "nobody is told");
    }
}
