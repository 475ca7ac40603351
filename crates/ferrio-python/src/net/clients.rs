//! `Clients`: the connections of a server. The server must not keep them alive.
//!
//! It takes the place of the `WeakSet` that asyncio's `Server` has since Python 3.13, and has the methods that a server uses.
//! A `WeakSet` makes two weak references and runs a callback for each connection: with one `accept` takes 11 % more
//! instructions. Here a dead connection stays until somebody looks, or until half of them may be dead.

use std::collections::HashMap;

use pyo3::types::{PyList, PyString, PyType, PyWeakrefMethods, PyWeakrefReference};

use crate::compat;
use crate::ffi::prelude::*;

/// With fewer connections than this, dead ones are not searched for.
const FEW: usize = 64;

/// See the module.
#[pyclass(module = "ferrio._ferrio")]
#[derive(Default)]
pub(crate) struct Clients {
    /// By address, which is only a key: a new transport at the address of a dead one replaces its entry. Following or
    /// dropping these references runs no other code, so this object is never borrowed twice.
    by_address: HashMap<usize, Py<PyWeakrefReference>>,
    /// How many were alive when dead ones were last removed.
    alive: usize,
}

fn address(transport: &Bound<'_, PyAny>) -> usize {
    transport.as_ptr() as usize
}

fn is_dead(weak: &Py<PyWeakrefReference>, py: Python<'_>) -> bool {
    weak.bind(py).upgrade().is_none()
}

#[pymethods]
impl Clients {
    #[new]
    fn new() -> Self {
        Clients::default()
    }

    /// Adds a connection.
    fn add(this: &Bound<'_, Self>, transport: &Bound<'_, PyAny>) -> PyResult<()> {
        // Before the borrow: up to Python 3.11 this may run the garbage collector, and so any code.
        let weak = PyWeakrefReference::new(transport)?.unbind();
        let mut this = this.try_borrow_mut()?;
        if this.by_address.len() > FEW + 2 * this.alive {
            this.tidy(transport.py());
        }
        this.by_address.insert(address(transport), weak);
        Ok(())
    }

    /// Removes a connection, if it is there.
    fn discard(&mut self, transport: &Bound<'_, PyAny>) {
        self.by_address.remove(&address(transport));
    }

    /// The connections that are alive.
    fn copy<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let py = this.py();
        let alive: Vec<_> = {
            let this = this.try_borrow()?;
            this.by_address.values().filter_map(|weak| weak.bind(py).upgrade()).collect()
        };
        PyList::new(py, alive)
    }

    /// How many connections there are: 0 when none is alive, otherwise perhaps too many by some dead ones.
    fn __len__(&mut self, py: Python<'_>) -> usize {
        if self.by_address.values().next().is_some_and(|weak| is_dead(weak, py)) {
            self.tidy(py);
        }
        self.by_address.len()
    }
}

impl Clients {
    /// The clients of `server`, if the server is exactly asyncio's class: a subclass may need its methods called.
    pub(crate) fn of<'py>(server: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, Self>>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let py = server.py();
        if !compat::SERVERS_KNOW_CLIENTS
            || !server.get_type().is(CLASS.known(py, "asyncio.base_events", "Server")?)
        {
            return Ok(None);
        }
        let clients = server.getattr_opt(intern!(py, "_clients"))?;
        Ok(clients.and_then(|clients| clients.cast_into_exact().ok()))
    }

    /// `add`.
    pub(crate) fn count_in(this: &Bound<'_, Self>, transport: &Bound<'_, PyAny>) -> PyResult<()> {
        Clients::add(this, transport)
    }

    /// `discard`.
    pub(crate) fn count_out(this: &Bound<'_, Self>, transport: &Bound<'_, PyAny>) -> PyResult<()> {
        this.try_borrow_mut()?.discard(transport);
        Ok(())
    }

    fn tidy(&mut self, py: Python<'_>) {
        self.by_address.retain(|_, weak| !is_dead(weak, py));
        self.alive = self.by_address.len();
    }
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

/// Whether the server accepts no more. Then a new connection is an error, and the end of the last one wakes who waits.
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
