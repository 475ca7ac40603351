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
mod announcing;
mod arrivals;
mod audit;
mod awaited_by;
mod base_events;
mod cancelling;
mod channels;
mod children;
mod clients;
mod compat;
mod completions;
mod datagrams;
mod doors;
mod events;
mod exceptions;
mod ffi;
mod futures;
mod gather;
mod holders;
mod locks;
mod loop_time;
mod marks;
mod names;
mod nesting;
mod once;
mod operations;
mod outcome;
mod packets;
mod protocols;
mod queueing;
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

use pyo3::prelude::*;

/// How this was built, for reports; scripts/dist.sh and scripts/wheels.py name their builds.
const BUILD: &str = match option_env!("FERRIO_BUILD") {
    Some(build) => build,
    None if cfg!(debug_assertions) => "debug",
    None => "release",
};

/// ferrio's native part; `import ferrio` is the way in.
#[pyo3::pymodule(gil_used = true)]
fn _ferrio(module: &Bound<'_, PyModule>) -> PyResult<()> {
    once::make(module, fill)
}

fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    types::add_all(module)?;
    support::prepare(module.py())?;
    support::find_task_struct(module.py())?;
    run::prepare(module.py())?;
    module.add_class::<announcing::Announcing>()?;
    module.add_class::<clients::Clients>()?;
    module.add_function(wrap_pyfunction!(ffi::registry::all, module)?)?;
    module.add_function(wrap_pyfunction!(awaited_by::ask, module)?)?;
    module.add_function(wrap_pyfunction!(holders::record, module)?)?;
    module.add_function(wrap_pyfunction!(arrivals::count, module)?)?;
    module.add_function(wrap_pyfunction!(arrivals::counted, module)?)?;
    module.add_function(wrap_pyfunction!(ffi::task_struct::as_dict, module)?)?;
    module.add_function(wrap_pyfunction!(resolver::literal_address, module)?)?;
    module.add_function(wrap_pyfunction!(rust_futures::rust_round_trip, module)?)?;
    module.add_function(wrap_pyfunction!(rust_futures::rust_sleep, module)?)?;
    module.add_function(wrap_pyfunction!(sslproto::proof::direct_tls, module)?)?;
    module.add("__build__", BUILD)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
