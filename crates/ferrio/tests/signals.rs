//! Signals: they belong to the process, so this file has one test for each signal, and no two tests share one.
#![cfg(not(miri))] // Miri has no signals.

use ferrio::signals::{SIGINT, SIGKILL, SIGTERM, SIGUSR1, SIGWINCH, Signal, ctrl_c, signal};

fn raise(signal: Signal) {
    let number = format!("-{}", signal.number());
    let status = std::process::Command::new("kill").args([&number, &std::process::id().to_string()]).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_signal_comes_as_often_as_it_is_awaited() {
    ferrio::run(async {
        let mut signals = signal(SIGUSR1).unwrap();
        assert_eq!(signals.signal(), SIGUSR1);
        for _ in 0..5 {
            let waiting = ferrio::create_task(async move {
                signals.recv().await.unwrap();
                signals
            });
            ferrio::yield_now().await;
            raise(SIGUSR1);
            signals = waiting.await.unwrap();
        }
    });
}

#[test]
fn every_listener_on_every_loop_hears_of_it() {
    let barrier = std::sync::Barrier::new(3);
    let heard = ferrio::run_many(3, |n| {
        let barrier = &barrier;
        async move {
            let (mut one, mut other) = (signal(SIGWINCH).unwrap(), signal(SIGWINCH).unwrap());
            barrier.wait();
            if n == 0 {
                raise(SIGWINCH);
            }
            one.recv().await.unwrap();
            other.recv().await.unwrap();
            n
        }
    });
    assert_eq!(heard, [0, 1, 2]);
}

#[test]
fn terminating_gracefully() {
    let served = ferrio::run(async {
        let mut term = signal(SIGTERM).unwrap();
        let server = ferrio::create_task(std::future::pending::<()>());
        raise(SIGTERM);
        term.recv().await.unwrap();
        server.cancel();
        server.await
    });
    assert!(served.unwrap_err().is_cancelled());
}

#[test]
fn ctrl_c_ends_a_wait_and_not_the_process() {
    ferrio::run(async {
        let waiting = ferrio::create_task(ctrl_c());
        ferrio::yield_now().await;
        raise(SIGINT);
        waiting.await.unwrap().unwrap();
    });
}

#[test]
fn signals_that_cannot_be_heard_are_refused_by_name() {
    let error = ferrio::run(async { signal(SIGKILL).unwrap_err() });
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "SIGKILL cannot be listened for: it ends or stops the process at once");
}

#[test]
#[should_panic(expected = "signal: no running event loop")]
fn without_a_loop_nobody_listens() {
    let _never = signal(SIGUSR1);
}
