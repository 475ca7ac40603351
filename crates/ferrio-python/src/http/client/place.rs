//! `Place`: where the connections of one key lie while nobody uses them, and who waits for one. Counts; decides nothing.

use std::collections::VecDeque;

use crate::ffi::prelude::*;
use crate::tasks::any_future;

/// So many that were cancelled may stay in line before the line is looked through.
const GAPS: usize = 16;

/// See the module.
#[derive(Default)]
pub(crate) struct Place {
    pub(crate) key: Slot,
    /// The last one that came is the first to go, so that those that are too many grow old.
    idle: RefCell<Vec<Ref>>,
    /// How many are in use, or being made.
    pub(crate) used: Cell<usize>,
    /// Those that came earlier have lower numbers.
    waiting: RefCell<VecDeque<InLine>>,
    /// How many of them still wait.
    pub(crate) alive: Cell<usize>,
    /// Its pool has it among those that can be served.
    pub(crate) queued: Cell<bool>,
}

/// A place in line.
#[derive(Clone)]
pub(crate) struct InLine {
    number: u64,
    /// Until when it waits, in the loop's time.
    deadline: f64,
    pub(crate) future: Ref,
}

impl Place {
    pub(crate) fn create<'py>(key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let place = Place { key: Slot::new(key.clone().into()), ..Place::default() };
        alloc(&type_object::<Place>(key.py())?, place)
    }

    pub(crate) fn push_idle(&self, connection: &Bound<'_, PyAny>) {
        self.idle.borrow_mut().push(connection.clone().into());
    }

    pub(crate) fn pop_idle<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.idle.borrow_mut().pop().map(|connection| connection.into_bound(py))
    }

    /// Takes a connection out. What was used last is at the end, and what is closed is mostly old.
    pub(crate) fn forget(&self, connection: &Bound<'_, PyAny>) -> bool {
        let mut idle = self.idle.borrow_mut();
        let at = idle.iter().position(|one| one.as_ptr() == connection.as_ptr());
        let taken = at.map(|at| idle.remove(at));
        drop(idle);
        taken.is_some()
    }

    pub(crate) fn idle(&self) -> Vec<Ref> {
        self.idle.borrow().clone()
    }

    /// Whether nobody needs it.
    pub(crate) fn is_empty(&self) -> bool {
        self.used.get() == 0 && self.idle.borrow().is_empty() && self.alive.get() == 0
    }

    /// A future at the end of the line.
    pub(crate) fn join<'py>(
        &self,
        number: u64,
        deadline: f64,
        event_loop: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, future) = (event_loop.py(), any_future::create(event_loop)?);
        let mut waiting = self.waiting.take();
        if waiting.len() > 2 * self.alive.get() + GAPS {
            waiting.retain(|one| !any_future::is_done(&one.future.bind(py)).unwrap_or(true));
        }
        waiting.push_back(InLine { number, deadline, future: future.clone().into() });
        self.waiting.replace(waiting);
        self.alive.set(self.alive.get() + 1);
        Ok(future)
    }

    /// Those whose time is over.
    pub(crate) fn late(&self, now: f64) -> Vec<InLine> {
        self.waiting.borrow().iter().filter(|one| one.deadline <= now).cloned().collect()
    }

    /// The next deadline of them.
    pub(crate) fn earliest(&self, now: f64) -> f64 {
        let deadlines = self.waiting.borrow();
        deadlines.iter().map(|one| one.deadline).filter(|one| *one > now).fold(f64::INFINITY, f64::min)
    }

    /// The number of the first in line.
    pub(crate) fn first(&self) -> Option<u64> {
        self.waiting.borrow().front().map(|one| one.number)
    }

    /// The first in line who still waits.
    pub(crate) fn pop_waiting<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            let Some(one) = next else { return Ok(None) };
            let future = one.future.into_bound(py);
            if !any_future::is_done(&future)? {
                self.leave();
                return Ok(Some(future));
            }
        }
    }

    /// One who waited does so no more.
    pub(crate) fn leave(&self) {
        self.alive.set(self.alive.get().saturating_sub(1));
    }
}

held!(InLine: future);

impl Native for Place {
    const NAME: &'static CStr = c"ferrio._ferrio.HttpPlace";
    const DOC: &'static CStr = c"The connections of a pool that have one key.";

    holds!(key, idle, waiting);

    fn members() -> Members {
        Members::default()
    }
}
