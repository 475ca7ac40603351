//! Rust futures between a door's callbacks: one loop, one thread, no second runtime. Each test has both at work at once and
//! looks at what each saw of the other.

mod common;

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use common::Door;
use common::odd::Odd;
use ferrio_engine::task::Sleep;
use ferrio_engine::{Time, sleep};

#[test]
fn sleeping_futures_and_timers_of_the_door_take_turns_on_one_thread() {
    let door = Door::with_virtual_clock();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = [3, 1]
        .into_iter()
        .map(|hours| {
            let seen = seen.clone();
            door.engine.core().spawn(async move {
                sleep(Duration::from_secs(hours * 3600)).unwrap().await;
                seen.lock().unwrap().push(("future", hours, thread::current().id()));
            })
        })
        .collect();
    for hours in [2, 4] {
        let seen = seen.clone();
        door.call_later(Duration::from_secs(hours * 3600), move |_| {
            seen.lock().unwrap().push(("callback", hours, thread::current().id()));
        });
    }
    door.run_until(|| seen.lock().unwrap().len() == 4);
    let here = thread::current().id();
    let expected = [("future", 1), ("callback", 2), ("future", 3), ("callback", 4)];
    assert_eq!(*seen.lock().unwrap(), expected.map(|(what, hours)| (what, hours, here)));
    assert!(tasks.iter().all(ferrio_engine::Task::is_finished));
    assert_eq!(door.now(), Time::ZERO.after(Duration::from_secs(4 * 3600)));
}

/// A sleep that was begun, with that waker.
fn asleep(door: &Door, seconds: u64, waker: &Waker) -> Pin<Box<Sleep>> {
    let mut sleep = Box::pin(door.engine.core().sleep(Duration::from_secs(seconds)));
    assert!(sleep.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    sleep
}

fn is_over(sleep: &mut Pin<Box<Sleep>>, waker: &Waker) -> bool {
    sleep.as_mut().poll(&mut Context::from_waker(waker)).is_ready()
}

#[test]
fn wakers_may_drop_and_fire_sleeps_wherever_they_are_called() {
    for when in ["clone", "wake", "drop"] {
        let door = Rc::new(Door::with_virtual_clock());
        let others: Rc<RefCell<Vec<Pin<Box<Sleep>>>>> = Rc::default();
        let odd = Odd::waker({
            let (others, door) = (others.clone(), Rc::downgrade(&door));
            move |now| {
                let one = if now == when { others.borrow_mut().pop() } else { None };
                drop(one);
                // What is due fires here and now, as it does where a loop runs within this one.
                if now == "clone"
                    && let Some(door) = door.upgrade()
                {
                    door.turn(Duration::ZERO);
                }
            }
        });
        let mut first = asleep(&door, 1, Waker::noop());
        for seconds in [1, 2, 3, 1, 2, 3, 1] {
            let other = asleep(&door, seconds, &odd);
            others.borrow_mut().push(other);
        }
        // Fires while its new waker is cloned.
        door.call_later(Duration::from_secs(1), |_| {});
        let is_first_over = is_over(&mut first, &odd);
        door.run_until_idle();
        assert!(is_over(&mut first, Waker::noop()), "{is_first_over}");
        others.borrow_mut().clear();
        drop(first);
    }
}

#[test]
fn a_sleep_is_over_when_its_loop_closes_and_tells_who_waits() {
    let called: Rc<RefCell<HashMap<_, usize>>> = Rc::default();
    let odd = Odd::waker({
        let called = called.clone();
        move |now| *called.borrow_mut().entry(now).or_default() += 1
    });
    let count = |what| called.borrow().get(what).copied().unwrap_or(0);
    let door = Door::new();
    let mut kept = asleep(&door, 60, &odd);
    let mut cancelled: Vec<_> = (0..10).map(|number| asleep(&door, 50 + number, &odd)).collect();
    drop(cancelled.swap_remove(3));
    assert_eq!((count("wake"), count("drop")), (0, 1));
    assert!(!is_over(&mut kept, &odd));
    door.engine.close();
    assert_eq!((count("wake"), count("drop")), (10, 1));
    assert!(is_over(&mut kept, &odd));
    drop((kept, cancelled, door));
    drop(odd);
    assert_eq!((count("clone"), count("wake"), count("drop")), (11, 10, 2));
    assert_eq!(Rc::strong_count(&called), 1);
}

#[cfg(not(miri))]
mod sockets {
    use std::io::{self, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use ferrio_engine::{Direction, net, spawn};

    use super::*;

    /// Accepts whenever the loop says so, and has each connection echoed.
    fn serve_by_callbacks(door: &Door, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let number = listener.as_raw_fd();
        let accept = move |door: &Door| {
            if let Ok((socket, _)) = listener.accept() {
                echo_by_callbacks(door, socket);
            }
        };
        door.watch(number, Direction::Read, false, accept).unwrap();
    }

    fn echo_by_callbacks(door: &Door, mut socket: TcpStream) {
        socket.set_nonblocking(true).unwrap();
        let number = socket.as_raw_fd();
        let mut space = [0; 1024];
        let echo = move |door: &Door| match socket.read(&mut space) {
            Ok(0) => drop(door.engine.unwatch(number, Direction::Read)),
            Ok(count) => socket.write_all(&space[..count]).unwrap(),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        };
        door.watch(number, Direction::Read, false, echo).unwrap();
    }

    #[test]
    fn futures_talk_to_a_server_of_callbacks_on_the_same_loop() {
        let door = Door::new();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        serve_by_callbacks(&door, listener);
        door.block_on(async move {
            let clients: Vec<_> = (0..8_u8)
                .map(|n| {
                    spawn(async move {
                        let stream = net::TcpStream::connect(address).await.unwrap();
                        for round in 0..4 {
                            let data = vec![n; 1000 + round];
                            stream.write_all(&data).await.unwrap();
                            let mut answer = vec![0; data.len()];
                            stream.read_exact(&mut answer).await.unwrap();
                            assert_eq!(answer, data);
                        }
                    })
                    .unwrap()
                })
                .collect();
            for client in clients {
                client.await;
            }
        });
    }
}
