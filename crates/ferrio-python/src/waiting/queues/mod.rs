//! `Queue`, `PriorityQueue` and `LifoQueue`: asyncio's, with `shutdown` in every release, on the engine's `Ledger`.
//!
//! Programs see the classes in `ferrio.queues`. These derive from this class and from asyncio's own, which has `__repr__` and
//! the generic alias. If a subclass overrides a method, native code calls the override. An object whose class overrides
//! nothing is *plain*: its methods stay in native code.

mod items;
mod limit;

use ferrio_engine::sync::Ledger;
use pyo3::exceptions::PyValueError;
use pyo3::types::PyType;

use crate::ffi::prelude::*;
use crate::waiting::locks::wait::{Common, FutureInQueue, Progress, Wait, WaitKind};
use crate::waiting::locks::{Event, none};
use items::{Items, Order};

static FULL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static EMPTY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static EVENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The state of a queue.
#[derive(Default)]
pub(crate) struct Queue {
    common: Common,
    items: Items,
    ledger: Ledger<FutureInQueue>,
    /// How many items fit. Not above 0: any number.
    limit: Cell<i64>,
    /// The limit as the program gave it.
    maxsize: Slot,
    /// The event that `join()` waits for. Made by the first `join()` that has to wait.
    finished: Slot,
}

impl Queue {
    fn start(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [maxsize, order, plain] = args.all("_start", ["maxsize", "order", "plain"])?;
        let py = this.py();
        self.set_maxsize(&maxsize)?;
        self.items.order.set(match order.extract::<u8>()? {
            0 => Order::First,
            1 => Order::Least,
            _ => Order::Last,
        });
        self.common.plain.set(plain.is_truthy()?);
        self.items.reset(py);
        self.ledger.set_unfinished(0);
        self.ledger.set_shut_down(false);
        drop(self.finished.take());
        if !self.common.plain.get() {
            call_method1(this, intern!(py, "_init"), &maxsize)?;
        }
        Ok(())
    }

    fn put_nowait(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [item] = args.all("put_nowait", ["item"])?;
        self.put_now(this, &item)
    }

    fn get_nowait(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.none("get_nowait")?;
        self.get_now(this).map(Bound::unbind)
    }

    fn put(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [item] = args.all("put", ["item"])?;
        Wait::create(this, &PUT, Some(Ref::from(item.to_owned())))
    }

    fn get(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.none("get")?;
        Wait::create(this, &GET, None)
    }

    fn qsize(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<usize> {
        args.none("qsize")?;
        self.items.len(this.py())
    }

    fn empty(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        args.none("empty")?;
        self.items.is_empty(this.py())
    }

    fn full(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        args.none("full")?;
        self.reaches_limit(this.py(), || {
            if self.common.plain.get() {
                self.items.len(this.py())
            } else {
                this.call_method0(intern!(this.py(), "qsize"))?.extract()
            }
        })
    }

    /// Whether the queue is full.
    fn reaches_limit(&self, py: Python<'_>, size: impl FnOnce() -> PyResult<usize>) -> PyResult<bool> {
        limit::is_reached(self.limit.get(), || self.maxsize.bind(py), size)
    }

    fn task_done(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        args.none("task_done")?;
        match self.ledger.finish_one() {
            None => Err(PyValueError::new_err("task_done() called too many times")),
            Some(true) => self.all_finished(this.py()),
            Some(false) => Ok(()),
        }
    }

    fn join(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.none("join")?;
        Wait::create(this, &JOIN, None)
    }

    fn shutdown(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let ([], [immediate]) = args.bind("shutdown", [], ["immediate"])?;
        self.ledger.set_shut_down(true);
        if immediate.map_or(Ok(false), |immediate| immediate.is_truthy())? {
            while !self.is_empty(this)? {
                drop(self.take(this)?);
                if self.ledger.unfinished() > 0 {
                    self.ledger.set_unfinished(self.ledger.unfinished() - 1);
                }
            }
            if self.ledger.unfinished() == 0 {
                self.all_finished(this.py())?;
            }
        }
        self.ledger.tell_all()
    }

    /// `_init(maxsize)`, for subclasses that extend it.
    fn init_items(&self, this: &Bound<'_, PyAny>, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.items.reset(this.py());
        Ok(())
    }

    fn put_item(&self, _: &Bound<'_, PyAny>, item: &Bound<'_, PyAny>) -> PyResult<()> {
        self.items.push(item)
    }

    fn get_item(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.items.pop(this.py()).map(Bound::unbind)
    }

    fn put_now(&self, this: &Bound<'_, PyAny>, item: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        if self.ledger.is_shut_down() {
            return Err(shut_down(py));
        }
        if self.is_full(this)? {
            return Err(PyErr::from_type(FULL.known(py, "asyncio.queues", "QueueFull")?.clone(), ()));
        }
        if self.common.plain.get() {
            self.items.push(item)?;
        } else {
            call_method1(this, intern!(py, "_put"), item)?;
        }
        if let Some(event) = self.finished.bind(py)
            && let Some(event) = try_state::<Event>(&event)
        {
            event.inner.clear();
        }
        self.ledger.added()
    }

    fn get_now<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if self.is_empty(this)? {
            let py = this.py();
            if self.ledger.is_shut_down() {
                return Err(shut_down(py));
            }
            return Err(PyErr::from_type(EMPTY.known(py, "asyncio.queues", "QueueEmpty")?.clone(), ()));
        }
        let item = self.take(this)?;
        self.ledger.removed()?;
        Ok(item)
    }

    fn take<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if self.common.plain.get() {
            self.items.pop(this.py())
        } else {
            this.call_method0(intern!(this.py(), "_get"))
        }
    }

    fn is_empty(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        if self.common.plain.get() {
            return self.items.is_empty(this.py());
        }
        this.call_method0(intern!(this.py(), "empty"))?.is_truthy()
    }

    fn is_full(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        if !self.common.plain.get() {
            return this.call_method0(intern!(this.py(), "full"))?.is_truthy();
        }
        self.reaches_limit(this.py(), || self.items.len(this.py()))
    }

    fn all_finished(&self, py: Python<'_>) -> PyResult<()> {
        let Some(event) = self.finished.bind(py) else { return Ok(()) };
        try_state::<Event>(&event).map_or(Ok(()), |event| event.inner.set())
    }

    /// The event that is set while no task is unfinished.
    fn finished<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(event) = self.finished.bind(py) {
            return Ok(event);
        }
        let event = EVENT.known(py, "ferrio.locks", "Event")?.call0()?;
        if let Some(state) = try_state::<Event>(&event) {
            state.inner.put(self.ledger.unfinished() == 0);
        }
        self.finished.set(event.clone());
        Ok(event)
    }

    fn maxsize_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        match self.maxsize.object(this.py()) {
            Some(maxsize) => Ok(maxsize),
            None => 0.into_py_any(this.py()),
        }
    }

    fn set_maxsize(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.limit.set(limit::of(value));
        self.maxsize.set(value.clone());
        Ok(())
    }

    fn queue_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.items.object(this.py()).map(Bound::unbind)
    }

    fn set_queue_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.items.set_object(value);
        Ok(())
    }

    fn set_unfinished_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.ledger.set_unfinished(value.extract()?);
        Ok(())
    }

    fn finished_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.finished(this.py()).map(Bound::unbind)
    }

    fn set_shutdown_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.ledger.set_shut_down(value.is_truthy()?);
        Ok(())
    }
}

static GET: WaitKind = WaitKind {
    name: "Queue.get",
    begin: |_, target| get(target),
    resume: |wait, target| {
        drop(state_of::<Queue>(target)?.ledger.getters().remove(wait.ticket()));
        get(target)
    },
    leave: |wait, target, waiting| {
        let queue = state_of::<Queue>(target)?;
        cancel(waiting, target.py())?;
        let useful = !queue.is_empty(target)?;
        queue.ledger.getters().pass_on(wait.ticket(), waiting, useful)
    },
    thrown: None,
};

static PUT: WaitKind = WaitKind {
    name: "Queue.put",
    begin: put,
    resume: |wait, target| {
        drop(state_of::<Queue>(target)?.ledger.putters().remove(wait.ticket()));
        put(wait, target)
    },
    leave: |wait, target, waiting| {
        let queue = state_of::<Queue>(target)?;
        cancel(waiting, target.py())?;
        let useful = !queue.is_full(target)?;
        queue.ledger.putters().pass_on(wait.ticket(), waiting, useful)
    },
    thrown: None,
};

static JOIN: WaitKind = WaitKind {
    name: "Queue.join",
    begin: |wait, target| {
        let queue = state_of::<Queue>(target)?;
        if queue.ledger.unfinished() <= 0 {
            return none(target);
        }
        let event = queue.finished(target.py())?;
        wait.value.set(event.clone());
        match try_state::<Event>(&event) {
            Some(state) => match state.join(&event)? {
                Progress::Done(_) => none(target),
                waits @ Progress::Waits(..) => Ok(waits),
            },
            None => none(target),
        }
    },
    resume: |wait, target| {
        leave_event(wait, target.py());
        none(target)
    },
    leave: |wait, target, _| {
        leave_event(wait, target.py());
        Ok(())
    },
    thrown: None,
};

fn get<'py>(target: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
    let queue = state_of::<Queue>(target)?;
    if queue.is_empty(target)? {
        if queue.ledger.is_shut_down() {
            return Err(shut_down(target.py()));
        }
        return queue.common.join(target, queue.ledger.getters());
    }
    if queue.common.plain.get() {
        return queue.get_now(target).map(Progress::Done);
    }
    target.call_method0(intern!(target.py(), "get_nowait")).map(Progress::Done)
}

fn put<'py>(wait: &Wait, target: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
    let (queue, py) = (state_of::<Queue>(target)?, target.py());
    if queue.is_full(target)? {
        if queue.ledger.is_shut_down() {
            return Err(shut_down(py));
        }
        return queue.common.join(target, queue.ledger.putters());
    }
    let item = wait.value.bind(py).unwrap_or_else(|| py.None().into_bound(py));
    if queue.common.plain.get() {
        queue.put_now(target, &item)?;
        return none(target);
    }
    call_method1(target, intern!(py, "put_nowait"), &item).map(Progress::Done)
}

fn leave_event(wait: &Wait, py: Python<'_>) {
    if let Some(event) = wait.value.bind(py)
        && let Some(event) = try_state::<Event>(&event)
    {
        drop(event.inner.waiters().remove(wait.ticket()));
    }
}

/// Cancels a future that nobody completed, so that it does not stay pending.
fn cancel(waiting: &FutureInQueue, py: Python<'_>) -> PyResult<()> {
    waiting.future().bind(py).call_method0(intern!(py, "cancel")).map(drop)
}

fn shut_down(py: Python<'_>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    match CLASS.known(py, "ferrio.queues", "QueueShutDown") {
        Ok(class) => PyErr::from_type(class.clone(), ()),
        Err(error) => error,
    }
}

impl Native for Queue {
    const NAME: &'static CStr = c"ferrio._ferrio.Queue";
    const DOC: &'static CStr = c"A queue for tasks: the native part.";
    const NEW: New = Some(object::new::<Queue>);

    holds!(common.event_loop, maxsize, finished, items, ledger.getters(), ledger.putters());

    fn members() -> Members {
        members! { Queue;
            light method c"put_nowait" c"Put an item, or raise QueueFull." => put_nowait;
            light method c"get_nowait" c"Take an item, or raise QueueEmpty." => get_nowait;
            light method c"put" c"Put an item, once there is room. A coroutine." => put;
            light method c"get" c"Take an item, once there is one. A coroutine; gives the item." => get;
            light method c"qsize" c"How many items there are." => qsize;
            light method c"empty" c"Whether there is none." => empty;
            light method c"full" c"Whether there is no room." => full;
            light method c"task_done" c"The work for one item that was taken is done." => task_done;
            light method c"join" c"Wait until the work for all items is done. A coroutine." => join;
            bare c"_get" c"Take an item out of the store. May be overridden." => get_item;
            one c"_init" c"Make the store. May be overridden." => init_items;
            one c"_put" c"Put an item into the store. May be overridden." => put_item;
            method c"shutdown" c"Have put() raise QueueShutDown, and get() once it is empty; if immediate, empty it." => shutdown;
            method c"_start" c"Sets it up: maxsize, order, and whether no method that native code would call is \
                    overridden." => start;
            attribute c"maxsize" => maxsize_attribute;
            attribute c"_maxsize" => maxsize_attribute, set_maxsize;
            field c"_loop" => common.event_loop;
            attribute c"_queue" => queue_attribute, set_queue_attribute;
            shown c"_getters" => ledger.getters();
            shown c"_putters" => ledger.putters();
            shown c"_unfinished_tasks" => ledger.unfinished(), set_unfinished_attribute;
            attribute c"_finished" => finished_attribute;
            shown c"_is_shutdown" => ledger.is_shut_down(), set_shutdown_attribute;
        }
    }
}
