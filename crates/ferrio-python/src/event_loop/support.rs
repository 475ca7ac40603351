//! The native side's way back into Python: cold paths whose text and wording are asyncio's, kept in `ferrio._support`.

use pyo3::BoundObject;
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::compat;
use crate::event_loop::base_events::BaseLoop;
use crate::event_loop::exceptions::{EXCEPTIONS, cancelled_class, leaves_the_loop};
use crate::event_loop::names::Names;
use crate::ffi::call::call_tuple;
use crate::ffi::heap_type::try_state;
use crate::ffi::number;
use crate::ffi::raised;
use crate::ffi::task_struct::Specimens;
use crate::net::clients::Clients;

static SUPPORT: Names = Names::of("ferrio._support");

/// Sees to KNOWN, when the extension is imported.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    SUPPORT.known(py)?;
    EXCEPTIONS.known(py)?;
    cancelled_class(py).map(drop)
}

/// Sees how asyncio's own tasks lie in memory, so that tools find in ours what they look for. Where that cannot be told, they
/// do not see our tasks, and `all_tasks()` is shown them another way (`ferrio.tasks`).
pub(crate) fn find_task_struct(py: Python<'_>) -> PyResult<()> {
    number::prepare(py);
    if !compat::TASKS_ARE_LINKED {
        return Ok(());
    }
    let specimens = helper(py, intern!(py, "specimens"))?.call0()?;
    let (first, second, future, coroutine, name) = specimens.extract()?;
    match (Specimens { first, second, future, coroutine, name }).examine() {
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(()),
        result => result,
    }
}

/// A task's name is a string, whatever it was given.
pub(crate) fn task_name<'py>(name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if name.is_exact_instance_of::<PyString>() { Ok(name.clone()) } else { Ok(name.str()?.into_any()) }
}

/// A name of `ferrio._support`.
pub(crate) fn helper<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Helper<'py>> {
    SUPPORT.find(py, name).map(Helper)
}

/// A function of `ferrio._support`. It is Python code, in which a daemon thread may end: called as users' code is
/// (`ffi::call`).
pub(crate) struct Helper<'py>(Bound<'py, PyAny>);

impl<'py> Helper<'py> {
    pub(crate) fn call0(&self) -> PyResult<Bound<'py, PyAny>> {
        self.call1(())
    }

    pub(crate) fn call1(
        &self,
        arguments: impl IntoPyObject<'py, Target = PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let tuple = arguments.into_pyobject(self.0.py()).map_err(Into::into)?;
        call_tuple(&self.0, tuple.into_bound().as_any())
    }
}

impl<'py> std::ops::Deref for Helper<'py> {
    type Target = Bound<'py, PyAny>;

    fn deref(&self) -> &Bound<'py, PyAny> {
        &self.0
    }
}

/// Whether debug mode is on, for any kind of loop.
pub(crate) fn is_debug(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    match try_state::<BaseLoop>(event_loop) {
        Some(state) => Ok(state.is_debug()),
        None => event_loop.call_method0(intern!(event_loop.py(), "get_debug"))?.is_truthy(),
    }
}

/// Reports what the callback of `handle` raised to its loop's exception handler.
pub(crate) fn callback_failed(handle: &Bound<'_, PyAny>, error: &PyErr) -> PyResult<()> {
    let py = handle.py();
    helper(py, intern!(py, "callback_failed"))?.call1((handle, raised::value(py, error))).map(drop)
}

/// What the turn of `object` could not deal with goes to the handler of the loop that runs, unless it has to leave that.
#[cold]
pub(crate) fn turn_failed(object: &Bound<'_, PyAny>, error: &PyErr) -> PyResult<()> {
    let py = object.py();
    if leaves_the_loop(py, error) {
        return Err(error.clone_ref(py));
    }
    helper(py, intern!(py, "turn_failed"))?.call1((object, raised::value(py, error))).map(drop)
}

/// Reports to the loop's exception handler, as asyncio's transports do.
pub(crate) fn report(
    event_loop: &Bound<'_, PyAny>,
    message: &str,
    error: &PyErr,
    more: &[(&str, &Bound<'_, PyAny>)],
) -> PyResult<()> {
    let py = event_loop.py();
    let context = PyDict::new(py);
    context.set_item(intern!(py, "message"), message)?;
    context.set_item(intern!(py, "exception"), raised::value(py, error))?;
    for (name, value) in more {
        context.set_item(name, value)?;
    }
    event_loop.call_method1(intern!(py, "call_exception_handler"), (context,)).map(drop)
}

/// A class of `ferrio.selector_events`, looked up once.
pub(crate) fn transport_class<'py>(
    py: Python<'py>,
    place: &'static PyOnceLock<Py<PyType>>,
    name: &str,
) -> PyResult<&'py Bound<'py, PyType>> {
    place.import(py, "ferrio.selector_events", name)
}

/// Counts a connection in at its server. Since Python 3.13 a server knows its connections, before that their number.
pub(crate) fn attach(server: &Bound<'_, PyAny>, transport: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(clients) = Clients::of(server)?
        && !is_closed(server)?
    {
        return Clients::count_in(&clients, transport);
    }
    count(server, intern!(server.py(), "_attach"), transport)
}

/// Counts a connection out.
pub(crate) fn detach(server: &Bound<'_, PyAny>, transport: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(clients) = Clients::of(server)?
        && !is_closed(server)?
    {
        return Clients::count_out(&clients, transport);
    }
    count(server, intern!(server.py(), "_detach"), transport)
}

/// Whether it accepts no more: a late connection is an error then, and the end of the last one wakes who waits for it.
fn is_closed(server: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(server.getattr(intern!(server.py(), "_sockets"))?.is_none())
}

fn count(
    server: &Bound<'_, PyAny>,
    method: &Bound<'_, PyString>,
    transport: &Bound<'_, PyAny>,
) -> PyResult<()> {
    if compat::SERVERS_KNOW_CLIENTS {
        server.call_method1(method, (transport,)).map(drop)
    } else {
        server.call_method0(method).map(drop)
    }
}

/// Completes the future of whoever waits for a transport to be ready, unless they went away.
pub(crate) fn tell_ready(waiter: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = waiter.py();
    if waiter.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    waiter.call_method1(intern!(py, "set_result"), (py.None(),)).map(drop)
}
