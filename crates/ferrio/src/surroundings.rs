//! What surrounds the tasks of a guest: something that its host's own tasks have, and that has to be current while one runs, such
//! as Python's context variables.
//!
//! ```text
//! task created ── copy ──▶ Around ── called with each poll ──▶ the task is dropped: what that starts has the same
//! ```
//!
//! Loops without it are only asked once a task of their thread was marked. No borrow is alive while the host's code runs.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use ferrio_engine::{TaskId, lend};

/// Calls what it is given, once, with what it stands for as the current one.
pub(crate) type Around = dyn Fn(Box<dyn FnOnce()>);

/// Of all tasks of a loop. See the module.
#[derive(Default)]
pub(crate) struct Surroundings {
    /// Copies what is current; never set in most loops.
    pub(crate) copy: OnceCell<Box<dyn Fn() -> Rc<Around>>>,
    of_tasks: RefCell<HashMap<u64, Rc<Around>>>,
    /// Which task is about to be polled within what surrounds it.
    entered: Cell<Option<u64>>,
    /// Of tasks that are being dropped, the innermost last.
    of_dropped: RefCell<Vec<(u64, Rc<Around>)>>,
}

impl Surroundings {
    /// A task is created.
    pub(crate) fn begin(&self, task: TaskId) {
        if let Some(copy) = self.copy.get() {
            let of_dropped = self.of_dropped.borrow().last().map(|(_, around)| around.clone());
            let around = of_dropped.unwrap_or_else(copy);
            self.of_tasks.borrow_mut().insert(task.number, around);
        }
    }

    /// What the task has, unless that is current already.
    pub(crate) fn of(&self, task: TaskId) -> Option<Rc<Around>> {
        if self.entered.take() == Some(task.number) {
            return None;
        }
        self.of_tasks.borrow().get(&task.number).cloned()
    }

    /// The next poll is within what surrounds the task.
    pub(crate) fn enter(&self, task: TaskId) {
        self.entered.set(Some(task.number));
    }

    /// The task's future is about to be dropped.
    pub(crate) fn drop_begins(&self, task: TaskId) {
        let around = self.of_tasks.borrow_mut().remove(&task.number);
        if let Some(around) = around {
            self.of_dropped.borrow_mut().push((task.number, around));
        }
    }

    /// The task's future is dropped.
    pub(crate) fn drop_ends(&self, task: TaskId) {
        let gone = self.of_dropped.borrow_mut().pop_if(|(number, _)| *number == task.number);
        drop(gone);
    }
}

/// Takes `step` within `around`, and once in any case: a host that fails calls nothing.
pub(crate) fn surround<R>(around: &Around, step: &mut dyn FnMut() -> R) -> R {
    let mut output = None;
    let mut once = |_: &mut Context<'_>| {
        output = Some(step());
        Poll::Ready(())
    };
    lend(&mut once, |lent| {
        around(Box::new(move || {
            let _is_ready = lent.poll(&mut Context::from_waker(Waker::noop()));
        }));
    });
    output.unwrap_or_else(step)
}
