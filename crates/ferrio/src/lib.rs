#![doc = include_str!("../README.md")]
//!
//! # Files
//!
//! The names are asyncio's: whoever knows asyncio knows where to look.

mod events;
mod exceptions;
mod futures;
mod runners;
mod tasks;
mod threads;
mod watchdog;
mod words;

pub use events::{EventLoop, get_running_loop};
pub use exceptions::{Cancelled, Elapsed};
pub use futures::{Promise, Promised, create_future};
pub use runners::{Builder, Runner, run};
pub use tasks::{
    JoinError, JoinHandle, Sleep, TaskInfo, all_tasks, create_task, current_task, sleep, yield_now,
};
pub use threads::{Remote, to_thread};
