//! The bridge for authors of extensions: a Rust future as a Python awaitable, and the reverse, on the program's own loop.
//!
#![doc = include_str!("../README.md")]
//!
//! * [`into_awaitable`]: what a `#[pyfunction]` gives Python to await.
//! * [`into_future`]: what a Rust future awaits of Python's.
//! * [`enter`]: ferrio's functions in a `#[pyfunction]` that is no future itself.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use pyo3::prelude::*;
//!
//! /// `await greet("Ada")` in Python.
//! #[pyfunction]
//! fn greet(py: Python<'_>, name: String) -> PyResult<Bound<'_, PyAny>> {
//!     ferrio_bridge::into_awaitable(py, async move {
//!         ferrio::sleep(Duration::from_millis(100)).await;
//!         Ok(format!("hello, {name}"))
//!     })
//! }
//!
//! #[pymodule]
//! fn greetings(module: &Bound<'_, PyModule>) -> PyResult<()> {
//!     module.add_function(wrap_pyfunction!(greet, module)?)
//! }
//! ```
//!
//! # How it works
//!
//! ```text
//! Python's loop ── steps a task ──▶ awaitable ── polls ──▶ your future ──▶ ferrio's futures ──┐
//!       ▲                               ▲ yields an asyncio future, which its waker completes   │ wait in
//!       │ reader, call_soon, call_at    └────────────────────────────────────────────────────┐  ▼
//!       └────────────────────────────────────────────────────────────────────────────── guest loop
//! ```
//!
//! A future is polled by the task that awaits it, within that task's context variables. What it waits for, of ferrio's, is in a
//! [`ferrio::Guest`]: a loop of this extension's own within Python's, which does the waiting, on the same thread. It comes with
//! the first future, and goes when Python's loop is closed. A wake-up on the loop's thread completes the awaited future there
//! and then; one from another thread takes no lock of the interpreter's.
//!
//! # What to know
//!
//! * A task that is cancelled drops the future that it awaits, at the `await` in which it is. A future that is dropped cancels
//!   what it awaits of Python's. `ferrio::finally` has the cleanup run.
//! * Tasks of `ferrio::create_task` are the guest's, not Python's: each has a copy of the context variables of whoever created
//!   it, and is dropped when Python's loop is closed.
//! * A future belongs to the thread on which it was made, and to the loop on which it was first awaited.
//! * Python's garbage collector does not look into a future. One that waits for ever and holds the very task that awaits it stays
//!   until the loop is closed.
//! * With `FERRIO_POLLER=poll` there is no guest, and the first `await` raises an `OSError` that says so.

mod awaitable;
mod awaited;
mod confined;
mod contexts;
mod host;
mod names;
mod wakes;

pub use awaitable::into_awaitable;
pub use awaited::{Awaited, into_future};
pub use host::enter;
