//! The Rust door of ferrio. Its files have asyncio's names: whoever knows asyncio knows where to look.
//!
#![doc = include_str!("../README.md")]

mod awaiting;
mod channels;
mod closing;
#[cfg(any(feature = "futures-io", feature = "tokio", feature = "hyper"))]
pub mod compat;
mod datagrams;
mod events;
mod exceptions;
mod failures;
pub mod fs;
mod futures;
mod gathering;
mod guest;
#[cfg(feature = "http")]
pub mod http;
mod locks;
mod many;
mod pool;
mod queues;
mod rate_limiter;
mod runners;
mod scopes;
mod shielding;
pub mod signals;
mod sleeping;
mod spared;
#[cfg(feature = "tls")]
pub mod ssl;
mod steps;
mod streams;
pub mod subprocess;
mod surroundings;
mod taskgroups;
mod tasks;
pub mod testing;
mod threads;
mod timeouts;
#[doc(hidden)]
pub mod together;
#[cfg_attr(not(feature = "tracing"), path = "untraced.rs")]
mod traced;
mod waiting;
mod watchdog;
mod woken;
mod words;

pub use channels::{Receiver, SendError, Sender, TryRecvError, TrySendError, channel};
pub use datagrams::{DatagramEndpoint, create_datagram_endpoint};
pub use events::{EventLoop, get_running_loop};
pub use exceptions::{Cancelled, Elapsed, JoinError};
pub use failures::ErrorGroup;
/// ```
/// #[ferrio::main(watchdog = "1s")]
/// async fn main() -> std::io::Result<()> {
///     ferrio::sleep(std::time::Duration::from_millis(1)).await;
///     Ok(())
/// }
/// ```
///
#[cfg(feature = "macros")]
pub use ferrio_macros::main;
/// ```
/// use std::time::Duration;
///
/// #[ferrio::test(virtual_clock)]
/// async fn an_hour_takes_no_time() {
///     ferrio::sleep(Duration::from_secs(3600)).await;
/// }
/// ```
///
#[cfg(feature = "macros")]
pub use ferrio_macros::test;
pub use futures::{Promise, Promised, create_future};
pub use gathering::{Gather, Race, TryGather, gather, race, try_gather};
pub use guest::{Guest, Rest};
pub use locks::{
    Barrier, BoundedSemaphore, BrokenBarrierError, Condition, ConditionGuard, Event, Lock, LockGuard,
    Semaphore, SemaphoreGuard,
};
pub use many::run_many;
pub use pool::CpuPool;
pub use queues::{GetError, LifoQueue, PriorityQueue, PutError, Queue, QueueShutDown};
pub use rate_limiter::RateLimiter;
pub use runners::{Builder, Runner, run};
pub use scopes::{Scope, ScopedJoinHandle, TryScope, scope, try_scope};
pub use shielding::{Finally, Shield, finally, shield};
pub use signals::{Signal, ctrl_c, signal};
pub use sleeping::{Sleep, sleep, yield_now};
pub use streams::{
    PeerAddress, ReadError, Server, ServerBuilder, Stream, StreamReader, StreamWriter, open_connection,
    open_unix_connection, start_server, start_unix_server,
};
pub use subprocess::{create_subprocess_exec, create_subprocess_shell};
pub use taskgroups::TaskGroup;
pub use tasks::{JoinHandle, TaskInfo, all_tasks, create_task, current_task};
pub use threads::{Remote, to_thread};
pub use timeouts::{Interval, Timeout, interval, timeout, timeout_at};
pub use waiting::{AsCompleted, ReturnWhen, as_completed, wait, wait_until};

/// The guide's Rust, which is run as this crate's examples are.
#[cfg(all(doctest, feature = "http"))]
#[allow(rustdoc::invalid_codeblock_attributes, reason = "the title of a file, for the site")]
#[doc = include_str!("../../../docs/rust.md")]
struct Guide;
