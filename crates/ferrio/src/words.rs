//! `Word`: what the ready ring of this door holds, and `IoTable`: whom the words that come from the poller are for.
//!
//! A task is a word by itself. A connection is not: it is told of events as often as they come, and the poller knows it by a
//! number. The number of a place that was given away again is told apart by its generation.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ferrio_engine::{Handle, Runnable, Timed};
use slab::Slab;

/// See the module.
#[derive(Debug)]
pub(crate) enum Word {
    /// A task to poll.
    Task(Runnable),
    /// Something for a connection.
    Io(IoEvent),
}

/// What there is for whom: index, generation and what, in a number as large as a task. So a word is two registers; where it was
/// copied by pieces, its ways into the ring and out of it waited for each other, which was a fifth of `lock_contended`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoEvent(u64);

/// What a connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Readable = 0,
    Writable = 1,
    /// What the connection asked for, after all that was queued.
    Deferred = 2,
    /// The same for the TLS layer.
    #[cfg(feature = "tls")]
    Later = 3,
}

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoPlace {
    index: u32,
    generation: u16,
}

impl IoPlace {
    pub(crate) fn word(self, what: What) -> Word {
        let [a, b, c, d] = self.index.to_le_bytes();
        let [low, high] = self.generation.to_le_bytes();
        Word::Io(IoEvent(u64::from_le_bytes([a, b, c, d, low, high, what as u8, 0])))
    }
}

impl IoEvent {
    fn parts(self) -> (IoPlace, What) {
        let [a, b, c, d, low, high, what, _] = self.0.to_le_bytes();
        let index = u32::from_le_bytes([a, b, c, d]);
        let what = match what {
            0 => What::Readable,
            1 => What::Writable,
            #[cfg(feature = "tls")]
            3 => What::Later,
            _ => What::Deferred,
        };
        (IoPlace { index, generation: u16::from_le_bytes([low, high]) }, what)
    }
}

/// What the loop tells of events. It wakes tasks, and calls nobody.
pub(crate) trait Io {
    /// `what` has come.
    fn tell(&self, what: What);
}

/// See the module.
#[derive(Default)]
pub(crate) struct IoTable {
    places: RefCell<Slab<(u16, Rc<dyn Io>)>>,
    generation: Cell<u16>,
}

impl IoTable {
    /// Gives a place to what `make` makes of it.
    pub(crate) fn insert<T: Io + 'static>(&self, make: impl FnOnce(IoPlace) -> Rc<T>) -> Rc<T> {
        let generation = self.generation.get().wrapping_add(1);
        self.generation.set(generation);
        let mut places = self.places.borrow_mut();
        let entry = places.vacant_entry();
        // Cannot fail: each has a descriptor, of which there are fewer.
        let index = u32::try_from(entry.key()).expect("fewer connections than descriptors");
        let io = make(IoPlace { index, generation });
        entry.insert((generation, io.clone()));
        io
    }

    /// The place is free again; what had it is given back, to be dropped outside.
    pub(crate) fn remove(&self, place: IoPlace) -> Option<Rc<dyn Io>> {
        let mut places = self.places.borrow_mut();
        let index = place.index as usize;
        let is_its_own = places.get(index).is_some_and(|(generation, _)| *generation == place.generation);
        is_its_own.then(|| places.remove(index).1)
    }

    /// Tells whoever has the place, if it is still the same.
    pub(crate) fn tell(&self, event: IoEvent) {
        let (place, what) = event.parts();
        let places = self.places.borrow();
        let found = places.get(place.index as usize);
        let io = found.filter(|(generation, _)| *generation == place.generation).map(|(_, io)| io.clone());
        drop(places);
        if let Some(io) = io {
            io.tell(what);
        }
    }

    /// All that has a place leaves it: the loop closes.
    pub(crate) fn clear(&self) {
        let all = self.places.take();
        drop(all);
    }
}

impl From<Runnable> for Word {
    fn from(task: Runnable) -> Self {
        Word::Task(task)
    }
}

impl Timed for Word {
    fn is_cancelled(&self) -> bool {
        false
    }
}

impl Handle for Word {
    fn again(&self) -> Option<Self> {
        match self {
            Word::Task(_) => None,
            Word::Io(event) => Some(Word::Io(*event)),
        }
    }
}
