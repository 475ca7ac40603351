//! The engine of ferrio: one event loop for two front doors. It knows neither Python nor HTTP.
//!
//! A `Loop<H>` (`event_loop`) queues words of its door's type on a ready ring (`ready`), schedules them on a timer heap
//! (`timers`, `clock`), takes them from other threads (`inbox`) and watches descriptors (`reactor`). Everything a future
//! needs is in the `Core` beneath it (`core`), which does not depend on the word: Rust futures (`task`) are polled on the
//! loop's own thread between whatever else is queued. What blocks goes to a `pool`.

pub mod clock;
pub mod core;
pub mod event_loop;
pub mod inbox;
pub mod pool;
pub mod reactor;
pub mod ready;
pub mod task;
pub mod timers;

pub use crate::clock::{Clock, Time};
pub use crate::core::Core;
pub use crate::event_loop::{Handle, Loop, Plan, Remote};
pub use crate::reactor::{Direction, Listener};
pub use crate::task::{Task, sleep, spawn};
pub use crate::timers::Timed;
pub use async_task::Runnable;
