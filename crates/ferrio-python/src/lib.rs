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

mod compat;
mod event_loop;
mod ffi;
mod http;
mod net;
mod once;
mod tasks;
mod types;
mod waiting;

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
    event_loop::support::prepare(module.py())?;
    tasks::task::prepare(module.py())?;
    event_loop::run::prepare(module.py())?;
    module.add_class::<event_loop::announcing::Announcing>()?;
    module.add_class::<net::clients::Clients>()?;
    module.add_function(wrap_pyfunction!(ffi::registry::all, module)?)?;
    module.add_function(wrap_pyfunction!(ffi::known::look_up, module)?)?;
    module.add_function(wrap_pyfunction!(tasks::call_graph::waiting_for, module)?)?;
    module.add_function(wrap_pyfunction!(waiting::holders::record, module)?)?;
    module.add_function(wrap_pyfunction!(event_loop::arrivals::count, module)?)?;
    module.add_function(wrap_pyfunction!(event_loop::arrivals::counted, module)?)?;
    module.add_function(wrap_pyfunction!(ffi::task_struct::as_dict, module)?)?;
    module.add_function(wrap_pyfunction!(http::client::fields::plain_fields, module)?)?;
    module.add_function(wrap_pyfunction!(http::client::suffixes::is_ipv4, module)?)?;
    module.add_function(wrap_pyfunction!(http::client::suffixes::is_public_suffix, module)?)?;
    module.add_function(wrap_pyfunction!(net::resolver::literal_address, module)?)?;
    module.add_function(wrap_pyfunction!(net::sslproto::proof::direct_tls, module)?)?;
    module.add("__build__", BUILD)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
