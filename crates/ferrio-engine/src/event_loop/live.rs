//! `LiveTasks`: a loop's tasks that have not ended, to be woken, listed, and dropped when the loop closes.
//!
//! The engine's own tasks have the number zero. A door's are numbered from one, in the order in which they were started, and
//! are found again by their `TaskId`. Waking one only queues it: no task starts or ends meanwhile.

use std::cell::{Cell, RefCell};
use std::num::NonZero;

use slab::Slab;

use crate::event_loop::task::cell::Listed;

/// Which task of a loop: no other one of the same loop has, had or will have its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId {
    /// Counts from one, in the order in which tasks were started.
    pub number: u64,
    /// Its place in the table, and one: an optional id is no larger than one that is there.
    place: NonZero<u32>,
}

impl TaskId {
    fn new(number: u64, key: usize) -> Self {
        let place = u32::try_from(key + 1).ok().and_then(NonZero::new);
        // Cannot fail: no machine has the memory for so many tasks.
        TaskId { number, place: place.expect("fewer tasks than that") }
    }

    /// Its place in the list of the living, which is all that its end needs.
    pub(crate) fn key(self) -> u32 {
        self.place.get() - 1
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct LiveTasks {
    tasks: RefCell<Slab<LiveTask>>,
    /// How many numbers were given away so far.
    numbered: Cell<u64>,
}

#[derive(Debug)]
struct LiveTask {
    /// And one, since a number that is never zero leaves the table's own mark room in it: 8 bytes of each of `sleeps_1m`.
    numbered: NonZero<u64>,
    /// `None` until it begins.
    task: Option<Listed>,
}

impl LiveTask {
    fn new(number: u64) -> Self {
        LiveTask { numbered: NonZero::<u64>::MIN.saturating_add(number), task: None }
    }

    fn number(&self) -> u64 {
        self.numbered.get() - 1
    }
}

impl LiveTasks {
    /// The numbered tasks, in the order in which they were started.
    #[must_use]
    pub fn ids(&self) -> Vec<TaskId> {
        let tasks = self.tasks.borrow();
        let numbered = tasks.iter().filter(|(_, live)| live.number() > 0);
        let mut ids: Vec<_> = numbered.map(|(key, live)| TaskId::new(live.number(), key)).collect();
        ids.sort_unstable_by_key(|id| id.number);
        ids
    }

    /// Has a task polled again. Whether it has not ended.
    pub fn wake(&self, id: TaskId) -> bool {
        let tasks = self.tasks.borrow();
        let live = tasks.get(id.key() as usize).filter(|live| live.number() == id.number);
        live.and_then(|live| live.task.as_ref()).map(Listed::wake).is_some()
    }

    pub(crate) fn wake_all(&self) {
        self.tasks.borrow().iter().filter_map(|(_, live)| live.task.as_ref()).for_each(Listed::wake);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.borrow().is_empty()
    }

    pub(crate) fn next_number(&self) -> u64 {
        let number = self.numbered.get() + 1;
        self.numbered.set(number);
        number
    }

    /// A place for a task that is about to begin.
    pub(crate) fn reserve(&self, number: u64) -> TaskId {
        let key = self.tasks.borrow_mut().insert(LiveTask::new(number));
        TaskId::new(number, key)
    }

    pub(crate) fn begin(&self, id: TaskId, task: Listed) {
        self.tasks.borrow_mut()[id.key() as usize].task = Some(task);
    }

    /// The task's future is gone.
    pub(crate) fn end(&self, key: u32) {
        self.tasks.borrow_mut().try_remove(key as usize);
    }
}
