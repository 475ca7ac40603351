//! The Python door of ferrio: the extension module `ferrio._ferrio`.
//!
//! The modules, and what the module exports besides the types and functions of `types`. What each file owns is in its head;
//! raw CPython is in `ffi` only.

#![deny(unsafe_code)]
#![allow(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "every row of a `members!` table has one signature"
)]

mod alarm;
mod awaited_by;
mod base_events;
mod children;
mod clients;
mod completions;
mod datagrams;
mod doors;
mod events;
mod exceptions;
mod ffi;
mod futures;
mod gather;
mod locks;
mod loop_time;
mod nesting;
mod operations;
mod outcome;
mod packets;
mod protocols;
mod queues;
mod rare;
mod resolver;
mod run;
mod rust_futures;
mod scratch;
mod selector_events;
mod server;
mod sleep;
mod sockets;
mod sslproto;
mod step;
mod streams;
mod support;
mod task_factory;
mod taskgroups;
mod tasks;
mod threads;
mod timeouts;
mod transports;
mod types;
mod virtual_time;
mod wait;
mod wait_for;
mod waiters;

/// How this was built, for reports; scripts/dist.sh names its builds.
const BUILD: &str = match option_env!("FERRIO_BUILD") {
    Some(build) => build,
    None if cfg!(debug_assertions) => "debug",
    None => "release",
};

/// ferrio's native part; `import ferrio` is the way in.
#[pyo3::pymodule(gil_used = true)]
mod _ferrio {
    use pyo3::prelude::*;

    use crate::base_events::BaseLoop;
    use crate::ffi::bound_method::BoundMethod;
    use crate::ffi::coroutine_method::CoroutineMethod;
    use crate::ffi::heap_type::{create, type_object};
    use crate::locks::{Condition, Lock, Semaphore};
    use crate::queues::Queue;
    use crate::streams::reader::StreamReader;
    use crate::streams::writer::StreamWriter;
    use crate::timeouts::Timeout;

    #[pymodule_export]
    use crate::clients::Clients;
    #[pymodule_export]
    use crate::ffi::registry::all;
    #[pymodule_export]
    use crate::resolver::literal_address;
    #[pymodule_export]
    use crate::rust_futures::{rust_round_trip, rust_sleep};
    #[pymodule_export]
    use crate::sslproto::proof::direct_tls;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::types::add_all(module)?;
        mark_coroutine_methods(module.py())?;
        module.add("__build__", super::BUILD)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// The methods that pass for coroutine functions.
    fn mark_coroutine_methods(py: Python<'_>) -> PyResult<()> {
        // Not those of which a program does millions: `ffi::coroutine_method` says why.
        let coroutine_methods: [(_, &[&str]); 8] = [
            (type_object::<BaseLoop>(py)?, &["sock_recv", "sock_recv_into", "sock_sendall"]),
            (type_object::<Condition>(py)?, &["wait"]),
            (type_object::<Lock>(py)?, &["__aenter__", "__aexit__"]),
            (type_object::<Queue>(py)?, &["join"]),
            (type_object::<Semaphore>(py)?, &["__aenter__", "__aexit__"]),
            (type_object::<StreamReader>(py)?, &["read", "readexactly", "readline", "readuntil"]),
            (type_object::<StreamWriter>(py)?, &["drain"]),
            (type_object::<Timeout>(py)?, &["__aenter__", "__aexit__"]),
        ];
        create::<BoundMethod>(&py.get_type::<PyAny>(), &[])?;
        create::<CoroutineMethod>(&py.get_type::<PyAny>(), &[])?;
        for (class, names) in &coroutine_methods {
            CoroutineMethod::mark(class, names)?;
        }
        Ok(())
    }
}
