//! `Clients`: the connections of a server, which it must not keep alive.
//!
//! In the place of the `WeakSet` that asyncio's `Server` has since Python 3.13, with as much of it as a server uses. A
//! `WeakSet` makes a weak reference with a callback for each connection, and one more to find it by at its end: more
//! Python than all else that runs in between. Here a dead one stays until somebody looks, or until half of them may be.

use std::collections::HashMap;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyString, PyType, PyWeakrefMethods, PyWeakrefReference};

use crate::compat;

/// So many are never worth a pass.
const FEW: usize = 64;

/// See the module.
#[pyclass(module = "ferrio._ferrio")]
#[derive(Default)]
pub(crate) struct Clients {
    /// The address is a key, which nobody follows: a new transport in a dead one's place takes over its entry. Following and
    /// dropping these references runs no code, so that a borrow of this object meets no other.
    by_address: HashMap<usize, Py<PyWeakrefReference>>,
    /// How many were alive when the dead were last taken out.
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

    /// Counts a connection in.
    fn add(this: &Bound<'_, Self>, transport: &Bound<'_, PyAny>) -> PyResult<()> {
        // First of all: this may run the collector, and so any code, before Python 3.12.
        let weak = PyWeakrefReference::new(transport)?.unbind();
        let mut this = this.try_borrow_mut()?;
        if this.by_address.len() > FEW + 2 * this.alive {
            this.tidy(transport.py());
        }
        this.by_address.insert(address(transport), weak);
        Ok(())
    }

    /// Counts it out, if it is in.
    fn discard(&mut self, transport: &Bound<'_, PyAny>) {
        self.by_address.remove(&address(transport));
    }

    /// Those that are alive.
    fn copy<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let py = this.py();
        let alive: Vec<_> = {
            let this = this.try_borrow()?;
            this.by_address.values().filter_map(|weak| weak.bind(py).upgrade()).collect()
        };
        PyList::new(py, alive)
    }

    /// How many there are: none when none is alive, otherwise perhaps some dead ones more.
    fn __len__(&mut self, py: Python<'_>) -> usize {
        if self.by_address.values().next().is_some_and(|weak| is_dead(weak, py)) {
            self.tidy(py);
        }
        self.by_address.len()
    }
}

impl Clients {
    /// Those of `server`, where it counts as asyncio's own does, so that nobody misses its methods being called.
    pub(crate) fn of<'py>(server: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, Self>>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let py = server.py();
        if !compat::SERVERS_KNOW_CLIENTS
            || !server.get_type().is(CLASS.import(py, "asyncio.base_events", "Server")?)
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
