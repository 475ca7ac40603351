//! The end of things: cancelled tasks, and loops that are closed or just dropped, with whatever they hold then.

mod common;

use std::cell::Cell;
use std::future::Future;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{Door, Word, times};
use ferrio_engine::{Core, Direction, sleep};

/// Runs when dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn counted(drops: &Rc<Cell<usize>>) -> OnDrop<impl FnMut() + use<>> {
    let drops = drops.clone();
    OnDrop(move || drops.set(drops.get() + 1))
}

#[test]
fn dropping_a_task_cancels_it() {
    let door = Door::new();
    let drops = Rc::new(Cell::new(0));
    let held = counted(&drops);
    let task = door.engine.core().spawn(async move {
        let _held = held;
        std::future::pending::<()>().await;
    });
    door.run_until_idle();
    assert_eq!(drops.get(), 0);
    drop(task);
    door.run_until_idle();
    assert_eq!(drops.get(), 1);
}

#[test]
#[cfg_attr(miri, ignore = "it watches a descriptor")]
fn closing_drops_whatever_the_loop_holds() {
    let door = Door::new();
    let drops = Rc::new(Cell::new(0));
    let spawn = || {
        let held = counted(&drops);
        let task = door.engine.core().spawn(async move {
            let _held = held;
            sleep(Duration::from_secs(60)).unwrap().await;
        });
        task.detach();
    };
    spawn();
    door.run_until_idle();
    spawn();
    let (reader, writer) = std::io::pipe().unwrap();
    let words: Vec<_> = (0..4).map(|_| Word::new(|_| ())).collect();
    door.engine.call_soon(words[0].clone());
    door.engine.call_at(door.now().after(Duration::from_secs(60)), words[1].clone());
    door.engine.remote().post(words[2].clone());
    door.engine.watch(reader.as_raw_fd(), Direction::Read, words[3].clone(), false).unwrap();
    let mut held = 0;
    door.engine.for_each(|_| held += 1);
    assert_eq!(held, 5);
    door.engine.close();
    assert_eq!(words.iter().map(Word::count).collect::<Vec<_>>(), [1; 4]);
    assert_eq!(drops.get(), 2);
    drop((door, reader, writer));
}

#[test]
fn tasks_that_spawn_in_drop_are_dropped_too() {
    /// Spawns another like itself when dropped, some times.
    struct Respawn(Rc<Core>, usize, Rc<Cell<usize>>);
    impl Drop for Respawn {
        fn drop(&mut self) {
            self.2.set(self.2.get() + 1);
            if self.1 > 0 {
                let next = Respawn(self.0.clone(), self.1 - 1, self.2.clone());
                self.0
                    .spawn(async move {
                        std::future::pending::<()>().await;
                        drop(next);
                    })
                    .detach();
            }
        }
    }
    for close in [true, false] {
        let door = Door::new();
        let drops = Rc::new(Cell::new(0));
        for depth in [0, 5, 9] {
            let core = door.engine.core().clone();
            let first = Respawn(core.clone(), depth, drops.clone());
            core.spawn(async move {
                std::future::pending::<()>().await;
                drop(first);
            })
            .detach();
        }
        door.run_until_idle();
        if close {
            door.engine.close();
        } else {
            drop(door);
        }
        assert_eq!(drops.get(), 1 + 6 + 10, "close: {close}");
    }
}

/// A future that counts its drop and leaves its waker where other threads find it.
struct Exposed {
    waker: Arc<Mutex<Option<Waker>>>,
    _held: Box<dyn std::any::Any>,
}

impl Future for Exposed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        *self.waker.lock().unwrap() = Some(context.waker().clone());
        Poll::Pending
    }
}

#[test]
fn a_loop_dropped_without_closing_drops_a_task_that_was_posted() {
    let door = Door::new();
    let drops = Rc::new(Cell::new(0));
    let waker = Arc::new(Mutex::new(None));
    let exposed = Exposed { waker: waker.clone(), _held: Box::new(counted(&drops)) };
    door.engine.core().spawn(exposed).detach();
    door.run_until_idle();
    let woken = waker.lock().unwrap().take().unwrap();
    thread::spawn(move || woken.wake()).join().unwrap();
    drop(door);
    assert_eq!(drops.get(), 1);
}

/// A wake-up takes two steps, marking the task and posting it, and the loop may be closed between them.
#[test]
fn a_wake_up_that_races_with_closing_leaks_nothing() {
    for round in 0..times(400) {
        let door = Door::new();
        let drops = Rc::new(Cell::new(0));
        let wakers: Vec<_> = (0..16)
            .map(|_| {
                let waker = Arc::new(Mutex::new(None));
                let exposed = Exposed { waker: waker.clone(), _held: Box::new(counted(&drops)) };
                door.engine.core().spawn(exposed).detach();
                waker
            })
            .collect();
        door.run_until_idle();
        let wakers: Vec<Waker> = wakers.iter().map(|waker| waker.lock().unwrap().take().unwrap()).collect();
        let (ready, go) = mpsc::channel();
        let thread = thread::spawn(move || {
            ready.send(()).unwrap();
            wakers.into_iter().for_each(Waker::wake);
        });
        go.recv().unwrap();
        if round % 2 == 0 {
            door.engine.close();
            assert_eq!(drops.get(), 16, "round {round}");
        } else {
            drop(door);
            assert_eq!(drops.get(), 16, "round {round}");
        }
        thread.join().unwrap();
    }
}
