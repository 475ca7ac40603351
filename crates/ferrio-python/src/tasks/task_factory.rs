//! `loop.create_future()` and `loop.create_task()`: how a loop makes futures and tasks.
//!
//! If a task factory is set, it makes the tasks. asyncio's own method calls it, in the way of the running release. Our own
//! factory of eager tasks is never called: the loop makes eager tasks itself.

use crate::compat;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::which::{loop_or_current, running_loop};
use crate::ffi::function::Function;
use crate::ffi::names::BASE_EVENTS;
use crate::ffi::names::TASKS;
use crate::ffi::prelude::*;
use crate::ffi::registry;
use crate::tasks::futures::Future;
use crate::tasks::task::{Options, Task};

impl BaseLoop {
    /// The methods of this file.
    pub(crate) fn task_members() -> Members {
        members! { BaseLoop;
            light method c"create_task" c"Run a coroutine as a task." => create_task;
            light bare c"create_future" c"A new Future of this loop." => create_future;
            light bare c"_let_tasks_go" c"Keep tasks no longer, also those that are not done." => let_tasks_go;
            field c"_keeps_tasks" => keeps_tasks;
            shown c"_task_factory" => task_factory, set_task_factory_attribute;
        }
    }

    /// Whether the loop itself makes the tasks, and they are ours.
    pub(crate) fn makes_tasks(&self, this: &Bound<'_, PyAny>) -> bool {
        self.notice_class(this);
        !self.foreign_create_task.get() && (self.task_factory.is_empty() || self.eager.get())
    }

    fn create_future(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Future::create(this).map(Bound::unbind)
    }

    fn create_task(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        if !self.task_factory.is_empty() && !self.eager.get() {
            return self.create_task_by_factory(this, args);
        }
        let (coroutine, wanted) = Wanted::of(&args)?;
        self.engine()?;
        let options = Options {
            name: wanted.name.map(Borrowed::to_owned),
            context: wanted.context.as_deref(),
            eager: is_eager(wanted.eager_start, self),
        };
        Ok(Task::create(this, &coroutine, options)?.unbind())
    }

    /// asyncio's own method knows how the running release calls a factory.
    fn create_task_by_factory(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let create = BASE_EVENTS.helper(this.py(), intern!(this.py(), "create_task"))?;
        let task = args.pass_on(&create, Some(this))?;
        if self.keeps_tasks.get() && try_state::<Task>(&task).is_none() {
            BASE_EVENTS.helper(this.py(), intern!(this.py(), "keep_task"))?.call1((this, &task))?;
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

    fn set_task_factory_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let factory = (!value.is_none()).then(|| Ref::from(value.clone()));
        self.eager
            .set(try_state::<Function>(value).is_some_and(|function| function.is("eager_task_factory")));
        drop(self.task_factory.replace(factory));
        Ok(())
    }
}

/// A task of `event_loop` that runs `coroutine`. The loop's `create_task` makes it if the program replaced that.
pub(crate) fn spawn<'py>(
    event_loop: &Bound<'py, PyAny>,
    coroutine: &Bound<'py, PyAny>,
    wanted: Wanted<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    if let Some(state) = try_state::<BaseLoop>(event_loop)
        && state.makes_tasks(event_loop)
    {
        state.engine()?;
        let name = wanted.name.map(Borrowed::to_owned);
        let eager = is_eager(wanted.eager_start, state);
        return Task::create(
            event_loop,
            coroutine,
            Options { name, context: wanted.context.as_deref(), eager },
        );
    }
    let py = event_loop.py();
    let helper = TASKS.helper(py, intern!(py, "spawn"))?;
    helper.call1((event_loop, coroutine, wanted.name, wanted.context))
}

/// As `spawn`, with the arguments of `create_task(coro, **names)`. From Python 3.14 on the loop checks the names.
pub(crate) fn spawn_as_told<'py>(
    event_loop: &Bound<'py, PyAny>,
    args: Args<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    if compat::PASSES_NAMES_ON
        && !try_state::<BaseLoop>(event_loop).is_some_and(|state| state.makes_tasks(event_loop))
    {
        return args.pass_on(&event_loop.getattr(intern!(event_loop.py(), "create_task"))?, None);
    }
    let (coroutine, wanted) = Wanted::of(&args)?;
    spawn(event_loop, &coroutine, wanted.without_none())
}

/// What `create_task()` is given by keyword.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted<'a, 'py> {
    name: Option<Borrowed<'a, 'py, PyAny>>,
    context: Option<Borrowed<'a, 'py, PyAny>>,
    eager_start: Option<Borrowed<'a, 'py, PyAny>>,
}

impl<'a, 'py> Wanted<'a, 'py> {
    /// The coroutine, and the rest of the arguments of `create_task(coro, **names)`.
    pub(crate) fn of(args: &Args<'a, 'py>) -> PyResult<(Borrowed<'a, 'py, PyAny>, Self)> {
        let ([coroutine], [name, context, eager_start]) =
            args.bind_first("create_task", "coro", ["name", "context", compat::EAGER_START])?;
        Ok((coroutine, Wanted { name, context, eager_start }))
    }

    /// Without what was given as None.
    fn without_none(self) -> Self {
        let some = |given: Option<Borrowed<'a, 'py, PyAny>>| given.filter(|given| !given.is_none());
        Wanted { name: some(self.name), context: some(self.context), eager_start: self.eager_start }
    }
}

fn is_eager(wanted: Option<Borrowed<'_, '_, PyAny>>, state: &BaseLoop) -> bool {
    wanted.map_or(state.eager.get(), |wanted| wanted.is_truthy().unwrap_or(false))
}

/// `eager_task_factory(loop, coro, *, name=None, context=None)`, from Python 3.14 on with `eager_start=True`. A loop of ours
/// whose factory this is never calls it.
pub(crate) fn eager_task_factory<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let ([event_loop, coroutine], [name, context, eager]) =
        args.bind("eager_task_factory", ["loop", "coro"], ["name", "context", compat::EAGER_START])?;
    let event_loop = loop_or_current(py, Some(event_loop.to_owned()))?;
    let name = name.map(pyo3::Borrowed::to_owned);
    let eager = eager.is_none_or(|eager| eager.is_truthy().unwrap_or(false));
    Task::create(&event_loop, &coroutine, Options { name, context: context.as_deref(), eager })
}

/// `create_task(coro, *, name=None, context=None)`, and from Python 3.14 on whatever the loop's method takes.
pub(crate) fn create_task<'py>(py: Python<'py>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    spawn_as_told(&running_loop(py)?, args)
}
