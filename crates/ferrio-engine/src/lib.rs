//! The engine of ferrio: one event loop for two front doors. It knows neither Python nor HTTP.
//!
//! The folders, lowest first; each imports only from those above it in this list:
//!
//! * `reactor`: the pollers, and who waits for which descriptor
//! * `event_loop`: `Loop<H>`, which queues words of its door's type, and its turn. Everything a future needs is in the `Core`
//!   beneath it, which does not depend on the word
//! * `io`: what transports stand on, channels and flow control; `transport`: streams, packets and TLS, for protocols
//! * `futures`: what Rust futures await, polled on the loop's own thread between whatever else is queued
//! * `sync`: locks, events and queues, for futures of any door

pub mod event_loop;
mod futures;
mod io;
pub mod reactor;
pub mod sync;
pub mod transport;

pub use crate::event_loop::clock::{Clock, Time};
pub use crate::event_loop::core::Core;
pub use crate::event_loop::live::{LiveTasks, TaskId, polled, replace_polled};
pub use crate::event_loop::task::cell::Runnable;
pub use crate::event_loop::task::{Join, Task};
pub use crate::event_loop::timers::Timed;
pub use crate::event_loop::{Door, Handle, Lent, Loop, Pace, Plan, Remote, Rest, lend};
pub use crate::futures::source::Source;
pub use crate::futures::task::{sleep, spawn};
pub use crate::futures::{fs, net, process, signal, task};
pub use crate::reactor::{Direction, Listener};

// The door of the integration tests, for unit tests of what is private; it names the crate from outside.
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod common;
#[cfg(test)]
extern crate self as ferrio_engine;
