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
mod names;
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
        crate::support::prepare(module.py())?;
        crate::run::prepare(module.py())?;
        module.add("__build__", super::BUILD)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
