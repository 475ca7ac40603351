//! `loop.create_future()` and `loop.create_task()`: what of a loop makes futures and tasks.
//!
//! A task factory that was set makes tasks instead, called by asyncio's own method, which knows how the running release
//! does that; but for our own factory of eager tasks, which nobody has to ask.

use pyo3::Borrowed;
use pyo3::intern;
use pyo3::prelude::*;

use crate::base_events::BaseLoop;
use crate::ffi::args::{Args, missing};
use crate::ffi::function::Function;
use crate::ffi::heap_type::try_state;
use crate::ffi::members::{Members, members};
use crate::ffi::reference::Ref;
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
            light_bare {
                c"create_future" c"A new Future of this loop." => create_future,
            }
            methods {}
            attributes {
                c"_task_factory" => task_factory, set_task_factory_attribute;
            }
        }
    }

    fn create_future(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Future::create(this).map(Bound::unbind)
    }

    fn create_task(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        if !self.task_factory.is_empty() && !self.eager.get() {
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
            eager: eager.map_or(self.eager.get(), |eager| eager.is_truthy().unwrap_or(false)),
        };
        Ok(Task::create(this, &coroutine, options)?.unbind())
    }

    /// asyncio's own method knows how the running release calls a factory.
    fn create_task_by_factory(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let create = support::helper(this.py(), intern!(this.py(), "create_task"))?;
        args.pass_on(&create, this).map(Bound::unbind)
    }

    fn task_factory(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.task_factory.object(this.py()))
    }

    fn set_task_factory_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let factory = (!value.is_none()).then(|| Ref::from(value.clone()));
        self.eager.set(try_state::<Function>(value).is_some_and(|function| function.is("eager_task_factory")));
        drop(self.task_factory.replace(factory));
        Ok(())
    }
}

/// The last parameter of `create_task`, where the running release has it.
const EAGER_START: &str = if cfg!(Py_3_14) { "eager_start" } else { "" };
