//! Any order of checkouts, returns, losses, waits and time, against a plain account of it: no connection is had twice, limits hold,
//! nobody is overtaken or forgotten, and what is idle goes when its time is over.
#![no_main]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ferrio_http::pool::{Checkout, Grant, IdleId, Limits, Pool, Returned, Ticket};
use libfuzzer_sys::fuzz_target;

/// What is where, by the simplest means.
struct Account {
    limits: Limits,
    now: Duration,
    hosts: BTreeMap<u8, Host>,
    /// Connections and waiters are numbered.
    next: u32,
    /// Tickets and names that are over: nothing is to come of them.
    old_tickets: Vec<Ticket>,
    old_names: Vec<IdleId>,
}

#[derive(Default)]
struct Host {
    in_use: Vec<u32>,
    /// Oldest first: who, since when, by which name where it was told.
    idle: Vec<(u32, Duration, Option<IdleId>)>,
    line: VecDeque<(u32, Ticket)>,
    /// How many grants other hosts had, each, while somebody of this one waited for nothing but the limit in all.
    overtaken_by: BTreeMap<u8, u32>,
}

impl Account {
    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn host(&mut self, key: u8) -> &mut Host {
        self.hosts.entry(key).or_default()
    }

    fn used(&self) -> usize {
        self.hosts.values().map(|host| host.in_use.len()).sum()
    }

    fn idle(&self) -> usize {
        self.hosts.values().map(|host| host.idle.len()).sum()
    }

    /// Whether one more may be in use, with this key.
    fn has_room(&self, key: u8) -> bool {
        let own = self.hosts.get(&key).map_or(0, |host| host.in_use.len());
        self.limits.total.is_none_or(|limit| self.used() < limit)
            && self.limits.per_host.is_none_or(|limit| own < limit)
    }

    /// Somebody has a connection to use: the newest that is idle and not too old, or a new one where there is none.
    fn enter(&mut self, key: u8, connection: Option<u32>) {
        let (now, keep_alive) = (self.now, self.limits.keep_alive);
        let newest = self.host(key).idle.last().filter(|(_, since, _)| now - *since < keep_alive).copied();
        assert_eq!(connection, newest.map(|(number, ..)| number), "the newest is used, and no other");
        if let Some((_, _, name)) = self.host(key).idle.pop_if(|_| newest.is_some()) {
            self.old_names.extend(name);
        }
        let number = connection.unwrap_or_else(|| self.number());
        self.host(key).in_use.push(number);
    }

    fn granted(&mut self, Grant { waiter, connection }: Grant<u32, u32>) {
        let key = *self
            .hosts
            .iter()
            .find(|(_, host)| host.line.front().is_some_and(|(first, _)| *first == waiter))
            .expect("whoever is granted something stands first in a line")
            .0;
        assert!(self.has_room(key), "limits hold");
        let (_, ticket) = self.host(key).line.pop_front().unwrap();
        self.old_tickets.push(ticket);
        self.enter(key, connection);
        self.host(key).overtaken_by.clear();
        let per_host = self.limits.per_host;
        for (other, host) in &mut self.hosts {
            if *other == key
                || host.line.is_empty()
                || per_host.is_some_and(|limit| host.in_use.len() >= limit)
            {
                host.overtaken_by.clear();
                continue;
            }
            let count = host.overtaken_by.entry(key).or_default();
            *count += 1;
            assert!(*count <= 1, "{other} was overtaken twice by {key}");
        }
    }

    fn check(&self, pool: &Pool<u8, u32, u32>) {
        assert_eq!((pool.in_use(), pool.idle()), (self.used(), self.idle()));
        let oldest = self.hosts.values().flat_map(|host| &host.idle).map(|(_, since, _)| *since).min();
        assert_eq!(pool.next_expiry(), oldest.map(|since| since + self.limits.keep_alive));
        assert!(self.limits.total.is_none_or(|limit| self.used() <= limit));
        for (key, host) in &self.hosts {
            assert!(self.limits.per_host.is_none_or(|limit| host.in_use.len() <= limit));
            assert!(host.line.is_empty() || !self.has_room(*key), "{key} waits though there is room");
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let [total, per_host, keep_alive, program @ ..] = input else { return };
    let limit = |byte: u8| (byte % 8 != 0).then_some(usize::from(byte % 8));
    let limits = Limits {
        total: limit(*total),
        per_host: limit(*per_host),
        keep_alive: Duration::from_secs(u64::from(*keep_alive % 32)),
    };
    let mut pool: Pool<u8, u32, u32> = Pool::new(limits);
    let mut account = Account {
        limits,
        now: Duration::ZERO,
        hosts: BTreeMap::new(),
        next: 0,
        old_tickets: Vec::new(),
        old_names: Vec::new(),
    };
    for pair in program.chunks_exact(2) {
        let (key, which) = (pair[0] >> 4 & 3, usize::from(pair[1]));
        match pair[0] & 15 {
            0..=4 => {
                let waits = !account.host(key).line.is_empty() || !account.has_room(key);
                match pool.checkout(&key, account.now) {
                    Checkout::Wait => {
                        assert!(waits, "{key} is to wait though there is room");
                        let waiter = account.number();
                        let ticket = pool.wait(&key, waiter);
                        account.host(key).line.push_back((waiter, ticket));
                    }
                    _ if waits => panic!("{key} goes on, beyond a limit or past others"),
                    Checkout::Open => account.enter(key, None),
                    Checkout::Idle(connection) => account.enter(key, Some(connection)),
                }
            }
            5..=9 => {
                let host = account.host(key);
                let fits = !host.in_use.is_empty();
                let connection = if fits { host.in_use.swap_remove(which % host.in_use.len()) } else { 0 };
                let kept = (which & 128 == 0).then_some(connection);
                let Returned { idle, grant } = pool.give_back(&key, kept, account.now);
                if !fits {
                    assert!(idle.is_none() && grant.is_none(), "nothing comes of what nobody had");
                    continue;
                }
                let now = account.now;
                account.host(key).idle.extend(kept.map(|number| (number, now, idle)));
                let granted = grant.is_some();
                if let Some(grant) = grant {
                    account.granted(grant);
                }
                let is_idle = account.host(key).idle.iter().any(|(number, ..)| Some(*number) == kept);
                assert_eq!(idle.is_some(), is_idle, "what is idle has a name");
                assert!(
                    granted
                        || account
                            .hosts
                            .iter()
                            .all(|(key, host)| host.line.is_empty() || !account.has_room(*key))
                );
            }
            10 => {
                let host = account.host(key);
                if host.line.is_empty() {
                    continue;
                }
                let (waiter, ticket) = host.line.remove(which % host.line.len()).unwrap();
                assert_eq!(pool.leave(ticket), Some(waiter));
                if account.host(key).line.is_empty() {
                    account.host(key).overtaken_by.clear();
                }
                account.old_tickets.push(ticket);
            }
            11 => account.now += Duration::from_millis(which as u64 * 50),
            12 => {
                let host = account.host(key);
                if host.idle.is_empty() {
                    continue;
                }
                let (number, _, name) = host.idle[which % host.idle.len()];
                let Some(name) = name else { continue };
                assert_eq!(pool.take(name), Some(number));
                account.host(key).idle.retain(|(one, ..)| *one != number);
                account.old_names.push(name);
            }
            13 => {
                while let Some(gone) = pool.evict(account.now) {
                    let crowded = limits.total.is_some_and(|limit| account.idle() > limit);
                    let ages = account.hosts.values().flat_map(|host| &host.idle).map(|(_, since, _)| *since);
                    let oldest = ages.min().expect("what is closed was idle");
                    assert!(crowded || account.now - oldest >= limits.keep_alive, "it goes too early");
                    let found = account.hosts.values_mut().find_map(|host| {
                        let at = host.idle.iter().position(|(number, ..)| *number == gone)?;
                        Some(host.idle.remove(at))
                    });
                    let (_, since, name) = found.expect("what is closed was idle");
                    assert_eq!(since, oldest, "the oldest goes first");
                    account.old_names.extend(name);
                }
                assert!(limits.total.is_none_or(|limit| account.idle() <= limit));
                assert!(pool.next_expiry().is_none_or(|when| when > account.now));
            }
            14 => {
                if let Some(ticket) = account.old_tickets.get(which) {
                    assert_eq!(pool.leave(*ticket), None, "a ticket counts once");
                }
                if let Some(name) = account.old_names.get(which) {
                    assert_eq!(pool.take(*name), None, "a name that is over is no other's");
                }
            }
            _ if which == 0 => {
                let (mut connections, mut waiters) = pool.drain();
                let hosts = account.hosts.values_mut();
                let (mut idle, mut line) = (Vec::new(), Vec::new());
                for host in hosts {
                    idle.extend(host.idle.drain(..).map(|(number, ..)| number));
                    line.extend(host.line.drain(..).map(|(waiter, _)| waiter));
                    host.overtaken_by.clear();
                }
                for list in [&mut connections, &mut waiters, &mut idle, &mut line] {
                    list.sort_unstable();
                }
                assert_eq!((connections, waiters), (idle, line));
            }
            _ => {}
        }
        account.check(&pool);
    }
    // Whoever waits is served in the end, once those who have something give it back.
    while let Some(key) = account.hosts.iter().find(|(_, host)| !host.in_use.is_empty()).map(|(key, _)| *key)
    {
        account.host(key).in_use.pop();
        if let Some(grant) = pool.give_back(&key, None, account.now).grant {
            account.granted(grant);
        }
        account.check(&pool);
    }
    assert!(account.hosts.values().all(|host| host.line.is_empty()), "nobody is forgotten");
});
