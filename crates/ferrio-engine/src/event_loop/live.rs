//! `LiveTasks`: a loop's tasks that have not ended, to be woken, listed, and dropped when the loop closes.
//!
//! The engine's own tasks have the number zero. A door's are numbered from one, in the order in which they were started, and
//! are found again by their `TaskId`. Waking one only queues it: no task starts or ends meanwhile.

use std::cell::{Cell, RefCell, RefMut};
use std::num::NonZero;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::event_loop::task::wakers::Listed;

// Which task of this thread is polled, or drops its future.
thread_local!(static POLLED: Cell<Option<TaskId>> = const { Cell::new(None) });

/// Which task: no other one of its loop has, had or will have its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId {
    /// Counts from one, in the order in which tasks were started. Zero: a task of the engine's own.
    pub number: u64,
    /// Its loop: among four thousand million that follow one another no other one has the same.
    pub loop_number: u32,
    /// Its place in the list, and one: an optional id is no larger than one that is there.
    place: NonZero<u32>,
}

impl TaskId {
    /// Of what is on no list.
    pub(crate) const NOBODY: TaskId = TaskId { number: 0, loop_number: 0, place: NonZero::<u32>::MAX };

    fn key(self) -> usize {
        self.place.get() as usize - 1
    }
}

/// The task that this thread polls, or whose future it drops; the innermost one where one runs within another.
#[must_use]
#[inline]
pub fn polled() -> Option<TaskId> {
    POLLED.get()
}

/// Has another task be the polled one from here on, until the one that is given back is put there again.
#[allow(clippy::must_use_candidate, reason = "whoever puts one back needs nothing")]
#[inline]
pub fn replace_polled(task: Option<TaskId>) -> Option<TaskId> {
    POLLED.replace(task)
}

/// See the module.
#[derive(Debug)]
pub struct LiveTasks {
    list: RefCell<List>,
    /// How many numbers were given away so far.
    numbered: Cell<u64>,
    loop_number: u32,
}

#[derive(Debug, Default)]
struct List {
    places: Vec<Option<Listed>>,
    /// The places that nobody has.
    free: Vec<u32>,
}

impl LiveTasks {
    pub(crate) fn new() -> Self {
        static LOOPS: AtomicU32 = AtomicU32::new(1);
        let loop_number = LOOPS.fetch_add(1, Ordering::Relaxed);
        LiveTasks { list: RefCell::default(), numbered: Cell::new(0), loop_number }
    }

    /// What the ids of these tasks have.
    #[must_use]
    pub fn loop_number(&self) -> u32 {
        self.loop_number
    }

    /// The numbered tasks, in the order in which they were started.
    #[must_use]
    pub fn ids(&self) -> Vec<TaskId> {
        let list = self.list.borrow();
        let ids = list.places.iter().flatten().map(Listed::id);
        let mut ids: Vec<_> = ids.filter(|id| id.number > 0).collect();
        ids.sort_unstable_by_key(|id| id.number);
        ids
    }

    /// Has a task polled again. Whether it has not ended.
    pub fn wake(&self, id: TaskId) -> bool {
        self.find(id, Listed::wake).is_some()
    }

    /// Whether a task has not ended.
    #[must_use]
    pub fn has(&self, id: TaskId) -> bool {
        self.find(id, |_| ()).is_some()
    }

    fn find<R>(&self, id: TaskId, call: impl FnOnce(&Listed) -> R) -> Option<R> {
        let list = self.list.borrow();
        let listed = list.places.get(id.key())?.as_ref()?;
        (listed.id() == id).then(|| call(listed))
    }

    pub(crate) fn wake_all(&self) {
        self.list.borrow().places.iter().flatten().for_each(Listed::wake);
    }

    pub(crate) fn is_empty(&self) -> bool {
        let list = self.list.borrow();
        list.places.len() == list.free.len()
    }

    /// The number after the last one.
    #[inline]
    pub(crate) fn next_number(&self) -> u64 {
        let number = self.numbered.get() + 1;
        self.numbered.set(number);
        number
    }

    /// A place for a task with that number. Nobody touches the list until it has one.
    #[inline]
    pub(crate) fn vacancy(&self, number: u64) -> Vacancy<'_> {
        let list = self.list.borrow_mut();
        let key = list.free.last().map_or(list.places.len(), |key| *key as usize);
        let place = u32::try_from(key + 1).ok().and_then(NonZero::new);
        // Cannot fail: no machine has the memory for so many tasks.
        let place = place.expect("fewer tasks than that");
        Vacancy { list, id: TaskId { number, loop_number: self.loop_number, place } }
    }

    /// The task's future is gone.
    #[inline]
    pub(crate) fn end(&self, id: TaskId) {
        let mut list = self.list.borrow_mut();
        if let Some(place) = list.places.get_mut(id.key()) {
            *place = None;
            list.free.push(id.place.get() - 1);
        }
    }
}

/// A place on the list, for whoever is about to begin.
pub(crate) struct Vacancy<'a> {
    list: RefMut<'a, List>,
    /// Of the task that takes it.
    pub(crate) id: TaskId,
}

impl Vacancy<'_> {
    #[inline]
    pub(crate) fn fill(mut self, task: Listed) {
        match self.list.free.pop() {
            Some(key) => self.list.places[key as usize] = Some(task),
            None => self.list.places.push(Some(task)),
        }
    }
}
