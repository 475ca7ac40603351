//! The pool: its rules one by one, then any order of operations against a simple account of what is where.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use ferrio_http::pool::{Checkout, Grant, Limits, Pool, Returned, Ticket};

const NOW: Duration = Duration::ZERO;

fn limits(total: usize, per_host: usize) -> Limits {
    Limits { total: Some(total), per_host: Some(per_host), ..Limits::default() }
}

#[test]
fn the_newest_idle_connection_is_used_and_the_oldest_goes() {
    let mut pool: Pool<u8, u32, ()> = Pool::new(limits(3, 3));
    (0..3).for_each(|_| assert_eq!(pool.checkout(&0, NOW), Checkout::Open));
    for number in 0..3 {
        pool.give_back(&0, Some(number), Duration::from_secs(u64::from(number)));
    }
    assert_eq!(pool.checkout(&0, Duration::from_secs(15)), Checkout::Idle(2));
    assert_eq!(pool.evict(Duration::from_secs(15)), Some(0));
    assert_eq!(pool.evict(Duration::from_secs(15)), None);
    assert_eq!(pool.next_expiry(), Some(Duration::from_secs(16)));
    // What is too old is not used, though nobody has evicted it.
    assert_eq!(pool.checkout(&0, Duration::from_secs(16)), Checkout::Open);
    assert_eq!(pool.evict(Duration::from_secs(16)), Some(1));
}

#[test]
fn as_many_may_be_idle_as_in_use() {
    let mut pool: Pool<u8, u8, ()> = Pool::new(limits(2, 2));
    for host in 0..3 {
        pool.checkout(&host, NOW);
        pool.give_back(&host, Some(host), NOW);
    }
    assert_eq!((pool.idle(), pool.evict(NOW), pool.evict(NOW)), (3, Some(0), None));
}

#[test]
fn turns_go_round_among_hosts_and_stay_in_order_within_one() {
    let mut pool: Pool<u8, u8, &str> = Pool::new(limits(1, 1));
    pool.checkout(&0, NOW);
    for (host, who) in [(1, "1 first"), (1, "1 second"), (1, "1 third"), (2, "2 first"), (0, "0 first")] {
        assert_eq!(pool.checkout(&host, NOW), Checkout::Wait);
        pool.wait(&host, who);
    }
    let mut order = Vec::new();
    let mut host = 0;
    while let Some(Grant { waiter, connection }) = pool.give_back(&host, Some(host), NOW).grant {
        host = waiter.as_bytes()[0] - b'0';
        order.push(waiter);
        // A host's own connection is kept for its next turn.
        assert_eq!(connection.is_some(), ["0 first", "1 second", "1 third"].contains(&waiter), "{waiter}");
    }
    assert_eq!(order, ["1 first", "2 first", "0 first", "1 second", "1 third"]);
    assert_eq!((pool.in_use(), pool.idle()), (0, 3));
}

#[test]
fn a_full_host_keeps_no_other_waiting() {
    let mut pool: Pool<u8, u8, &str> = Pool::new(limits(10, 1));
    pool.checkout(&0, NOW);
    assert_eq!(pool.checkout(&0, NOW), Checkout::Wait);
    pool.wait(&0, "me");
    assert_eq!(pool.checkout(&1, NOW), Checkout::Open);
    assert_eq!(pool.give_back(&1, None, NOW), Returned { idle: None, grant: None });
    let grant = pool.give_back(&0, Some(7), NOW).grant;
    assert_eq!(grant, Some(Grant { waiter: "me", connection: Some(7) }));
}

#[test]
fn whoever_leaves_is_granted_nothing() {
    let mut pool: Pool<u8, u8, &str> = Pool::new(limits(1, 1));
    pool.checkout(&0, NOW);
    let tickets: Vec<Ticket> = ["a", "b", "c"].into_iter().map(|who| pool.wait(&0, who)).collect();
    assert_eq!(pool.leave(tickets[0]), Some("a"));
    assert_eq!(pool.leave(tickets[2]), Some("c"));
    assert_eq!(pool.give_back(&0, None, NOW).grant, Some(Grant { waiter: "b", connection: None }));
    assert_eq!(pool.leave(tickets[1]), None);
    assert_eq!(pool.give_back(&0, None, NOW), Returned { idle: None, grant: None });
    // Given back once too often: nothing comes of it.
    assert_eq!(pool.give_back(&0, Some(1), NOW), Returned { idle: None, grant: None });
    assert_eq!((pool.in_use(), pool.idle()), (0, 0));
}

#[test]
fn a_drained_pool_is_empty() {
    let mut pool: Pool<u8, u8, &str> = Pool::new(limits(2, 1));
    pool.checkout(&0, NOW);
    pool.checkout(&1, NOW);
    pool.give_back(&1, Some(1), NOW);
    pool.wait(&0, "a");
    pool.wait(&0, "b");
    assert_eq!(pool.drain(), (vec![1], vec!["a", "b"]));
    assert_eq!((pool.idle(), pool.in_use()), (0, 1));
    assert_eq!(pool.give_back(&0, None, NOW).grant, None);
}

/// What is where, by the simplest means.
#[derive(Default)]
struct Account {
    in_use: HashMap<u8, Vec<u32>>,
    lines: HashMap<u8, VecDeque<u32>>,
    tickets: HashMap<u32, (u8, Ticket)>,
    next: u32,
}

impl Account {
    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn used(&self) -> usize {
        self.in_use.values().map(Vec::len).sum()
    }

    fn enters(&mut self, host: u8, connection: Option<u32>) {
        let number = connection.unwrap_or_else(|| self.number());
        self.in_use.entry(host).or_default().push(number);
    }
}

#[test]
fn any_order_of_operations_keeps_the_rules() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for round in 0..200 {
        let (total, per_host) = (1 + round % 7, 1 + round % 3);
        let mut pool: Pool<u8, u32, u32> = Pool::new(limits(total, per_host));
        let mut account = Account::default();
        for step in 0..400_u64 {
            let (host, now) = (u8::try_from(draw(4)).unwrap(), Duration::from_millis(step * 100));
            match draw(5) {
                0 | 1 => match pool.checkout(&host, now) {
                    Checkout::Idle(connection) => account.enters(host, Some(connection)),
                    Checkout::Open => account.enters(host, None),
                    Checkout::Wait => {
                        let waiter = account.number();
                        account.lines.entry(host).or_default().push_back(waiter);
                        account.tickets.insert(waiter, (host, pool.wait(&host, waiter)));
                    }
                },
                2 | 3 => {
                    let Some(connection) = account.in_use.get_mut(&host).and_then(Vec::pop) else { continue };
                    let kept = (draw(4) > 0).then_some(connection);
                    if let Some(Grant { waiter, connection }) = pool.give_back(&host, kept, now).grant {
                        let (host, _) = account.tickets.remove(&waiter).unwrap();
                        assert_eq!(account.lines.get_mut(&host).unwrap().pop_front(), Some(waiter));
                        account.enters(host, connection);
                    }
                }
                _ => {
                    let Some((waiter, (host, ticket))) =
                        account.tickets.iter().next().map(|(one, two)| (*one, *two))
                    else {
                        continue;
                    };
                    assert_eq!(pool.leave(ticket), Some(waiter));
                    account.tickets.remove(&waiter);
                    account.lines.get_mut(&host).unwrap().retain(|one| *one != waiter);
                }
            }
            while pool.evict(now).is_some() {}
            assert_eq!(pool.in_use(), account.used());
            assert!(account.used() <= total && pool.idle() <= total);
            for (host, line) in &account.lines {
                let used = account.in_use.get(host).map_or(0, Vec::len);
                assert!(used <= per_host);
                // Nobody waits where there is room.
                assert!(line.is_empty() || used == per_host || account.used() == total);
            }
        }
        // All that waited are served, and nothing is left over.
        while let Some((host, connection)) =
            account.in_use.iter_mut().find_map(|(host, all)| all.pop().map(|one| (*host, one)))
        {
            if let Some(Grant { waiter, connection }) = pool.give_back(&host, Some(connection), NOW).grant {
                let (host, _) = account.tickets.remove(&waiter).unwrap();
                account.enters(host, connection);
            }
        }
        assert_eq!((pool.in_use(), account.tickets.len()), (0, 0));
    }
}
