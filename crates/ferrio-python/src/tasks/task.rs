//! `Task`: asyncio's, with a native state. It is a true subclass of asyncio's type, whose struct holds what tools read there, and
//! nothing else.
//!
//! This file owns the members of a task, and how a task begins and is cancelled. `step` has how it runs, `outcome` and `futures`
//! what it has in common with futures, `registry` which tasks there are, `task_struct` what tools read.

use ferrio_engine::Time;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi as raw;
use pyo3::types::PyString;

use crate::compat;
use crate::event_loop::hooks;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::which::loop_or_current;
use crate::ffi::call::{copy_context, in_context, is_context, is_native_coroutine};
use crate::ffi::common::has;
use crate::ffi::coroutine::is_ours;
use crate::ffi::current;
use crate::ffi::names::TASKS;
use crate::ffi::number;
use crate::ffi::number::Number;
use crate::ffi::object::Shown;
use crate::ffi::prelude::*;
use crate::ffi::recursion::nested;
use crate::ffi::registry::{self, Entry};
use crate::ffi::task_struct;
use crate::ffi::task_struct::Specimens;
use crate::tasks::cancelling;
use crate::tasks::futures::{Shared, never_retrieved, shared_members};
use crate::tasks::outcome::{Outcome, report_death};
use crate::tasks::step;
use pyo3::exceptions::PyException;

/// The state of a task.
#[derive(Default)]
pub(crate) struct Task {
    pub(crate) outcome: Outcome,
    pub(crate) coroutine: Slot,
    pub(crate) context: Slot,
    /// Empty as long as nobody has given a name or asked for it: the number makes the name.
    name: Slot,
    number: Number,
    /// What the task waits for, also while its next step is queued.
    pub(crate) waits_for: Slot,
    /// While the task waits: the time of the turn in which it began to.
    pub(crate) since: Cell<Time>,
    /// What the next step throws into the coroutine, apart from exceptions of the future it waited for.
    pub(crate) error: Slot,
    cancels: Cell<u32>,
    pub(crate) must_cancel: Cell<bool>,
    log_destroy_pending: Cell<bool>,
    entry: Entry,
}

/// What `create_task()` was told of a task.
pub(crate) struct Options<'a, 'py> {
    pub(crate) name: Option<Bound<'py, PyAny>>,
    pub(crate) context: Option<&'a Bound<'py, PyAny>>,
    pub(crate) eager: bool,
}

impl Task {
    /// A task of `event_loop` that runs `coroutine`: what `create_task()` does.
    pub(crate) fn create<'py>(
        event_loop: &Bound<'py, PyAny>,
        coroutine: &Bound<'py, PyAny>,
        options: Options<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let outcome = Outcome::pending(Ref::from(event_loop.clone()));
        outcome.note_source(event_loop)?;
        let this = alloc_tracked(event_loop.py(), Task { outcome, ..Task::default() })?;
        if let Some(task) = try_state::<Task>(&this) {
            task.begin(&this, event_loop, coroutine, options)?;
        }
        Ok(this)
    }

    /// What `__init__` does after it has made the outcome.
    fn begin(
        &self,
        this: &Bound<'_, PyAny>,
        event_loop: &Bound<'_, PyAny>,
        coroutine: &Bound<'_, PyAny>,
        options: Options<'_, '_>,
    ) -> PyResult<()> {
        let py = this.py();
        self.log_destroy_pending.set(false);
        let judged = is_coroutine(coroutine);
        if !matches!(judged, Ok(true)) {
            // A task whose second `__init__` fails has nothing to run.
            task_struct::forget_coroutine(this);
            drop(self.coroutine.take());
            judged?;
            return Err(PyTypeError::new_err(format!("a coroutine was expected, got {}", coroutine.repr()?)));
        }
        self.context.set(match options.context.filter(|context| !context.is_none()) {
            Some(context) if compat::CHECKS_CONTEXT && !is_context(context) => {
                let kind = context.get_type().fully_qualified_name()?;
                return Err(PyTypeError::new_err(format!("a contextvars.Context was expected, got {kind}")));
            }
            Some(context) => Ref::from(context.clone()),
            None => copy_context(py)?,
        });
        drop(self.waits_for.take());
        drop(self.error.take());
        self.must_cancel.set(false);
        self.cancels.set(0);
        self.log_destroy_pending.set(true);
        self.coroutine.set(coroutine.clone());
        self.number.set(registry::next_number());
        drop(self.name.take());
        if let Some(name) = options.name.filter(|name| !name.is_none()) {
            self.name.set(task_name(&name)?);
        }
        self.show(this, coroutine)?;
        if options.eager && is_running(event_loop)? {
            return self.start_at_once(this, event_loop);
        }
        self.enlist(this, event_loop);
        match step::queue(self, this) {
            Ok(interrupted) => interrupted,
            Err(error) => {
                // A `call_soon` of the program's own raised, or the loop is closed: whoever made it gets the error, and
                // nobody will step it.
                self.withdraw(this);
                Err(error)
            }
        }
    }

    /// Makes the first step at once, within the code that creates the task.
    fn start_at_once(&self, this: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let context = self.context_of(py);
        let before = current::swap(event_loop, Some(this))?;
        self.list(this);
        let began = Cell::new(false);
        let result = nested(c" while starting a task", || {
            in_context(&context, || {
                began.set(true);
                step::run_and_handle(self, this, None)
            })
        });
        current::swap(event_loop, before.as_ref())?;
        let result = if began.get() { result } else { self.not_begun(this, result) };
        if self.outcome.is_pending() {
            self.enlist(this, event_loop);
            if compat::CHECKS_CONTEXT && result.is_err() {
                // The caller gets the error, and no task.
                self.skip_destroy_report();
            }
        } else {
            self.entry.delist();
            // asyncio's repr of before it had eager tasks asks every task for its coroutine.
            if compat::EAGER_TASKS {
                drop(self.coroutine.take());
                task_struct::forget_coroutine(this);
            }
        }
        result
    }

    /// Its first step could not be made: nobody would make it ever again. Whoever made the task gets the error.
    #[cold]
    fn not_begun(&self, this: &Bound<'_, PyAny>, result: PyResult<()>) -> PyResult<()> {
        let result = result.or_else(|error| step::end_with(self, this, error));
        self.outcome.forget_traceback();
        result
    }

    /// Writes what tools read.
    fn show(&self, this: &Bound<'_, PyAny>, coroutine: &Bound<'_, PyAny>) -> PyResult<()> {
        let inner = if is_ours(coroutine) { hooks::inner_coroutine(coroutine) } else { None };
        task_struct::fill(this, inner.as_ref().unwrap_or(coroutine), self.name.bind(this.py()), &self.number)
    }

    /// Enters the task in our table and on asyncio's list, if the release has one.
    fn list(&self, this: &Bound<'_, PyAny>) {
        task_struct::link(this);
        self.entry.enlist(this);
    }

    /// As `list`. If its loop keeps tasks, the task is kept, too.
    fn enlist(&self, this: &Bound<'_, PyAny>, event_loop: &Bound<'_, PyAny>) {
        self.list(this);
        if try_state::<BaseLoop>(event_loop).is_some_and(|state| state.keeps_tasks.get()) {
            self.entry.keep(this, event_loop);
        }
    }

    /// It is none of the tasks any more, though it is not done.
    fn withdraw(&self, this: &Bound<'_, PyAny>) {
        self.entry.delist();
        task_struct::unlink(this);
    }

    /// The task is done: its loop keeps it no longer, and tools do not show it.
    pub(crate) fn leave(&self, this: &Bound<'_, PyAny>) {
        self.entry.let_go();
        task_struct::end(this);
    }

    /// The task's loop keeps it no longer.
    pub(crate) fn let_go(&self) {
        self.entry.let_go();
    }

    pub(crate) fn context_of<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.context.bind(py).unwrap_or_else(|| py.None().into_bound(py))
    }

    fn name_of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        if self.name.is_empty() && self.number.get() != 0 {
            self.name.set(PyString::new(py, &format!("Task-{}", self.number.get())).into_any());
        }
        self.name.bind(py)
    }

    fn cancel(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        let ([], [message]) = args.bind("cancel", [], ["msg"])?;
        cancelling::cancel(this, message.as_deref())
    }

    /// Counts a request to cancel the task. Returns the answer if the task is done, or waits for nothing: then its next step throws
    /// the cancellation. Else returns what the task waits for, whose answer decides.
    pub(crate) fn note_cancel<'py>(
        &self,
        py: Python<'py>,
        message: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Result<bool, Bound<'py, PyAny>>> {
        self.outcome.alive(py)?;
        self.outcome.forget_traceback();
        if self.outcome.is_done() {
            return Ok(Ok(false));
        }
        self.cancels.set(self.cancels.get().saturating_add(1));
        if let Some(waited) = self.waits_for.bind(py) {
            return Ok(Err(waited));
        }
        self.cancel_next_step(message);
        Ok(Ok(true))
    }

    /// What the task waits for cannot be cancelled: the next step throws the cancellation.
    pub(crate) fn cancel_next_step(&self, message: Option<&Bound<'_, PyAny>>) {
        self.must_cancel.set(true);
        self.outcome.set_cancel_message(message);
    }

    /// How many requests to cancel the task are open.
    pub(crate) fn open_requests(&self) -> usize {
        self.cancels.get() as usize
    }

    /// Takes one request to cancel the task back. Returns how many are left.
    pub(crate) fn take_back(&self) -> usize {
        let left = self.cancels.get().saturating_sub(1);
        if compat::UNCANCEL_FORGETS && left == 0 && self.cancels.get() > 0 {
            self.must_cancel.set(false);
        }
        self.cancels.set(left);
        left as usize
    }

    fn get_name(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.name_of(this.py()).map(Bound::unbind))
    }

    fn set_name(&self, this: &Bound<'_, PyAny>, name: &Bound<'_, PyAny>) -> PyResult<()> {
        let name = task_name(name)?;
        task_struct::rename(this, &name);
        self.name.set(name);
        Ok(())
    }

    fn is_lost(&self) -> bool {
        self.outcome.is_pending() && self.log_destroy_pending.get()
    }

    /// Nobody can prevent that this task is destroyed while it is pending: no report.
    pub(crate) fn skip_destroy_report(&self) {
        self.log_destroy_pending.set(false);
    }

    /// On the loop's clock. None if the task does not wait.
    fn waits_since_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let since = (!self.waits_for.is_empty()).then(|| self.since.get().as_secs_f64());
        since.into_py_any(this.py())
    }
}

has!(Task, outcome: Outcome);

impl Shared for Task {
    fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

impl Constructed for Task {
    fn init(&self, this: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        if given.args.len() > 1 {
            let text = format!("Task() takes exactly 1 positional argument ({} given)", given.args.len());
            return Err(PyTypeError::new_err(text));
        }
        let known = if compat::EAGER_TASKS {
            KEYWORDS
        } else {
            [KEYWORDS[0], KEYWORDS[1], KEYWORDS[2], KEYWORDS[3], ""]
        };
        let [coroutine, event_loop, name, context, eager] = given.keywords("Task", known)?;
        let Some(coroutine) = given.args.get_item(0).ok().or(coroutine) else {
            return Err(PyTypeError::new_err("Task() missing required argument 'coro' (pos 1)"));
        };
        self.outcome.refuse_again(this)?;
        let event_loop = loop_or_current(this.py(), event_loop)?;
        self.outcome.init(&event_loop)?;
        let eager = eager.is_some_and(|eager| eager.is_truthy().unwrap_or(false));
        self.begin(this, &event_loop, &coroutine, Options { name, context: context.as_ref(), eager })
    }
}

impl Shown for Task {
    fn repr<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.outcome.alive(this.py())?;
        TASKS.helper(this.py(), intern!(this.py(), "task_repr"))?.call1((this,))
    }
}

impl Finalized for Task {
    fn finalize(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        // A report may keep the task alive, but does not enter it again.
        self.withdraw(this);
        if self.is_lost() {
            let message = "Task was destroyed but it is pending!";
            report_death(this, &self.outcome, message, &[("task", Some(this.clone()))])?;
        }
        never_retrieved(this, &self.outcome)
    }
}

impl Native for Task {
    const NAME: &'static CStr = c"ferrio.Task";
    const DOC: &'static CStr = TASK_DOC;
    // Without its list `create_task` takes 3.8 % more instructions.
    const KEPT: usize = 256;
    const BASE_OWNS: bool = true;
    const BASE_LISTS: bool = compat::TASKS_ARE_LINKED;
    const HIDES: bool = compat::TASKS_ARE_LINKED;
    const DELETABLE: bool = false;
    const NEW: New = Some(object::new::<Task>);

    holds!(entry, outcome, coroutine, context, name, waits_for, error);

    fn members() -> Members {
        let own = members! { Task;
            asks c"cancelling" c"How many requests to cancel it are open." => open_requests();
            asks c"uncancel" c"Take one request to cancel it back, and return how many are left." => take_back();
            bare c"get_name" c"Its name." => get_name;
            asks c"get_coro" c"The coroutine it runs." => coroutine;
            one c"set_name" c"Give it a name." => set_name;
            method c"cancel" c"Ask it to end: CancelledError is raised in its coroutine at the next opportunity. Returns \
                    False if it was done already." => cancel;
            shown c"_coro" => coroutine;
            shown c"_fut_waiter" => waits_for;
            attribute c"_waits_since" => waits_since_attribute;
            shown c"_must_cancel" => must_cancel;
            field c"_log_destroy_pending" => log_destroy_pending;
        };
        let own = if compat::EAGER_TASKS {
            own.and(members! { Task;
                asks c"get_context" c"The context it runs in." => context;
            })
        } else {
            own
        };
        own.and(shared_members!(Task))
    }

    fn hidden(&self) -> *mut raw::PyObject {
        self.number.as_object()
    }

    fn has_to_finalize(&self) -> bool {
        self.outcome.logs_traceback() || self.is_lost()
    }
}

/// Whether asyncio takes `object` for a coroutine.
pub(crate) fn is_coroutine(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static JUDGE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if is_native_coroutine(object) || is_ours(object) {
        return Ok(true);
    }
    let py = object.py();
    JUDGE.known(py, "asyncio.coroutines", "iscoroutine")?.call1((object,))?.is_truthy()
}

fn is_running(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    match try_state::<BaseLoop>(event_loop) {
        Some(state) => Ok(state.runs()),
        None => event_loop.call_method0(intern!(event_loop.py(), "is_running"))?.is_truthy(),
    }
}

/// What `Task()` takes; the last from Python 3.12 on.
const KEYWORDS: [&str; 5] = ["coro", "loop", "name", "context", "eager_start"];

const TASK_DOC: &CStr = if compat::EAGER_TASKS {
    c"Task(coro, *, loop=None, name=None, context=None, eager_start=False)\n--\n\n\
        A coroutine that runs by itself. Made by create_task()."
} else {
    c"Task(coro, *, loop=None, name=None, context=None)\n--\n\n\
        A coroutine that runs by itself. Made by create_task()."
};

/// A task's name is a string, whatever it was given.
fn task_name<'py>(name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if name.is_exact_instance_of::<PyString>() { Ok(name.clone()) } else { Ok(name.str()?.into_any()) }
}

/// Finds out how asyncio's own tasks lie in memory, so that tools find the same in ours. If that fails, tools do not see our tasks,
/// and `all_tasks()` gets them in another way (`ferrio.tasks`).
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    number::prepare(py);
    if !compat::TASKS_ARE_LINKED {
        return Ok(());
    }
    let specimens = TASKS.helper(py, intern!(py, "specimens"))?.call0()?;
    let (first, second, future, coroutine, name) = specimens.extract()?;
    match (Specimens { first, second, future, coroutine, name }).examine() {
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(()),
        result => result,
    }
}
