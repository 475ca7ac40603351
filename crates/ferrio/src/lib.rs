//! The Rust door of ferrio. Its files have asyncio's names: whoever knows asyncio knows where to look.
//!
#![doc = include_str!("../README.md")]

#[cfg(any(feature = "futures-io", feature = "tokio", feature = "hyper"))]
pub mod compat;
mod datagrams;
mod events;
mod exceptions;
mod futures;
mod runners;
#[cfg(feature = "tls")]
pub mod ssl;
mod streams;
mod tasks;
mod threads;
mod watchdog;
mod words;

pub use datagrams::{DatagramEndpoint, create_datagram_endpoint};
pub use events::{EventLoop, get_running_loop};
pub use exceptions::{Cancelled, Elapsed};
pub use futures::{Promise, Promised, create_future};
pub use runners::{Builder, Runner, run};
pub use streams::{
    PeerAddress, ReadError, Server, ServerBuilder, Stream, StreamReader, StreamWriter, open_connection,
    open_unix_connection, start_server, start_unix_server,
};
pub use tasks::{
    JoinError, JoinHandle, Sleep, TaskInfo, all_tasks, create_task, current_task, sleep, yield_now,
};
pub use threads::{Remote, to_thread};
