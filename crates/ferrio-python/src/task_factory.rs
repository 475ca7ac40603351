//! `loop.create_future()` and `loop.create_task()`: what of a loop makes futures and tasks.
//!
//! A task factory that was set makes tasks instead, called by asyncio's own method, which knows how the running release
//! does that.

use pyo3::Borrowed;
use pyo3::intern;
use pyo3::prelude::*;

use crate::base_events::BaseLoop;
use crate::ffi::args::{Args, missing};
use crate::ffi::heap_type::try_state;
use crate::ffi::members::{Members, members};
use crate::ffi::reference::Ref;
use crate::ffi::registry;
use crate::futures::Future;
use crate::support;
use crate::tasks::{Options, Task};

impl BaseLoop {
    /// The methods of this file.
    pub(crate) fn task_members() -> Members {
        members! { BaseLoop;
            light {
                c"create_task" c"Run a coroutine as a task." => create_task,
            }
            bare {
                c"create_future" c"A new Future of this loop." => create_future,
                c"_let_tasks_go" c"Keep tasks no longer, also those that are not done." => let_tasks_go,
            }
            methods {}
            attributes {
                c"_keeps_tasks" => keeps_tasks_attribute, set_keeps_tasks_attribute;
                c"_task_factory" => task_factory, set_task_factory_attribute;
            }
        }
    }

    fn create_future(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Future::create(this).map(Bound::unbind)
    }

    fn create_task(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        if !self.task_factory.is_empty() {
            return self.create_task_by_factory(this, args);
        }
        let parameters = ["coro", "name", "context", EAGER_START];
        let [Some(coroutine), name, context, eager] = args.bind_first("create_task", parameters)? else {
            return Err(missing("create_task", "coro"));
        };
        self.engine()?;
        let options = Options {
            name: name.map(Borrowed::to_owned),
            context: context.as_deref(),
            eager: eager.is_some_and(|eager| eager.is_truthy().unwrap_or(false)),
        };
        Ok(Task::create(this, &coroutine, options)?.unbind())
    }

    /// asyncio's own method knows how the running release calls a factory.
    fn create_task_by_factory(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let create = support::helper(this.py(), intern!(this.py(), "create_task"))?;
        let task = args.pass_on(&create, this)?;
        if self.keeps_tasks.get() && try_state::<Task>(&task).is_none() {
            support::helper(this.py(), intern!(this.py(), "keep_task"))?.call1((this, &task))?;
        }
        Ok(task.unbind())
    }

    fn let_tasks_go(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.keeps_tasks.set(false);
        for task in registry::all(this.py()) {
            if let Some(state) = try_state::<Task>(&task).filter(|state| state.outcome.has_loop(this)) {
                state.let_go();
            }
        }
        Ok(())
    }

    fn keeps_tasks_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.keeps_tasks.get())
    }

    fn set_keeps_tasks_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.keeps_tasks.set(value.is_truthy()?);
        Ok(())
    }

    fn task_factory(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.task_factory.object(this.py()))
    }

    fn set_task_factory_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let factory = (!value.is_none()).then(|| Ref::from(value.clone()));
        drop(self.task_factory.replace(factory));
        Ok(())
    }
}

/// The last parameter of `create_task`, where the running release has it.
const EAGER_START: &str = if cfg!(Py_3_14) { "eager_start" } else { "" };
