//! `TaskGroup`: what of it runs per task. Entering, leaving and failing are in `ferrio.taskgroups`.
//!
//! A group is the parent of its tasks (`children`): those that end well and are not the last are taken off its set at
//! once. Invariant: a task is in the set until what its end means to the group has been done.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::ffi as raw;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PySet};

use crate::compat;
use crate::ffi::args::Args;
use crate::ffi::heap_type::Native;
use crate::ffi::held::holds;
use crate::ffi::members::{Members, members};
use crate::ffi::names::TASKGROUPS;
use crate::ffi::object;
use crate::ffi::reference::Slot;
use crate::ffi::word::{Head, Io, Turn};
use crate::tasks::children::{Children, Parent, turn, watch};
use crate::tasks::outcome::Outcome;
use crate::tasks::outcome::exact_outcome;
use crate::tasks::task_factory::{Wanted, spawn_as_told};
use crate::waiting::gather::verdict;

/// See the module.
#[repr(C)]
pub(crate) struct TaskGroup {
    head: Head,
    /// A Python set; made with the first task.
    tasks: Slot,
    children: Children,
    event_loop: Slot,
    /// What the group waits for when it is left.
    completed: Slot,
    /// Whether tasks can be created.
    open: Cell<bool>,
    /// Whether it is being left: then it is over with its last task.
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
        let done = match exact_outcome(&task) {
            Some(outcome) => outcome.is_done(),
            None => task.call_method0(intern!(py, "done"))?.is_truthy()?,
        };
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

    fn loop_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.event_loop.object(this.py()))
    }

    fn set_loop_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        drop(self.event_loop.replace((!value.is_none()).then(|| value.clone().into())));
        Ok(())
    }

    fn completed_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.completed.object(this.py()))
    }

    fn set_completed_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        drop(self.completed.replace((!value.is_none()).then(|| value.clone().into())));
        Ok(())
    }

    fn parent_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.children.awaiter.object(this.py()))
    }

    fn set_parent_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        drop(self.children.awaiter.replace((!value.is_none()).then(|| value.clone().into())));
        Ok(())
    }

    fn open_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.open.get())
    }

    fn set_open_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.open.set(value.is_truthy()?);
        Ok(())
    }

    fn exiting_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.exiting.get())
    }

    fn set_exiting_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.exiting.set(value.is_truthy()?);
        Ok(())
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
        {
            let yes = PyBool::new(py, true);
            match exact_outcome(&completed) {
                Some(outcome) if outcome.is_pending() => outcome.finish(&completed, yes.as_any())?,
                Some(_) => {}
                None if completed.call_method0(intern!(py, "done"))?.is_truthy()? => {}
                None => completed.call_method1(intern!(py, "set_result"), (yes,)).map(drop)?,
            }
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

impl Io for TaskGroup {
    fn turn(&self, this: &Bound<'_, PyAny>, _: Turn) -> PyResult<()> {
        turn(self, this)
    }
}

impl Native for TaskGroup {
    const NAME: &'static CStr = c"ferrio._ferrio.TaskGroup";
    const DOC: &'static CStr = c"The native part of a task group.";
    const NEW: Option<raw::newfunc> = Some(object::new::<TaskGroup>);

    holds!(tasks, event_loop, completed, children);

    fn members() -> Members {
        members! { TaskGroup;
            one {
                c"_on_task_done" c"A task of the group is done." => on_task_done,
            }
            methods {
                c"create_task" c"Create a new task in this group and return it." => create_task,
            }
            attributes {
                c"_tasks" => tasks_attribute;
                c"_loop" => loop_attribute, set_loop_attribute;
                c"_on_completed_fut" => completed_attribute, set_completed_attribute;
                c"_open" => open_attribute, set_open_attribute;
                c"_exiting" => exiting_attribute, set_exiting_attribute;
                c"_parent_task" => parent_attribute, set_parent_attribute;
            }
        }
    }
}
