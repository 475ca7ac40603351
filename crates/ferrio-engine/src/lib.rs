//! The engine of ferrio: one event loop for two front doors. It knows neither Python nor HTTP.
//!
//! A `Loop<H>` (`event_loop`) queues words of its door's type on a ready ring (`ready`), knows which of them runs
//! (`callback`), schedules them on a timer heap (`timers`, `clock`), takes them from other threads (`inbox`) and watches
//! descriptors (`reactor`). Everything a future needs is in the `Core` beneath it (`core`), which does not depend on the
//! word: Rust futures (`task`) are polled on the loop's own thread between whatever else is queued. What blocks goes to a
//! `pool`. On this stand, for Rust futures, any descriptor (`source`), sockets (`net`), children (`process`) and signals
//! (`signal`).

pub mod callback;
pub mod clock;
pub mod core;
pub mod event_loop;
pub mod inbox;
mod io;
pub mod net;
pub mod pool;
pub mod process;
pub mod reactor;
pub mod ready;
pub mod signal;
pub mod source;
pub mod sync;
pub mod task;
pub mod timers;
pub mod transport;

pub use crate::clock::{Clock, Time};
pub use crate::core::Core;
pub use crate::event_loop::{Door, Handle, Loop, Pace, Plan, Remote};
pub use crate::reactor::{Direction, Listener};
pub use crate::source::Source;
pub use crate::task::{Task, sleep, spawn};
pub use crate::timers::Timed;
pub use async_task::Runnable;

// The door of the integration tests, for unit tests of what is private; it names the crate from outside.
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod common;
#[cfg(test)]
extern crate self as ferrio_engine;
