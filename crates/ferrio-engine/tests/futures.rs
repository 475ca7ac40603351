//! Rust futures between a door's callbacks: one loop, one thread, no second runtime. Each test has both at work at once and
//! looks at what each saw of the other.

mod common;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::Door;
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
