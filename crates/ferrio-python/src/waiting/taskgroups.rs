//! `TaskGroup`: the part of asyncio's class that runs once per task. Entering, leaving and failing are in `ferrio.taskgroups`.
//!
//! A group is the parent of its tasks (`children`). A task that succeeds, and is not the last, leaves the group's set at once.
//! Invariant: a task stays in the set until the group has dealt with the task's end.

use pyo3::types::{PyBool, PySet};

use crate::compat;
use crate::ffi::names::TASKGROUPS;
use crate::ffi::prelude::*;
use crate::tasks::any_future::{is_done, set_result};
use crate::tasks::children::{Children, Parent, watch};
use crate::tasks::outcome::Outcome;
use crate::tasks::task_factory::{Wanted, spawn_as_told};
use crate::waiting::gather::verdict;

/// See the module.
#[repr(C)]
pub(crate) struct TaskGroup {
    head: Head,
    /// A Python set. Made with the first task.
    tasks: Slot,
    children: Children,
    event_loop: Slot,
    /// The future that the group waits for when the block ends.
    completed: Slot,
    /// Whether tasks can be created.
    open: Cell<bool>,
    /// Whether the block has ended. Then the group ends with its last task.
    exiting: Cell<bool>,
}

impl Default for TaskGroup {
    fn default() -> Self {
        TaskGroup {
            head: Head::new::<Self>(),
            tasks: Slot::default(),
            children: Children::default(),
            event_loop: Slot::default(),
            completed: Slot::default(),
            open: Cell::new(false),
            exiting: Cell::new(false),
        }
    }
}

impl TaskGroup {
    fn tasks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PySet>> {
        if let Some(tasks) = self.tasks.bind(py) {
            return Ok(tasks.cast_into()?);
        }
        let tasks = PySet::empty(py)?;
        self.tasks.set(tasks.clone());
        Ok(tasks)
    }

    fn create_task(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let tasks = self.tasks(py)?;
        let event_loop = self.event_loop.bind(py).filter(|_| self.open.get());
        let Some(event_loop) = event_loop.filter(|_| !self.exiting.get() || !tasks.is_empty()) else {
            let (coroutine, _) = Wanted::of(&args)?;
            let refuse = TASKGROUPS.helper(py, intern!(py, "refuse_task"))?;
            return refuse.call1((this, coroutine)).map(Bound::unbind);
        };
        let task = spawn_as_told(&event_loop, args)?;
        let done = is_done(&task)?;
        if done && !compat::GROUP_HEARS_LATER {
            self.told(this, &task)?;
            return Ok(task.unbind());
        }
        tasks.add(&task)?;
        watch(self, this, &task)?;
        if compat::GROUP_CANCELS_EAGER && !done && !self.open.get() {
            task.call_method0(intern!(py, "cancel"))?;
        }
        Ok(task.unbind())
    }

    fn on_task_done(&self, this: &Bound<'_, PyAny>, task: &Bound<'_, PyAny>) -> PyResult<()> {
        self.told(this, task)
    }

    fn tasks_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(self.tasks(this.py())?.into_any().unbind())
    }
}

impl Parent for TaskGroup {
    fn counts(&self, child: &Bound<'_, PyAny>, outcome: &Outcome) -> bool {
        if outcome.is_bad() {
            return false;
        }
        let Ok(tasks) = self.tasks(child.py()) else { return false };
        self.children.waits() && tasks.discard(child).is_ok()
    }

    fn told(&self, this: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let tasks = self.tasks(py)?;
        tasks.discard(child)?;
        if tasks.is_empty()
            && let Some(completed) = self.completed.bind(py)
            && !is_done(&completed)?
        {
            set_result(&completed, &PyBool::new(py, true))?;
        }
        match verdict(child, false)? {
            (false, Some(error)) => this.call_method1(intern!(py, "_failed"), (child, error)).map(drop),
            _ => Ok(()),
        }
    }

    fn children(&self) -> &Children {
        &self.children
    }

    fn callback_name(&self) -> &'static str {
        "TaskGroup._on_task_done"
    }
}

impl Native for TaskGroup {
    const NAME: &'static CStr = c"ferrio._ferrio.TaskGroup";
    const DOC: &'static CStr = c"The native part of a task group.";
    const NEW: New = Some(object::new::<TaskGroup>);

    holds!(tasks, event_loop, completed, children);

    fn members() -> Members {
        members! { TaskGroup;
            one c"_on_task_done" c"A task of the group is done." => on_task_done;
            method c"create_task" c"Create a new task in this group and return it." => create_task;
            attribute c"_tasks" => tasks_attribute;
            field c"_loop" => event_loop;
            field c"_on_completed_fut" => completed;
            field c"_open" => open;
            field c"_exiting" => exiting;
            field c"_parent_task" => children.awaiter;
        }
    }
}
