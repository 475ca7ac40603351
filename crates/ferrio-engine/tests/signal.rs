//! Signals as a stream. Signals belong to the process, so each test has one of its own and files of their own run apart.
#![cfg(not(miri))]

mod common;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::Poll;

use common::{Door, join};
use ferrio_engine::signal::{Signals, signal};
use rustix::process::{Signal, getpid, kill_process};

fn raise(signal: Signal) {
    kill_process(getpid(), signal).unwrap();
}

/// A signal to the process may be handled by another of its threads, a moment later.
fn raise_and_let_arrive(number: Signal) {
    let door = Door::new();
    door.block_on(async move {
        let mut arrived = signal(number).unwrap();
        raise(number);
        arrived.recv().await.unwrap();
    });
}

async fn has_come(signals: &mut Signals) -> bool {
    let mut receive = pin!(signals.recv());
    std::future::poll_fn(|context| Poll::Ready(receive.as_mut().poll(context).is_ready())).await
}

#[test]
fn a_signal_wakes_a_loop_that_sleeps_each_time() {
    Door::new().block_on(async {
        let mut signals = signal(Signal::USR1).unwrap();
        for _ in 0..100 {
            join(async { signals.recv().await.unwrap() }, async {
                ferrio_engine::task::yield_now().await;
                raise(Signal::USR1);
            })
            .await;
        }
    });
}

#[test]
fn signals_coalesce() {
    Door::new().block_on(async {
        let mut signals = signal(Signal::USR2).unwrap();
        assert!(!has_come(&mut signals).await);
        for _ in 0..5 {
            raise_and_let_arrive(Signal::USR2);
        }
        assert!(has_come(&mut signals).await);
        assert!(!has_come(&mut signals).await);
    });
}

#[test]
fn every_listener_on_every_loop_hears_of_it() {
    let other = std::thread::spawn(|| {
        let door = Door::new();
        let (ready, go) = std::sync::mpsc::channel();
        let loop_thread = std::thread::spawn(move || {
            Door::new().block_on(async move {
                let mut signals = signal(Signal::WINCH).unwrap();
                ready.send(()).unwrap();
                signals.recv().await.unwrap();
            });
        });
        go.recv().unwrap();
        door.block_on(async {
            let (mut one, mut two) = (signal(Signal::WINCH).unwrap(), signal(Signal::WINCH).unwrap());
            raise(Signal::WINCH);
            join(async { one.recv().await.unwrap() }, async { two.recv().await.unwrap() }).await;
        });
        loop_thread.join().unwrap();
    });
    other.join().unwrap();
}

#[test]
fn a_dropped_listener_hears_no_more_and_harms_no_other() {
    Door::new().block_on(async {
        let (mut kept, dropped) = (signal(Signal::HUP).unwrap(), signal(Signal::HUP).unwrap());
        drop(dropped);
        raise(Signal::HUP);
        kept.recv().await.unwrap();
        drop(kept);
        // The default would end this process.
        raise(Signal::HUP);
        let mut again = signal(Signal::HUP).unwrap();
        raise(Signal::HUP);
        again.recv().await.unwrap();
    });
}

#[test]
fn signals_that_cannot_be_handled_are_refused() {
    Door::new().block_on(async {
        for number in [Signal::KILL, Signal::STOP, Signal::SEGV] {
            assert_eq!(signal(number).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    });
    assert!(signal(Signal::USR1).is_err(), "no loop runs here");
}
