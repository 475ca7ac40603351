//! A pool of connections: which are idle, who may open one, who waits. No I/O, no clock but the one that is handed in.
//!
//! ```text
//!                ┌── an idle one: Idle ──────────────────┐
//!   checkout ────┼── room for one more: Open ────────────┼──▶ in use ──give_back──▶ idle, or gone
//!                └── else: Wait ──wait──▶ a line ──grant─┘               │
//!                                          ▲                             │
//!                                          └── the next one in line ─────┘
//! ```
//!
//! * Rule 1: what a host has idle is used newest first, so that the rest grows old and goes.
//! * Rule 2: of one host, who came first is served first, and nobody overtakes. Among hosts that wait for the limit in all, turns go
//!   round: a host with a thousand waiters does not keep others waiting.
//! * Rule 3: the limits count what is in use. As many connections as may be in use may be idle, too; above that the oldest go, by
//!   [`Pool::evict`]. (Were idle ones counted as well, hosts in turn would close each other's connections all the time.)
//! * Rule 4: each operation takes the same time, however many connections, hosts and waiters there are.
//!
//! A grant is in use from the moment it is made: who gave up waiting and is granted all the same gives it back.

mod arena;

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use arena::{Arena, List, Place};

/// How many connections there may be, and how long they are kept.
///
/// ```
/// use ferrio_http::pool::Limits;
///
/// let limits = Limits { per_host: Some(6), ..Limits::default() };
/// assert_eq!((limits.total, limits.keep_alive.as_secs()), (Some(100), 15));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In use at once. By default 100, aiohttp's figure.
    pub total: Option<usize>,
    /// In use at once with one key. By default as many as in all.
    pub per_host: Option<usize>,
    /// How long a connection may be idle. By default 15 s, aiohttp's figure.
    pub keep_alive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { total: Some(100), per_host: None, keep_alive: Duration::from_secs(15) }
    }
}

/// What [`Pool::checkout`] says.
///
/// ```
/// use std::time::Duration;
/// use ferrio_http::pool::{Checkout, Limits, Pool};
///
/// let mut pool: Pool<&str, u32, ()> = Pool::new(Limits { total: Some(1), ..Limits::default() });
/// assert_eq!(pool.checkout(&"a", Duration::ZERO), Checkout::Open);
/// assert_eq!(pool.checkout(&"a", Duration::ZERO), Checkout::Wait);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum Checkout<C> {
    /// Use this one.
    Idle(C),
    /// Open one. If that fails it is given back as `None`.
    Open,
    /// There is no room: stand in line by [`Pool::wait`].
    Wait,
}

/// A place in line, to leave it by.
///
/// ```
/// use ferrio_http::pool::{Limits, Pool};
///
/// let mut pool: Pool<&str, (), &str> = Pool::new(Limits::default());
/// let ticket = pool.wait(&"a", "me");
/// assert_eq!(pool.leave(ticket), Some("me"));
/// assert_eq!(pool.leave(ticket), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(Place);

/// The name of an idle connection, to take it out by when its peer has closed it.
///
/// ```
/// use std::time::Duration;
/// use ferrio_http::pool::{Checkout, Limits, Pool};
///
/// let mut pool: Pool<&str, u32, ()> = Pool::new(Limits::default());
/// pool.checkout(&"a", Duration::ZERO);
/// let idle = pool.give_back(&"a", Some(7), Duration::ZERO).idle.unwrap();
/// assert_eq!(pool.take(idle), Some(7));
/// assert_eq!(pool.checkout(&"a", Duration::ZERO), Checkout::Open);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdleId(Place);

/// Whose turn it is.
///
/// ```
/// use std::time::Duration;
/// use ferrio_http::pool::{Grant, Limits, Pool};
///
/// let mut pool: Pool<&str, u32, &str> = Pool::new(Limits { total: Some(1), ..Limits::default() });
/// pool.checkout(&"a", Duration::ZERO);
/// pool.wait(&"b", "me");
/// let returned = pool.give_back(&"a", Some(7), Duration::ZERO);
/// assert_eq!(returned.grant, Some(Grant { waiter: "me", connection: None }));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Grant<C, W> {
    /// Who waited longest.
    pub waiter: W,
    /// What it is to use; without one it opens one.
    pub connection: Option<C>,
}

/// What a connection that came back leads to.
///
/// ```
/// use std::time::Duration;
/// use ferrio_http::pool::{Limits, Pool, Returned};
///
/// let mut pool: Pool<&str, u32, ()> = Pool::new(Limits::default());
/// pool.checkout(&"a", Duration::ZERO);
/// let Returned { idle, grant } = pool.give_back(&"a", Some(7), Duration::ZERO);
/// assert!(idle.is_some() && grant.is_none());
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Returned<C, W> {
    /// What it is called now, if it is idle.
    pub idle: Option<IdleId>,
    /// Whom to tell.
    pub grant: Option<Grant<C, W>>,
}

/// See the module. `K` is what connections have in common that may stand in for each other, `C` is a connection, `W` whoever waits.
///
/// ```
/// use std::time::Duration;
/// use ferrio_http::pool::{Checkout, Limits, Pool};
///
/// let mut pool: Pool<(&str, u16), String, ()> = Pool::new(Limits::default());
/// let (key, now) = (("example.org", 443), Duration::ZERO);
/// assert_eq!(pool.checkout(&key, now), Checkout::Open);
/// pool.give_back(&key, Some("a connection".into()), now);
/// assert_eq!(pool.checkout(&key, now), Checkout::Idle("a connection".into()));
/// ```
#[derive(Debug)]
pub struct Pool<K, C, W> {
    limits: Limits,
    names: HashMap<K, Place>,
    /// In a list where they wait for nothing but the limit in all: `turns`.
    hosts: Arena<Host<K>>,
    turns: List,
    idle: Arena<Idle<C>>,
    /// Each idle connection's place, oldest first.
    ages: Arena<Place>,
    oldest: List,
    waiters: Arena<Waiter<W>>,
    idle_count: usize,
    in_use: usize,
}

/// What there is for one key. It is there while there is anything.
#[derive(Debug)]
struct Host<K> {
    key: K,
    in_use: usize,
    idle: List,
    line: List,
    /// Whether it is in `turns`.
    waits: bool,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    host: Place,
    since: Duration,
    age: Place,
}

#[derive(Debug)]
struct Waiter<W> {
    waiter: W,
    host: Place,
}

impl<K: Clone + Eq + Hash, C, W> Pool<K, C, W> {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Pool {
            limits,
            names: HashMap::new(),
            hosts: Arena::new(),
            turns: List::EMPTY,
            idle: Arena::new(),
            ages: Arena::new(),
            oldest: List::EMPTY,
            waiters: Arena::new(),
            idle_count: 0,
            in_use: 0,
        }
    }

    /// A connection to use, leave to open one, or neither. The first two are in use from here on, until they are given back.
    pub fn checkout(&mut self, key: &K, now: Duration) -> Checkout<C> {
        let name = self.names.get(key).copied();
        if name.and_then(|name| self.hosts.get(name)).is_some_and(|host| !host.line.is_empty())
            || !self.has_room(name)
        {
            return Checkout::Wait;
        }
        let name = name.unwrap_or_else(|| self.host(key));
        match self.enter(name, now) {
            Some(connection) => Checkout::Idle(connection),
            None => Checkout::Open,
        }
    }

    /// Stands in line. Whoever does so without [`Checkout::Wait`] may wait for ever.
    pub fn wait(&mut self, key: &K, waiter: W) -> Ticket {
        let name = self.names.get(key).copied().unwrap_or_else(|| self.host(key));
        let place = self.waiters.insert(Waiter { waiter, host: name });
        if let Some(host) = self.hosts.get_mut(name) {
            self.waiters.link(&mut host.line, place);
        }
        self.queue(name);
        Ticket(place)
    }

    /// Leaves the line: who stood there, unless it was granted something.
    pub fn leave(&mut self, ticket: Ticket) -> Option<W> {
        let name = self.waiters.get(ticket.0)?.host;
        let waiter = self.unline(name, ticket.0);
        self.settle(name);
        waiter
    }

    /// A connection that was in use may be used again, or is gone: `None`, also where it could not be opened.
    pub fn give_back(&mut self, key: &K, connection: Option<C>, now: Duration) -> Returned<C, W> {
        let Some(&name) = self.names.get(key) else { return Returned { idle: None, grant: None } };
        let Some(host) = self.hosts.get_mut(name).filter(|host| host.in_use > 0) else {
            return Returned { idle: None, grant: None };
        };
        host.in_use -= 1;
        self.in_use -= 1;
        let idle = connection.map(|connection| self.keep(name, connection, now));
        self.queue(name);
        let grant = self.grant(now);
        self.settle(name);
        // It may be idle no more, but another's.
        let idle = idle.filter(|idle| self.idle.get(idle.0).is_some());
        Returned { idle, grant }
    }

    /// Takes an idle connection out: its peer has closed it.
    pub fn take(&mut self, idle: IdleId) -> Option<C> {
        let name = self.idle.get(idle.0)?.host;
        let connection = self.unkeep(name, idle.0);
        self.settle(name);
        connection
    }

    /// All that are idle, in no order: to look whether their peers have closed them.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ferrio_http::pool::{Limits, Pool};
    ///
    /// let mut pool: Pool<&str, u32, ()> = Pool::new(Limits::default());
    /// pool.checkout(&"a", Duration::ZERO);
    /// let idle = pool.give_back(&"a", Some(7), Duration::ZERO).idle.unwrap();
    /// assert_eq!(pool.idle_connections().collect::<Vec<_>>(), [(idle, &7)]);
    /// ```
    pub fn idle_connections(&self) -> impl Iterator<Item = (IdleId, &C)> {
        self.idle.iter().map(|(place, idle)| (IdleId(place), &idle.connection))
    }

    /// An idle connection that is to be closed, for its time is over or there are too many. Asked until there is none, after
    /// connections were given back, and when [`next_expiry`](Self::next_expiry) says.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ferrio_http::pool::{Limits, Pool};
    ///
    /// let mut pool: Pool<&str, u32, ()> = Pool::new(Limits::default());
    /// pool.checkout(&"a", Duration::ZERO);
    /// pool.give_back(&"a", Some(7), Duration::ZERO);
    /// assert_eq!(pool.evict(Duration::from_secs(14)), None);
    /// assert_eq!(pool.next_expiry(), Some(Duration::from_secs(15)));
    /// assert_eq!(pool.evict(Duration::from_secs(15)), Some(7));
    /// ```
    pub fn evict(&mut self, now: Duration) -> Option<C> {
        let crowded = self.limits.total.is_some_and(|limit| self.idle_count > limit);
        let place = self.eldest()?;
        let idle = self.idle.get(place)?;
        if !crowded && now.saturating_sub(idle.since) < self.limits.keep_alive {
            return None;
        }
        self.take(IdleId(place))
    }

    /// Everybody who waits and everything that is idle, one after another, for a pool that is closed. What is in use stays so.
    ///
    /// ```
    /// use ferrio_http::pool::{Limits, Pool};
    ///
    /// let mut pool: Pool<&str, u32, &str> = Pool::new(Limits::default());
    /// pool.wait(&"a", "me");
    /// assert_eq!(pool.drain(), (vec![], vec!["me"]));
    /// ```
    pub fn drain(&mut self) -> (Vec<C>, Vec<W>) {
        let (mut connections, mut waiters) = (Vec::new(), Vec::new());
        while let Some(place) = self.eldest() {
            connections.extend(self.take(IdleId(place)));
        }
        let names: Vec<Place> = self.names.values().copied().collect();
        for name in names {
            while let Some(first) = self.hosts.get(name).and_then(|host| self.waiters.first(host.line)) {
                waiters.extend(self.leave(Ticket(first)));
            }
        }
        (connections, waiters)
    }

    /// When the next idle connection's time is over.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        let idle = self.idle.get(self.eldest()?)?;
        Some(idle.since.saturating_add(self.limits.keep_alive))
    }

    /// How many are in use.
    ///
    /// ```
    /// use ferrio_http::pool::{Limits, Pool};
    ///
    /// let pool: Pool<&str, u32, ()> = Pool::new(Limits::default());
    /// assert_eq!((pool.in_use(), pool.idle()), (0, 0));
    /// ```
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.in_use
    }

    /// How many are idle.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.idle_count
    }

    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    fn eldest(&self) -> Option<Place> {
        self.ages.get(self.ages.first(self.oldest)?).copied()
    }

    fn host(&mut self, key: &K) -> Place {
        let host = Host { key: key.clone(), in_use: 0, idle: List::EMPTY, line: List::EMPTY, waits: false };
        let name = self.hosts.insert(host);
        self.names.insert(key.clone(), name);
        name
    }

    fn has_room(&self, name: Option<Place>) -> bool {
        let used = name.and_then(|name| self.hosts.get(name)).map_or(0, |host| host.in_use);
        self.limits.total.is_none_or(|limit| self.in_use < limit)
            && self.limits.per_host.is_none_or(|limit| used < limit)
    }

    /// One more is in use: the newest idle one, if it is not too old.
    fn enter(&mut self, name: Place, now: Duration) -> Option<C> {
        self.in_use += 1;
        let host = self.hosts.get_mut(name)?;
        host.in_use += 1;
        let newest = self.idle.last(host.idle)?;
        if now.saturating_sub(self.idle.get(newest)?.since) >= self.limits.keep_alive {
            return None;
        }
        self.unkeep(name, newest)
    }

    /// Gives whoever's turn it is what it waits for. There is never room for more than one: a waiter that could go on does not wait.
    fn grant(&mut self, now: Duration) -> Option<Grant<C, W>> {
        if self.limits.total.is_some_and(|limit| self.in_use >= limit) {
            return None;
        }
        let name = self.hosts.first(self.turns)?;
        let first = self.waiters.first(self.hosts.get(name)?.line)?;
        let waiter = self.unline(name, first)?;
        let connection = self.enter(name, now);
        // To the end, if it still waits.
        self.unqueue(name);
        self.queue(name);
        Some(Grant { waiter, connection })
    }

    fn keep(&mut self, name: Place, connection: C, since: Duration) -> IdleId {
        // The two refer to each other.
        let age = self.ages.insert(name);
        let place = self.idle.insert(Idle { connection, host: name, since, age });
        if let Some(own) = self.ages.get_mut(age) {
            *own = place;
        }
        self.ages.link(&mut self.oldest, age);
        if let Some(host) = self.hosts.get_mut(name) {
            self.idle.link(&mut host.idle, place);
        }
        self.idle_count += 1;
        IdleId(place)
    }

    fn unkeep(&mut self, name: Place, place: Place) -> Option<C> {
        let age = self.idle.get(place)?.age;
        if let Some(host) = self.hosts.get_mut(name) {
            self.idle.unlink(&mut host.idle, place);
        }
        self.ages.unlink(&mut self.oldest, age);
        self.ages.remove(age);
        self.idle_count -= 1;
        self.idle.remove(place).map(|idle| idle.connection)
    }

    fn unline(&mut self, name: Place, place: Place) -> Option<W> {
        let host = self.hosts.get_mut(name)?;
        self.waiters.unlink(&mut host.line, place);
        self.waiters.remove(place).map(|waiter| waiter.waiter)
    }

    /// Gives a host its place among those that wait for the limit in all, where that is what it waits for.
    fn queue(&mut self, name: Place) {
        let limit = self.limits.per_host;
        let Some(host) = self.hosts.get_mut(name) else { return };
        let may = !host.line.is_empty() && limit.is_none_or(|limit| host.in_use < limit);
        if may && !host.waits {
            host.waits = true;
            self.hosts.link(&mut self.turns, name);
        }
    }

    fn unqueue(&mut self, name: Place) {
        if let Some(host) = self.hosts.get_mut(name).filter(|host| host.waits) {
            host.waits = false;
            self.hosts.unlink(&mut self.turns, name);
        }
    }

    /// Forgets a host of which nothing is left, and its turn if nobody waits.
    fn settle(&mut self, name: Place) {
        let Some(host) = self.hosts.get(name) else { return };
        if host.line.is_empty() {
            let unused = host.in_use == 0 && host.idle.is_empty();
            self.unqueue(name);
            if unused && let Some(host) = self.hosts.remove(name) {
                self.names.remove(&host.key);
            }
        }
    }
}
