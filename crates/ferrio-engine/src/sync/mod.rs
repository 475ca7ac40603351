//! Locks, semaphores, events, conditions, barriers and queues, for every door: what waits is a type parameter.
//!
//! `WaitQueue<W>` is the one list of who waits; each of the others is its rules and a few cells. `W` says how a waiter is
//! asked and told (`Waiter`): a Python future in Python, a Rust future with its waker (`Parked`). Who waits tries first, is
//! pushed on the queue when it has to wait, and reports how the wait ended by `claim` or `give_up`.
//!
//! Invariant: no borrow is held while a waiter is asked, told or dropped, so all of it may come back in here.

mod barrier;
mod condition;
mod event;
mod lock;
mod parked;
mod queue;
mod semaphore;
mod wait_queue;

pub use barrier::{Arrival, Barrier, BarrierBroken, BarrierState};
pub use condition::Condition;
pub use event::Event;
pub use lock::Lock;
pub use parked::Parked;
pub use queue::Ledger;
pub use semaphore::Semaphore;
pub use wait_queue::{Standing, Ticket, WaitQueue, Waiter};
