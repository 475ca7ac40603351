//! Happy Eyeballs with a connector of its own on a virtual clock: exactly when each attempt starts, who wins, and that
//! nothing of the others stays open. The order of addresses is tested beside the code.
#![cfg(not(miri))]

mod common;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use common::{Door, abandon};
use ferrio_engine::net::happy_eyeballs::{ATTEMPT_DELAY, race};
use ferrio_engine::sleep;

/// What happens to each address: how long its attempt takes, and whether it succeeds.
type Script = Vec<(u64, bool)>;
/// When each attempt began, in milliseconds, and how many were dropped before their end.
type Course = (Vec<(usize, u64)>, usize);

const MS: Duration = Duration::from_millis(1);

fn address(n: usize) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(10, 0, 0, u8::try_from(n).unwrap()), 1))
}

/// Runs a race over `script` on a virtual clock: who won when, or all errors, and the course of it.
fn run(script: Script, delay: Option<Duration>) -> (Result<usize, Vec<String>>, u64, Course) {
    struct Open(Rc<Cell<usize>>);
    impl Drop for Open {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    let door = Door::with_virtual_clock();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small whole numbers")]
    let millis = || (ferrio_engine::Core::require().unwrap().clock.now().as_secs_f64() * 1e3).round() as u64;
    let starts = Rc::new(RefCell::new(Vec::new()));
    let (open, most_open) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (log, sockets, most) = (starts.clone(), open.clone(), most_open.clone());
    let addresses: Vec<_> = (0..script.len()).map(address).collect();
    let (result, end) = door.block_on(async move {
        let connect = move |at: SocketAddr| {
            let nth = (0..script.len()).position(|n| address(n) == at).unwrap();
            log.borrow_mut().push((nth, millis()));
            sockets.set(sockets.get() + 1);
            most.set(most.get().max(sockets.get()));
            let (socket, (takes, succeeds)) = (Open(sockets.clone()), script[nth]);
            async move {
                sleep(MS * u32::try_from(takes).unwrap()).unwrap().await;
                if succeeds { Ok((nth, socket)) } else { Err(io::Error::other(format!("no {nth}"))) }
            }
        };
        let result = race(addresses, delay, connect).await;
        (result, millis())
    });
    let left = open.get();
    let result = match result {
        Ok(((nth, socket), at)) => {
            assert_eq!((at, left), (address(nth), 1), "only the winner stays open");
            drop(socket);
            Ok(nth)
        }
        Err(failures) => {
            assert_eq!(left, 0);
            Err(failures.0.iter().map(|(at, error)| format!("{at} {error}")).collect())
        }
    };
    (result, end, (starts.take(), most_open.get()))
}

#[test]
fn the_first_address_wins_when_it_answers_in_time() {
    let (winner, end, course) = run(vec![(100, true), (1, true)], Some(ATTEMPT_DELAY));
    assert_eq!((winner, end, course), (Ok(0), 100, (vec![(0, 0)], 1)));
}

#[test]
fn a_slow_address_is_overtaken_after_the_delay() {
    let (winner, end, course) = run(vec![(1_000, true), (300, true), (900, true)], Some(ATTEMPT_DELAY));
    assert_eq!((winner, end, course), (Ok(1), 550, (vec![(0, 0), (1, 250), (2, 500)], 3)));
}

#[test]
fn a_failure_starts_the_next_attempt_at_once() {
    let (winner, end, course) = run(vec![(10, false), (20, false), (30, true)], Some(ATTEMPT_DELAY));
    assert_eq!((winner, end, course), (Ok(2), 60, (vec![(0, 0), (1, 10), (2, 30)], 1)));
}

/// As in asyncio: only the failure of the attempt started last hurries the next one.
#[test]
fn the_failure_of_an_older_attempt_hurries_nobody() {
    let (winner, end, course) = run(vec![(300, false), (1_000, true), (10, true)], Some(ATTEMPT_DELAY));
    assert_eq!((winner, end, course), (Ok(2), 510, (vec![(0, 0), (1, 250), (2, 500)], 2)));
}

#[test]
fn without_a_delay_attempts_go_one_by_one() {
    let (winner, end, course) = run(vec![(5_000, false), (5_000, true), (1, true)], None);
    assert_eq!((winner, end, course), (Ok(1), 10_000, (vec![(0, 0), (1, 5_000)], 1)));
}

#[test]
fn all_errors_are_reported_in_the_order_of_addresses() {
    let (errors, end, _) = run(vec![(600, false), (10, false), (10, false)], Some(ATTEMPT_DELAY));
    let expected = ["10.0.0.0:1 no 0", "10.0.0.1:1 no 1", "10.0.0.2:1 no 2"].map(String::from);
    assert_eq!((errors, end), (Err(expected.to_vec()), 600));
    assert_eq!(run(Vec::new(), Some(ATTEMPT_DELAY)).0, Err(Vec::new()));
}

#[test]
fn a_race_that_is_dropped_closes_its_sockets() {
    let door = Door::with_virtual_clock();
    let open = Rc::new(());
    let held = open.clone();
    door.block_on(async move {
        let connect = move |_| {
            let held = held.clone();
            async move {
                std::future::pending::<()>().await;
                drop(held);
                Ok(())
            }
        };
        abandon(race(vec![address(0), address(1)], Some(ATTEMPT_DELAY), connect)).await;
    });
    assert_eq!(Rc::strong_count(&open), 1);
}
