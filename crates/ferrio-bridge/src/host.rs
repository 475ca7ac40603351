//! `Host`: a loop of Python's that this extension has a guest in.
//!
//! ```text
//! Python's loop ──reader──▶ Driver ──▶ Host ──▶ Guest        owns: the guest goes when the loop lets go of its reader
//!       ▲                               │ └──▶ Due           what `call_soon` and `call_at` are given
//!       └────────── weakly ─────────────┘
//! ```
//!
//! The thread's table and what is handed out know the host weakly or hold it without harm: the guest is closed with the loop.
//! Whatever is done within a guest ends with `rest`, or its tasks would wait for the next one to come by.

use std::cell::{Cell, OnceCell, RefCell};
use std::os::fd::{AsRawFd, RawFd};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use ferrio::{Guest, Rest};
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyWeakrefMethods, PyWeakrefReference};

use crate::confined::{Confined, thread_number, while_freed};
use crate::contexts;
use crate::names::{empty_context, running_loop};

thread_local!(static HOSTS: RefCell<Vec<Weak<Host>>> = const { RefCell::new(Vec::new()) });

/// Calls `call` with ferrio's loop as the running one, for a `#[pyfunction]` that starts tasks or connections and is no future
/// itself. Python's loop has to run on this thread.
///
/// # Errors
/// Where no loop of Python's runs, or the system refuses what a guest needs.
///
/// ```no_run
/// use std::time::Duration;
///
/// use pyo3::prelude::*;
///
/// #[pyfunction]
/// fn tick(py: Python<'_>) -> PyResult<()> {
///     ferrio_bridge::enter(py, || {
///         let ticking = ferrio::create_task(async {
///             loop {
///                 println!("tick");
///                 ferrio::sleep(Duration::from_secs(1)).await;
///             }
///         });
///         ticking.detach();
///     })
/// }
/// ```
pub fn enter<R>(py: Python<'_>, call: impl FnOnce() -> R) -> PyResult<R> {
    Ok(Host::running(py)?.run(py, call))
}

/// See the module.
pub(crate) struct Host {
    guest: Guest,
    /// Where the loop is. Nobody else is there as long as the guest is open.
    address: usize,
    event_loop: Py<PyWeakrefReference>,
    /// Set as soon as there is a host to call.
    due: OnceCell<Py<Due>>,
    /// `context=`, empty: a turn is nobody's in particular.
    named: Py<PyDict>,
    /// Whether a turn was asked for with `call_soon`.
    soon: Cell<bool>,
    /// When a turn was asked for with `call_at`, and its handle.
    alarm: RefCell<Option<(f64, Py<PyAny>)>>,
    pub(crate) home: Arc<Home>,
}

/// What any thread may know of a host.
pub(crate) struct Home {
    thread: u64,
    pub(crate) remote: ferrio::Remote,
}

impl Home {
    pub(crate) fn is_here(&self) -> bool {
        self.thread == thread_number()
    }
}

impl Host {
    /// That of the loop which runs on this thread.
    pub(crate) fn running(py: Python<'_>) -> PyResult<Rc<Self>> {
        let event_loop = running_loop(py)?;
        Self::of(&event_loop).map_or_else(|| Self::new(&event_loop), Ok)
    }

    /// That of `event_loop`, if there is one already.
    pub(crate) fn of(event_loop: &Bound<'_, PyAny>) -> Option<Rc<Self>> {
        let address = event_loop.as_ptr() as usize;
        HOSTS.with_borrow(|hosts| {
            hosts.iter().filter_map(Weak::upgrade).find(|host| host.address == address && host.is_open())
        })
    }

    fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Rc<Self>> {
        let py = event_loop.py();
        let weak = PyWeakrefReference::new(event_loop)?;
        let guest = Guest::new(clock(weak.clone().unbind()))?.with_surroundings(contexts::copy);
        let named = PyDict::new(py);
        let context = empty_context(py)?;
        named.set_item(intern!(py, "context"), &context)?;
        let home = Arc::new(Home { thread: thread_number(), remote: guest.remote() });
        let host = Rc::new(Host {
            guest,
            address: event_loop.as_ptr() as usize,
            event_loop: weak.unbind(),
            due: OnceCell::new(),
            named: named.unbind(),
            soon: Cell::new(false),
            alarm: RefCell::new(None),
            home,
        });
        let due = Py::new(py, Due(Confined::new(Rc::downgrade(&host))))?;
        let _first_time = host.due.set(due);
        if let Some(fd) = host.guest.descriptor().map(|descriptor| descriptor.as_raw_fd()) {
            let driver = Py::new(py, Driver { host: Confined::new(host.clone()), fd })?;
            let add_reader = event_loop.getattr(intern!(py, "add_reader"))?;
            context.call_method1(intern!(py, "run"), (add_reader, fd, driver))?;
        }
        HOSTS.with_borrow_mut(|hosts| {
            hosts.retain(|host| host.upgrade().is_some_and(|host| host.is_open()));
            hosts.push(Rc::downgrade(&host));
        });
        Ok(host)
    }

    /// The loop, as long as it is there.
    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.bind(py).upgrade()
    }

    /// Calls `call` within the guest.
    pub(crate) fn run<R>(&self, py: Python<'_>, call: impl FnOnce() -> R) -> R {
        let _rests = Rests { host: self, py };
        self.guest.enter(call)
    }

    fn turn(&self, py: Python<'_>, polls: bool) -> PyResult<()> {
        let _rests = Rests { host: self, py };
        Ok(self.guest.turn(polls)?)
    }

    fn is_open(&self) -> bool {
        self.guest.descriptor().is_some()
    }

    /// Asks the loop for the next turn, if one is to come by itself.
    fn rest(&self, py: Python<'_>) {
        let asked = match self.guest.rest() {
            _ if !self.is_open() => Ok(()),
            Rest::Idle => Ok(()),
            Rest::Busy if self.soon.replace(true) => Ok(()),
            Rest::Busy => self.ask_soon(py),
            Rest::Until(when) => self.ask_at(py, when),
        };
        if let Err(error) = asked {
            self.soon.set(false);
            self.report(py, error);
        }
    }

    fn ask_soon(&self, py: Python<'_>) -> PyResult<()> {
        let (Some(event_loop), Some(due)) = (self.event_loop(py), self.due.get()) else { return Ok(()) };
        event_loop.call_method(intern!(py, "call_soon"), (due, true), Some(self.named.bind(py)))?;
        Ok(())
    }

    /// A turn that comes too early finds nothing to do and asks anew, which is less work than to take back an alarm each time.
    fn ask_at(&self, py: Python<'_>, when: f64) -> PyResult<()> {
        if self.alarm.borrow().as_ref().is_some_and(|(asked, _)| *asked <= when) {
            return Ok(());
        }
        let (Some(event_loop), Some(due)) = (self.event_loop(py), self.due.get()) else { return Ok(()) };
        let name = intern!(py, "call_at");
        let handle = event_loop.call_method(name, (when, due, false), Some(self.named.bind(py)))?;
        let later = self.alarm.replace(Some((when, handle.unbind())));
        if let Some((_, handle)) = later {
            handle.call_method0(py, intern!(py, "cancel"))?;
        }
        Ok(())
    }

    /// Tells of an error that is nobody's, unless the loop is closed, which explains it.
    pub(crate) fn report(&self, py: Python<'_>, error: PyErr) {
        let event_loop = self.event_loop(py);
        let is_closed = event_loop.as_ref().map_or(Ok(true), |event_loop| {
            event_loop.call_method0(intern!(py, "is_closed")).and_then(|closed| closed.is_truthy())
        });
        if !matches!(is_closed, Ok(true)) {
            error.write_unraisable(py, event_loop.as_ref());
        }
    }
}

/// The loop's own time; where that is gone or fails, what it was last.
fn clock(event_loop: Py<PyWeakrefReference>) -> impl Fn() -> f64 {
    let last = Cell::new(0.0);
    move || {
        let now = Python::try_attach(|py| {
            let event_loop = event_loop.bind(py).upgrade()?;
            event_loop.call_method0(intern!(py, "time")).and_then(|now| now.extract()).ok()
        });
        now.flatten().inspect(|now| last.set(*now)).unwrap_or(last.get())
    }
}

/// Has the guest rest when dropped, also when what ran in it panicked.
struct Rests<'a, 'py> {
    host: &'a Host,
    py: Python<'py>,
}

impl Drop for Rests<'_, '_> {
    fn drop(&mut self) {
        self.host.rest(self.py);
    }
}

/// Called when the guest's descriptor is readable; the loop's reader, and the guest's owner.
#[pyclass(frozen, module = "ferrio_bridge")]
struct Driver {
    host: Confined<Rc<Host>>,
    fd: RawFd,
}

#[pymethods]
impl Driver {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(host) = self.host.get() {
            return host.turn(py, true);
        }
        running_loop(py)?.call_method1(intern!(py, "remove_reader"), (self.fd,))?;
        Err(PyRuntimeError::new_err(
            "this event loop ran on another thread before: Rust futures that were awaited there stay there, and do not go on",
        ))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(host) = self.host.get() {
            while_freed(|_| host.guest.close());
        }
    }
}

/// Called when the guest asked for a turn.
#[pyclass(frozen, module = "ferrio_bridge")]
struct Due(Confined<Weak<Host>>);

#[pymethods]
impl Due {
    fn __call__(&self, py: Python<'_>, soon: bool) -> PyResult<()> {
        let Some(host) = self.0.get().and_then(Weak::upgrade).filter(|host| host.is_open()) else {
            return Ok(());
        };
        if soon {
            host.soon.set(false);
        } else {
            drop(host.alarm.take());
        }
        host.turn(py, false)
    }
}
