//! `Pool`: which connections there are, who uses one, who waits for one.
//!
//! ```text
//! acquire ── an idle one, or room for one ──────────────▶ in use ── put_back ──▶ idle ── gone ──▶ (nowhere)
//!    └────── neither: in line, by its number ── served ──▶ in use ── gone, give_up ──▶ (nowhere)
//! ```
//!
//! Limits count what is in use and what is being made, as aiohttp's do. Who came first is served first, among those whose key has
//! room: of each key that has room and somebody in line, the first one's number is in `ready`. So nothing here looks at all
//! connections, except a sweep (`sweeping`). In `ferrio_http::pool`, which Rust programs have, hosts take turns instead: programs
//! written for aiohttp see its order, and keys here are objects that the collector must find.

use std::collections::BTreeMap;

use pyo3::exceptions::PyRuntimeError;
use pyo3::types::{PyDict, PyList};

use crate::event_loop::run::both;
use crate::event_loop::state::BaseLoop;
use crate::ffi::object::{Constructed, constructed_slots, new};
use crate::ffi::prelude::*;
use crate::http::client::connection::ClientConnection;
use crate::http::client::place::Place;
use crate::http::client::sweeping::INTERVAL;
use crate::http::client::waits::{ClientWait, Given as Waited, WaitKind};
use crate::tasks::any_future;

/// See the module.
#[derive(Default)]
pub(crate) struct Pool {
    event_loop: Slot,
    /// How many may be in use; 0: any number.
    limit: Cell<usize>,
    limit_per_host: Cell<usize>,
    /// Seconds that a connection may be idle.
    pub(super) keep_alive: Cell<f64>,
    /// A dictionary of places by key.
    pub(super) places: Slot,
    ready: RefCell<BTreeMap<u64, Ref>>,
    /// The number of the next in line.
    next: Cell<u64>,
    pub(super) used: Cell<usize>,
    /// All connections, at their numbers.
    pub(super) connections: RefCell<Vec<Option<Ref>>>,
    /// Numbers that are free.
    pub(super) free: RefCell<Vec<usize>>,
    idle: Cell<usize>,
    /// The loop's time at the last sweep.
    pub(super) swept: Cell<f64>,
    /// When the next one is due, if one is.
    pub(super) due: Cell<Option<f64>>,
    closed: Cell<bool>,
}

impl Constructed for Pool {
    /// `HttpPool(loop, *, limit=100, limit_per_host=0, keep_alive=15.0)`
    fn init(&self, this: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        let names = ["loop", "limit", "limit_per_host", "keep_alive"];
        let [event_loop, limit, limit_per_host, keep_alive] = given.bind("HttpPool", names, 1)?;
        self.limit.set(limit.map_or(Ok(100), |limit| limit.extract())?);
        self.limit_per_host.set(limit_per_host.map_or(Ok(0), |limit| limit.extract())?);
        self.keep_alive.set(keep_alive.map_or(Ok(15.0), |seconds| seconds.extract())?);
        self.places.set(PyDict::new(this.py()).into_any());
        drop(self.event_loop.replace(event_loop.map(Ref::from)));
        Ok(())
    }
}

impl Pool {
    /// An idle connection of `key`, if there is one and it may be used.
    pub(crate) fn take<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(place) = self.known(key)? else { return Ok(None) };
        let state = state_of::<Place>(&place)?;
        if !self.has_room(state) {
            return Ok(None);
        }
        Ok(self.take_of(key.py(), state))
    }

    fn take_of<'py>(&self, py: Python<'py>, place: &Place) -> Option<Bound<'py, PyAny>> {
        while let Some(connection) = place.pop_idle(py) {
            self.idle.set(self.idle.get() - 1);
            if let Some(state) = try_state::<ClientConnection>(&connection).filter(|state| state.is_usable())
            {
                state.in_use.set(true);
                self.count_in(place);
                return Some(connection);
            }
        }
        None
    }

    /// A connection's exchange is over, and it can be used again.
    pub(crate) fn put_back(
        &self,
        this: &Bound<'_, PyAny>,
        connection: &ClientConnection,
        object: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = this.py();
        if self.closed.get() {
            return connection.close(object, "closed");
        }
        let Some(place) = connection.place.bind(py) else { return Ok(()) };
        let state = state_of::<Place>(&place)?;
        connection.in_use.set(false);
        connection.idle_since.set(self.swept.get());
        state.push_idle(object);
        self.idle.set(self.idle.get() + 1);
        self.count_out(py, &place, state)
    }

    /// A connection is not used any more.
    pub(crate) fn gone(&self, this: &Bound<'_, PyAny>, connection: &ClientConnection) -> PyResult<()> {
        let py = this.py();
        let number = connection.number.get();
        let Some(place) = connection.place.take().map(|place| place.into_bound(py)) else { return Ok(()) };
        let object = self.connections.borrow_mut().get_mut(number).and_then(Option::take);
        self.free.borrow_mut().push(number);
        let state = state_of::<Place>(&place)?;
        if connection.in_use.replace(false) {
            return self.count_out(py, &place, state);
        }
        if object.is_some_and(|object| state.forget(&object.bind(py))) {
            self.idle.set(self.idle.get() - 1);
        }
        Ok(())
    }

    fn known<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.places.bind(key.py()) {
            Some(places) => places.cast::<PyDict>()?.get_item(key),
            None => Err(PyRuntimeError::new_err("the pool has no loop: HttpPool.__init__() was not called")),
        }
    }

    /// The place of `key`, made where there is none.
    fn place<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(place) = self.known(key)? {
            return Ok(place);
        }
        let place = Place::create(key)?;
        if let Some(places) = self.places.bind(key.py()) {
            places.cast::<PyDict>()?.set_item(key, &place)?;
        }
        Ok(place)
    }

    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.event_loop.bind(py).ok_or_else(|| PyRuntimeError::new_err("the pool has no loop"))
    }

    fn has_room_in_all(&self) -> bool {
        self.limit.get() == 0 || self.used.get() < self.limit.get()
    }

    fn has_room_of(&self, place: &Place) -> bool {
        self.limit_per_host.get() == 0 || place.used.get() < self.limit_per_host.get()
    }

    fn has_room(&self, place: &Place) -> bool {
        self.has_room_in_all() && self.has_room_of(place)
    }

    fn count_in(&self, place: &Place) {
        self.used.set(self.used.get() + 1);
        place.used.set(place.used.get() + 1);
    }

    fn count_out(&self, py: Python<'_>, place: &Bound<'_, PyAny>, state: &Place) -> PyResult<()> {
        self.used.set(self.used.get().saturating_sub(1));
        state.used.set(state.used.get().saturating_sub(1));
        if state.alive.get() > 0 {
            self.enqueue(place, state);
        }
        self.serve(py)
    }

    /// Enters a place among those that can be served, if it can.
    fn enqueue(&self, place: &Bound<'_, PyAny>, state: &Place) {
        if let Some(number) = state.first()
            && self.has_room_of(state)
            && !state.queued.replace(true)
        {
            self.ready.borrow_mut().insert(number, place.clone().into());
        }
    }

    /// Serves those in line while there is room.
    fn serve(&self, py: Python<'_>) -> PyResult<()> {
        while self.has_room_in_all() {
            let first = self.ready.borrow_mut().pop_first();
            let Some((_, place)) = first else { return Ok(()) };
            let place = place.into_bound(py);
            let state = state_of::<Place>(&place)?;
            state.queued.set(false);
            if self.has_room_of(state)
                && let Some(future) = state.pop_waiting(py)?
            {
                let connection = self.take_of(py, state);
                if connection.is_none() {
                    self.count_in(state);
                }
                let granted = connection.unwrap_or_else(|| py.None().into_bound(py));
                any_future::set_result(&future, &granted)?;
            }
            self.enqueue(&place, state);
        }
        Ok(())
    }

    /// What `acquire` gives if it need not wait.
    fn look<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.closed.get() {
            return Err(PyRuntimeError::new_err("the pool is closed"));
        }
        let place = self.place(key)?;
        let state = state_of::<Place>(&place)?;
        if !self.has_room(state) {
            return Ok(None);
        }
        if let Some(connection) = self.take_of(key.py(), state) {
            return Ok(Some(connection));
        }
        self.count_in(state);
        Ok(Some(key.py().None().into_bound(key.py())))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Whether a connection is idle, or nobody may make another.
    pub(crate) fn is_warm(&self) -> bool {
        self.idle.get() > 0 || !self.has_room_in_all()
    }

    /// Whether who asks for a connection of `key` has to wait for one.
    pub(crate) fn is_full(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let place = self.known(key)?;
        let state = place.as_ref().and_then(try_state::<Place>);
        Ok(!self.closed.get() && !state.map_or_else(|| self.has_room_in_all(), |state| self.has_room(state)))
    }

    /// A future at the end of the line, which gets a connection, None for room to make one, or at its deadline a `TimeoutError`.
    pub(crate) fn join<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
        deadline: f64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let place = self.place(key)?;
        let state = state_of::<Place>(&place)?;
        let number = self.next.replace(self.next.get() + 1);
        let future = state.join(number, deadline, &self.event_loop(key.py())?)?;
        self.enqueue(&place, state);
        self.sweep_by(this, deadline)?;
        Ok(future)
    }

    /// Who was in line with `future` is not there any more; what was granted meanwhile goes to the next.
    pub(crate) fn unpark(
        &self,
        this: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        future: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = this.py();
        let place = self.place(key)?;
        let state = state_of::<Place>(&place)?;
        if !any_future::is_done(future)? || any_future::is_cancelled(future)? {
            state.leave();
            return Ok(());
        }
        let Ok(granted) = any_future::result(future) else { return Ok(()) };
        match try_state::<ClientConnection>(&granted) {
            Some(connection) if connection.in_use.get() => self.put_back(this, connection, &granted),
            Some(_) => Ok(()),
            None => self.count_out(py, &place, state),
        }
    }

    pub(crate) fn now(&self, py: Python<'_>) -> PyResult<f64> {
        let event_loop = self.event_loop(py)?;
        match try_state::<BaseLoop>(&event_loop) {
            Some(state) => Ok(state.now(&event_loop, &*state.engine()?)?.as_secs_f64()),
            None => event_loop.call_method0(intern!(py, "time"))?.extract(),
        }
    }
}

/// What Python code calls.
impl Pool {
    fn acquire(&self, this: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        ClientWait::create(this, &ACQUIRE, Some(key), 0).map(Bound::unbind)
    }

    fn take_method(&self, _: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.take(key)?.map(Bound::unbind))
    }

    /// `add(key, connection)`: the connection that was made.
    fn add(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [key, object] = args.all("add", ["key", "connection"])?;
        let connection = state_of::<ClientConnection>(&object)?;
        let place = self.place(&key)?;
        connection.place.set(place);
        connection.pool.set(this.clone());
        connection.in_use.set(true);
        let mut all = self.connections.borrow_mut();
        let number = self.free.borrow_mut().pop().unwrap_or(all.len());
        connection.number.set(number);
        match all.get_mut(number) {
            Some(free) => *free = Some(object.to_owned().into()),
            None => all.push(Some(object.to_owned().into())),
        }
        drop(all);
        if self.due.get().is_none() {
            self.swept.set(self.now(this.py())?);
        }
        self.sweep_later(this, self.swept.get() + INTERVAL)
    }

    fn give_up(&self, this: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let place = self.place(key)?;
        self.count_out(this.py(), &place, state_of(&place)?)
    }

    /// `close(failure=None)`: closes all connections. Who waits is told why.
    fn close(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let py = this.py();
        let ([], [failure]) = args.bind("close", [], ["failure"])?;
        self.closed.set(true);
        let failure = given(failure).unwrap_or_else(|| {
            PyRuntimeError::new_err("the pool is closed").into_value(py).into_bound(py).into_any()
        });
        let mut result = Ok(());
        let places = self.places.bind(py).map(|places| Ok::<_, PyErr>(places.cast::<PyDict>()?.values()));
        for place in places.transpose()?.into_iter().flatten() {
            while let Some(future) = state_of::<Place>(&place)?.pop_waiting(py)? {
                result = both(py, result, any_future::complete(&future, Some(&failure)));
            }
        }
        drop(self.ready.take());
        let all: Vec<Ref> = self.connections.borrow().iter().flatten().cloned().collect();
        for object in &all {
            let object = object.bind(py);
            if let Some(connection) = try_state::<ClientConnection>(&object) {
                result = both(py, result, connection.close(&object, "closed"));
            }
        }
        result
    }

    /// In a child after `fork()`: the connections are the parent's.
    fn abandon(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let all = self.connections.take();
        for object in all.iter().flatten() {
            if let Some(connection) = try_state::<ClientConnection>(&object.bind(py)) {
                connection.abandon();
                // Its number means another one from now on.
                drop(connection.place.take());
                connection.in_use.set(false);
            }
        }
        drop((self.free.take(), self.ready.take()));
        self.places.set(PyDict::new(py).into_any());
        self.used.set(0);
        self.idle.set(0);
        Ok(())
    }

    fn waiting(&self, this: &Bound<'_, PyAny>) -> PyResult<usize> {
        let Some(places) = self.places.bind(this.py()) else { return Ok(0) };
        let count = |place: Bound<'_, PyAny>| try_state::<Place>(&place).map_or(0, |place| place.alive.get());
        Ok(places.cast::<PyDict>()?.values().iter().map(count).sum())
    }

    fn idle_of(&self, this: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let place = self.known(key)?;
        let idle = place.as_ref().and_then(try_state::<Place>).map(Place::idle).unwrap_or_default();
        Ok(PyList::new(this.py(), &idle)?.into_any().unbind())
    }
}

/// The key that an operation was made with.
fn key<'a, 'py>(waited: Waited<'a, 'py>) -> PyResult<&'a Bound<'py, PyAny>> {
    waited.value.ok_or_else(|| PyRuntimeError::new_err("the pool is gone"))
}

static ACQUIRE: WaitKind = WaitKind {
    name: "HttpPool.acquire",
    look: |this, waited| {
        let pool = state_of::<Pool>(this)?;
        let Some(future) = waited.future else { return pool.look(key(waited)?) };
        let granted = any_future::result(future)?;
        match try_state::<ClientConnection>(&granted) {
            // It ended before it could be used.
            Some(connection) if !connection.is_usable() => pool.look(key(waited)?),
            _ => Ok(Some(granted)),
        }
    },
    park: |this, waited| state_of::<Pool>(this)?.join(this, key(waited)?, f64::INFINITY),
    leave: |this, waited| match waited.future {
        Some(future) => state_of::<Pool>(this)?.unpark(this, key(waited)?, future),
        None => Ok(()),
    },
};

impl Held for BTreeMap<u64, Ref> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        for place in self.values() {
            place.show(visitor);
        }
    }
}

impl Native for Pool {
    const NAME: &'static CStr = c"ferrio._ferrio.HttpPool";
    const DOC: &'static CStr = c"The connections of an HTTP client, by key.";
    const NEW: New = Some(new::<Pool>);

    holds!(event_loop, places, ready, connections);

    fn members() -> Members {
        constructed_slots::<Pool>().and(members! { Pool;
            one c"acquire" c"An idle connection, or None: room for one." => acquire;
            one c"take" c"An idle connection that may be used now, or None." => take_method;
            method c"add" c"The connection that was made; it is in use." => add;
            one c"give_up" c"No connection was made." => give_up;
            method c"close" c"Close all connections." => close;
            bare c"abandon" c"Forget all connections: they are a parent's." => abandon;
            one c"idle_of" c"The idle connections of a key." => idle_of;
            bare c"_sweep" c"Close what was idle too long, end what takes too long." => sweep;
            shown c"idle" => idle;
            shown c"used" => used;
            attribute c"waiting" => waiting;
        })
    }
}
