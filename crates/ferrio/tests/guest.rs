//! A loop within another one: the host here is the test, which watches the descriptor with poll(2) or by hand.
#![cfg(not(miri))] // A guest needs a poller that has a descriptor.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrio::{Guest, Rest};

/// How long something may take that another thread or the kernel does.
const PATIENCE: Duration = Duration::from_secs(30);

/// A guest on a clock that stands until it is moved.
fn guest() -> Option<(Guest, Rc<Cell<f64>>)> {
    let now = Rc::new(Cell::new(100.0));
    let clock = now.clone();
    match Guest::new(move || clock.get()) {
        Ok(guest) => Some((guest, now)),
        Err(error) => {
            assert_eq!(std::env::var("FERRIO_POLLER").as_deref(), Ok("poll"), "{error}");
            assert!(error.to_string().contains("FERRIO_POLLER"), "{error}");
            None
        }
    }
}

fn settle(guest: &Guest) {
    while guest.rest() == Rest::Busy {
        guest.turn(false).unwrap();
    }
}

/// Turns as a host gives them, until `done`.
fn drive(guest: &Guest, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "not done after {PATIENCE:?}");
        match guest.rest() {
            Rest::Busy => guest.turn(false).unwrap(),
            Rest::Until(_) | Rest::Idle => {
                std::thread::sleep(Duration::from_millis(1));
                guest.turn(true).unwrap();
            }
        }
    }
}

#[test]
fn a_sleep_rests_until_its_time_on_the_clock_of_the_host() {
    let Some((guest, now)) = guest() else { return };
    let task = guest.enter(|| ferrio::create_task(ferrio::sleep(Duration::from_secs(50))));
    assert_eq!(guest.rest(), Rest::Busy);
    settle(&guest);
    assert_eq!(guest.rest(), Rest::Until(150.0));
    now.set(149.0);
    guest.turn(false).unwrap();
    assert!(!task.is_finished());
    now.set(150.0);
    guest.turn(false).unwrap();
    settle(&guest);
    assert!(task.is_finished());
    assert_eq!(guest.rest(), Rest::Idle);
}

#[test]
fn a_call_of_another_thread_makes_the_descriptor_of_a_resting_guest_readable() {
    let Some((guest, _)) = guest() else { return };
    let (promise, promised) = ferrio::create_future();
    let task = guest.enter(|| ferrio::create_task(promised));
    settle(&guest);
    let remote = guest.remote();
    std::thread::spawn(move || remote.call_soon_threadsafe(move || promise.set_result(7))).join().unwrap();
    guest.turn(true).unwrap();
    settle(&guest);
    assert!(task.is_finished());
}

#[test]
fn connections_and_threads_work_within_a_host() {
    let Some((guest, _)) = guest() else { return };
    let task = guest.enter(|| {
        ferrio::create_task(async {
            let echo = async |mut reader: ferrio::StreamReader, mut writer: ferrio::StreamWriter| {
                let line = reader.readline().await.unwrap();
                writer.write(&line);
            };
            let server = ferrio::start_server(echo, "127.0.0.1", 0).await.unwrap();
            let (mut reader, mut writer) = ferrio::open_connection("127.0.0.1", server.port()).await.unwrap();
            writer.write(b"hello\n");
            let line = reader.readline().await.unwrap();
            ferrio::to_thread(move || line.len()).await
        })
    });
    drive(&guest, || task.is_finished());
}

#[test]
fn the_loop_that_was_entered_before_comes_back() {
    let Some((guest, _)) = guest() else { return };
    ferrio::run(async {
        let outer = format!("{:?}", ferrio::get_running_loop());
        let inner = guest.enter(|| format!("{:?}", ferrio::get_running_loop()));
        assert_ne!(outer, inner);
        assert_eq!(format!("{:?}", ferrio::get_running_loop()), outer);
    });
}

#[test]
fn a_task_of_the_host_is_no_task_of_the_guest() {
    let Some((guest, _)) = guest() else { return };
    ferrio::run(async {
        let host = ferrio::current_task();
        assert_eq!(guest.enter(ferrio::current_task), None);
        assert_eq!(ferrio::current_task(), host);
    });
}

#[test]
fn closing_drops_tasks_and_what_other_threads_leave_later() {
    let Some((guest, _)) = guest() else { return };
    let (held, called) = (Rc::new(()), Arc::new(()));
    let holder = held.clone();
    guest
        .enter(|| {
            ferrio::create_task(async move {
                std::future::pending::<()>().await;
                drop(holder);
            })
        })
        .detach();
    settle(&guest);
    let remote = guest.remote();
    guest.close();
    assert_eq!(Rc::strong_count(&held), 1);
    assert!(guest.descriptor().is_none());
    let late = called.clone();
    remote.call_soon_threadsafe(move || drop(late));
    assert_eq!(Arc::strong_count(&called), 1);
}

#[test]
fn closing_runs_cleanups_and_what_they_start_as_far_as_nothing_waits() {
    let Some((guest, _)) = guest() else { return };
    let log = Rc::new(RefCell::new(Vec::new()));
    let cleanup = |waits: bool, what: &'static str| {
        let log = log.clone();
        async move {
            let begun = ferrio::create_task(async move {
                ferrio::yield_now().await;
                if waits {
                    ferrio::sleep(Duration::from_secs(1)).await;
                }
                what
            });
            let what = begun.await.unwrap();
            log.borrow_mut().push(what);
        }
    };
    guest.enter(|| {
        for (waits, what) in [(false, "is ready"), (true, "waits")] {
            ferrio::create_task(ferrio::finally(std::future::pending::<()>(), cleanup(waits, what))).detach();
        }
    });
    settle(&guest);
    guest.close();
    assert_eq!(*log.borrow(), ["is ready"]);
}

#[test]
fn what_a_task_of_another_loop_starts_is_no_cleanups() {
    let Some((guest, _)) = guest() else { return };
    let log = Rc::new(RefCell::new(Vec::new()));
    let says_later = |what: &'static str| {
        let log = log.clone();
        async move {
            ferrio::yield_now().await;
            ferrio::yield_now().await;
            log.borrow_mut().push(what);
        }
    };
    let events = guest.enter(ferrio::get_running_loop);
    // Both are the first task of their loops.
    guest.enter(|| drop(ferrio::finally(std::future::pending::<()>(), says_later("cleanup"))));
    ferrio::run(async { events.create_task(says_later("other")).detach() });
    guest.close();
    assert_eq!(*log.borrow(), ["cleanup"]);
}

#[test]
fn a_loop_that_is_dropped_with_a_task_leaves_the_tasks_surroundings_alone() {
    thread_local!(static USER: Cell<&'static str> = const { Cell::new("nobody") });
    let Some((guest, _)) = guest() else { return };
    let guest = guest.with_surroundings(|| {
        let user = USER.get();
        move |poll| {
            let before = USER.replace(user);
            poll();
            USER.set(before);
        }
    });
    let inner = ferrio::Runner::new().unwrap();
    inner.run(async { ferrio::create_task(std::future::pending::<()>()).detach() });
    let seen = Rc::new(Cell::new("nothing"));
    let told = seen.clone();
    guest.enter(|| ferrio::create_task(async {}).detach());
    USER.set("Ada");
    // Both are the second task of their loops.
    let task = guest.enter(|| {
        ferrio::create_task(async move {
            let _cleanup = ferrio::finally(std::future::pending::<()>(), async move { told.set(USER.get()) });
            let _inner = inner;
            std::future::pending::<()>().await;
        })
    });
    USER.set("Grace");
    settle(&guest);
    guest.enter(|| task.cancel());
    settle(&guest);
    assert_eq!(seen.get(), "Ada");
}

#[test]
fn the_clock_of_a_host_may_run_another_guest() {
    let Some((other, _)) = guest() else { return };
    let turns = Rc::new(Cell::new(0));
    let counter = turns.clone();
    let guest = Guest::new(move || {
        other.turn(false).unwrap();
        counter.set(counter.get() + 1);
        f64::from(counter.get())
    })
    .unwrap();
    let limiter = ferrio::RateLimiter::new(5, Duration::from_secs(1));
    let task = guest.enter(|| {
        ferrio::create_task(async move {
            ferrio::sleep(Duration::ZERO).await;
            let _elapsed = ferrio::timeout(Duration::from_nanos(1), std::future::pending::<()>()).await;
            ferrio::interval(Duration::from_secs(1)).tick().await;
            limiter.acquire().await;
            ferrio::get_running_loop().time()
        })
    });
    for _ in 0..100 {
        guest.turn(false).unwrap();
    }
    assert!(task.is_finished() && turns.get() > 100);
}
