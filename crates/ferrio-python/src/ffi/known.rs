//! Single classes and functions of Python's, for native code.
//!
//! Invariant KNOWN (`names`) for these: they are looked up when the package has been imported, not when they are first used. An
//! object's finalizer may run a loop for the first time while the interpreter ends, when nothing can be imported any more.

use pyo3::PyTypeCheck;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// All of these, by module. What a release or a build of Python has not got is left out.
const NAMES: [(&str, &[&str]); 20] = [
    ("_asyncio", &["_current_tasks", "_enter_task", "_leave_task", "_swap_current_task", "current_task"]),
    ("_socket", &["socket"]),
    ("asyncio", &["BufferedProtocol"]),
    ("asyncio.base_events", &["Server"]),
    ("asyncio.coroutines", &["iscoroutine"]),
    ("asyncio.events", &["_get_running_loop", "get_event_loop", "get_running_loop"]),
    ("asyncio.exceptions", &["CancelledError"]),
    ("asyncio.locks", &["_ContextManagerMixin"]),
    ("asyncio.queues", &["QueueEmpty", "QueueFull"]),
    ("asyncio.streams", &["FlowControlMixin"]),
    ("asyncio.tasks", &["current_task"]),
    ("collections", &["deque"]),
    ("ferrio.locks", &["Event", "StockCondition"]),
    ("ferrio.pipes", &["WritePipeTransport"]),
    ("ferrio.queues", &["QueueShutDown"]),
    (
        "ferrio.selector_events",
        &["AskingDatagramTransport", "AskingSocketTransport", "DatagramTransport", "SocketTransport"],
    ),
    ("ferrio.streams", &["StreamReader", "StreamReaderProtocol", "StreamWriter", "originals"]),
    ("ferrio.unix_events", &["Loop"]),
    ("heapq", &["heappop", "heappush"]),
    ("socket", &["AF_INET", "AF_INET6", "SOCK_DGRAM", "SOCK_STREAM", "socket"]),
];

/// As `NAMES`, of modules that Python may have been built without.
const OF_TLS: [(&str, &[&str]); 2] = [
    ("ferrio.sslproto", &["SSLTransport"]),
    ("ssl", &["CertificateError", "SSLError", "SSLSyscallError", "SSLWantReadError"]),
];

static FOUND: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

/// Looks all of them up. Called when the package is imported.
#[pyfunction]
#[pyo3(name = "_look_up")]
pub(crate) fn look_up(py: Python<'_>) -> PyResult<()> {
    let found = PyDict::new(py);
    let modules = py.import("sys")?.getattr("modules")?;
    for (module, names) in NAMES.iter().chain(&OF_TLS) {
        let Ok(loaded) = modules.get_item(module) else { continue };
        for name in *names {
            if let Some(object) = loaded.getattr_opt(*name)? {
                found.set_item((module, name), object)?;
            }
        }
    }
    // Who imports anew what is there keeps the first ones.
    FOUND.get_or_init(py, || found.unbind());
    Ok(())
}

/// What `module` has under `name`.
pub(crate) fn known<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    debug_assert!(
        NAMES.iter().chain(&OF_TLS).any(|(there, names)| *there == module && names.contains(&name)),
        "{module}.{name} is not in the list"
    );
    let found = FOUND.get(py).map(|found| found.bind(py).get_item((module, name))).transpose()?.flatten();
    found.map_or_else(|| py.import(module)?.getattr(name), Ok)
}

/// Places for what is known.
pub(crate) trait Place<T> {
    /// What `module` has under `name`, looked up once.
    fn known<'py>(&'py self, py: Python<'py>, module: &str, name: &str) -> PyResult<&'py Bound<'py, T>>;
}

impl<T: PyTypeCheck> Place<T> for PyOnceLock<Py<T>> {
    fn known<'py>(&'py self, py: Python<'py>, module: &str, name: &str) -> PyResult<&'py Bound<'py, T>> {
        let find = || Ok::<_, PyErr>(known(py, module, name)?.cast_into::<T>()?.unbind());
        Ok(self.get_or_try_init(py, find)?.bind(py))
    }
}
