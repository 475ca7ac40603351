//! What the connections of one server share, and who they are: those of them that wait have to be told when it closes.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::{Rc, Weak};
use std::time::{Duration, SystemTime};

use ferrio_http::h1::{Defaults, Limits};
use slab::Slab;

/// How long a connection that is to end waits for the request that its client may have sent before it could know.
pub(super) const ON_THEIR_WAY: Duration = Duration::from_millis(50);

/// What a server's connections go by.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) limits: Limits,
    pub(super) keep_alive: Duration,
    pub(super) head_timeout: Duration,
    pub(super) max_connections: usize,
    pub(super) dated: bool,
    pub(super) defaults: Defaults,
}

/// Who is told when the server closes, and before.
pub(super) trait Told {
    /// The server closes, or is about to.
    fn tell(&self);
}

/// See the module.
pub(super) struct Shared {
    pub(super) settings: Settings,
    /// Those of the settings, with the date.
    defaults: RefCell<Defaults>,
    connections: RefCell<Slab<Weak<dyn Told>>>,
    /// The server closes: each connection ends with the request that it is at.
    pub(super) closing: Cell<bool>,
    /// It is about to: each answer is the last of its connection.
    pub(super) retiring: Cell<bool>,
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        let defaults = RefCell::new(settings.defaults.clone());
        Shared {
            settings,
            defaults,
            connections: RefCell::default(),
            closing: Cell::new(false),
            retiring: Cell::new(false),
        }
    }

    /// Counts `connection` until the entry is dropped.
    pub(super) fn enter<C: Told + 'static>(shared: &Rc<Self>, connection: &Rc<C>) -> Entry {
        let connection: Weak<C> = Rc::downgrade(connection);
        Entry { key: shared.connections.borrow_mut().insert(connection), shared: shared.clone() }
    }

    /// Headers that answers have.
    pub(super) fn defaults(&self) -> RefMut<'_, Defaults> {
        let mut defaults = self.defaults.borrow_mut();
        if self.settings.dated {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            defaults.tick(now.map_or(0, |since| since.as_secs()));
        }
        defaults
    }

    /// Whether there are more connections than there may be.
    pub(super) fn is_full(&self) -> bool {
        self.connections.borrow().len() > self.settings.max_connections
    }

    /// Has each answer be the last of its connection.
    pub(super) fn retire(&self) {
        self.retiring.set(true);
        self.tell();
    }

    /// Has each connection end once it can.
    pub(super) fn close(&self) {
        self.closing.set(true);
        self.tell();
    }

    fn tell(&self) {
        let connections: Vec<_> =
            self.connections.borrow().iter().filter_map(|(_, one)| one.upgrade()).collect();
        for connection in connections {
            connection.tell();
        }
    }
}

/// A connection's place; dropped when its task ends.
pub(super) struct Entry {
    shared: Rc<Shared>,
    key: usize,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let exchange = self.shared.connections.borrow_mut().try_remove(self.key);
        drop(exchange);
    }
}
