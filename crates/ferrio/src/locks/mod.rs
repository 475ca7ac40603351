//! `Lock`, `Event`, `Condition`, `Semaphore`, `BoundedSemaphore`, `Barrier`: asyncio's, on the engine's.
//!
//! All are first come, first served, and nobody overtakes who waits. They belong to one thread; tasks share them by `Rc`, children
//! of a scope by reference. What is held is held by a guard. Dropping a future that waits gives up its place, and passes on what
//! it had been told. The engine's waiters never fail here, so each call ends in `let Ok(...)`.

mod barrier;
mod condition;
mod event;
mod lock;
mod semaphore;

pub use barrier::{Barrier, BrokenBarrierError};
pub use condition::{Condition, ConditionGuard};
pub use event::Event;
pub use lock::{Lock, LockGuard};
pub use semaphore::{BoundedSemaphore, Semaphore, SemaphoreGuard};
