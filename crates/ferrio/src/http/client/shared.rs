//! `Shared`: what all requests of a client have in common: its settings, its connections, its cookies. `Lease`: a connection in use, or
//! leave to open one.
//!
//! Invariants: a lease that is dropped gives back what it has, so that no place is lost; only a connection whose exchange is over and
//! which is silent becomes idle. No borrow of the pool is held while anything else runs.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use ferrio_engine::Time;
use ferrio_http::cookies::Jar;
use ferrio_http::h1::client::Connection;
use ferrio_http::pool::{Checkout, Pool, Ticket};

use crate::awaiting::Awaiting;
use crate::events::LoopState;
use crate::futures::{Promise, create_future};
use crate::http::client::settings::Settings;
use crate::http::client::sockets::Key;
use crate::streams::Link;

/// A connection, and how far it is.
pub(super) struct Live {
    pub(super) link: Rc<Link>,
    pub(super) http: RefCell<Connection>,
}

/// See the module.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) jar: Option<RefCell<Jar>>,
    pool: RefCell<Pool<Rc<Key>, Rc<Live>, Waiter>>,
    /// Whether somebody looks after what is idle.
    attended: Cell<bool>,
    /// Whom to wake where something comes of what is idle, which mostly is its end.
    attendant: Awaiting,
}

struct Waiter {
    key: Rc<Key>,
    promise: Promise<Lease>,
}

/// See the module.
pub(super) struct Lease {
    shared: Rc<Shared>,
    key: Rc<Key>,
    /// None: it is to be opened.
    pub(super) live: Option<Rc<Live>>,
}

impl Live {
    pub(super) fn new(link: Rc<Link>, http: Connection) -> Rc<Self> {
        Rc::new(Live { link, http: RefCell::new(http) })
    }

    /// Whether another request may go this way.
    fn is_fit(&self) -> bool {
        let flow = &self.link.flow;
        self.http.borrow().can_reuse()
            && !flow.has_ended()
            && !flow.is_lost()
            && flow.unread() == 0
            && !self.link.wire.is_closing()
    }
}

impl Shared {
    pub(super) fn new(settings: Settings, jar: Option<RefCell<Jar>>) -> Self {
        let pool = RefCell::new(Pool::new(settings.limits));
        Shared { settings, jar, pool, attended: Cell::new(false), attendant: Awaiting::default() }
    }

    /// A connection that is idle, or leave to open one, when it is this request's turn.
    pub(super) async fn lease(self: &Rc<Self>, key: &Rc<Key>) -> Lease {
        let said = self.pool.borrow_mut().checkout(key, now());
        let live = match said {
            Checkout::Idle(live) => Some(live),
            Checkout::Open => None,
            Checkout::Wait => return self.turn(key).await,
        };
        Lease { shared: self.clone(), key: key.clone(), live }.checked()
    }

    /// How many connections are in use, and how many idle.
    pub(super) fn counts(&self) -> (usize, usize) {
        let pool = self.pool.borrow();
        (pool.in_use(), pool.idle())
    }

    /// Closes what is idle.
    pub(super) fn close_idle(&self) {
        while let Some(live) = self.evict(Duration::MAX) {
            live.link.wire.close();
        }
    }

    async fn turn(self: &Rc<Self>, key: &Rc<Key>) -> Lease {
        loop {
            let (promise, promised) = create_future();
            let waiter = Waiter { key: key.clone(), promise };
            let ticket = self.pool.borrow_mut().wait(key, waiter);
            let place = Place { shared: self, ticket };
            let lease = promised.await;
            drop(place);
            if let Ok(lease) = lease {
                return lease.checked();
            }
        }
    }

    fn give_back(self: &Rc<Self>, key: &Rc<Key>, live: Option<Rc<Live>>) {
        let now = now();
        if let Some(live) = &live {
            self.watch(live);
        }
        let returned = self.pool.borrow_mut().give_back(key, live, now);
        if let Some(grant) = returned.grant {
            let Waiter { key, promise } = grant.waiter;
            promise.set_result(Lease { shared: self.clone(), key, live: grant.connection });
        }
        if returned.idle.is_some() {
            self.let_go(now);
            self.attend();
        }
    }

    /// Closes what is idle for too long, or too much.
    fn let_go(&self, now: Duration) {
        while let Some(live) = self.evict(now) {
            drop(live);
        }
    }

    fn evict(&self, now: Duration) -> Option<Rc<Live>> {
        self.pool.borrow_mut().evict(now)
    }

    /// Has whoever looks after what is idle be told of what comes. A request that goes this way next is told in its place.
    fn watch(&self, live: &Live) {
        self.attendant.with(|waker| live.link.flow.watch(&Context::from_waker(waker)));
    }

    /// Lets go of what was closed while it was idle, and looks out for others.
    fn look_out(&self, context: &Context<'_>) {
        self.attendant.put(context.waker());
        let idle: Vec<_> =
            self.pool.borrow().idle_connections().map(|(id, live)| (id, live.clone())).collect();
        for (id, live) in idle {
            if live.is_fit() {
                self.watch(&live);
            } else {
                let gone = self.pool.borrow_mut().take(id);
                drop(gone);
                live.link.wire.abort();
            }
        }
    }

    /// Has a task close what is idle when its time is over, or its peer has closed it. There is one at a time, and none where nothing
    /// is idle.
    fn attend(self: &Rc<Self>) {
        if LoopState::current().is_some() && !self.attended.replace(true) {
            let shared = Rc::downgrade(self);
            let attention = Attention(shared.clone());
            crate::create_task(async move {
                let _attention = attention;
                while let Some(rest) = shared.upgrade().and_then(|shared| {
                    shared.let_go(now());
                    shared.pool.borrow().next_expiry()
                }) {
                    let mut pause = pin!(crate::sleep(rest.saturating_sub(now())));
                    let mut begun = false;
                    poll_fn(|context| {
                        let over = pause.as_mut().poll(context).is_ready() || begun;
                        begun = true;
                        if let Some(shared) = shared.upgrade() {
                            shared.look_out(context);
                        }
                        if over { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                }
            })
            .detach();
        }
    }
}

/// While it is there, somebody looks after what is idle.
struct Attention(Weak<Shared>);

impl Drop for Attention {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.attended.set(false);
            shared.attendant.forget();
        }
    }
}

/// A place in line, which is left when the request is dropped.
struct Place<'a> {
    shared: &'a Rc<Shared>,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let waiter = self.shared.pool.borrow_mut().leave(self.ticket);
        drop(waiter);
    }
}

impl Lease {
    /// Its server may have closed it meanwhile; the place stays.
    fn checked(mut self) -> Self {
        self.live = self.live.take().filter(|live| live.is_fit());
        self
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let live = self.live.take();
        let fit = live.as_ref().is_some_and(|live| live.is_fit());
        if let Some(live) = live.as_ref().filter(|_| !fit) {
            live.link.wire.abort();
        }
        self.shared.give_back(&self.key, live.filter(|_| fit));
    }
}

/// What time it is on the running loop; none has passed where there is none.
pub(super) fn now() -> Duration {
    LoopState::current().map_or(Duration::ZERO, |state| state.time().since(Time::ZERO))
}

/// A future with a limit, if it has one: a time on the loop's clock. It stays where it is: each `async fn` that is given a future holds
/// it twice, and a request has several limits, one within the other.
pub(super) async fn within<F: Future>(deadline: Option<Duration>, future: Pin<&mut F>) -> Option<F::Output> {
    match deadline {
        Some(deadline) => crate::timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}

/// The sooner of a time from now and a deadline.
pub(super) fn sooner(limit: Option<Duration>, deadline: Option<Duration>) -> Option<Duration> {
    let own = limit.map(|limit| now().saturating_add(limit));
    own.into_iter().chain(deadline).min()
}

/// Polls something boxed, once it is there, and forgets it when it is ready.
pub(super) fn poll_once<T>(
    slot: &mut Option<Pin<Box<dyn Future<Output = T>>>>,
    context: &mut Context<'_>,
) -> Option<T> {
    // Out of reach while it is polled: nobody goes on with one that panicked.
    let mut future = slot.take()?;
    match future.as_mut().poll(context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => {
            *slot = Some(future);
            None
        }
    }
}
