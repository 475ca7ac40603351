//! What Rust futures await, on the loop's own thread: tasks and times (`task`), any descriptor (`source`), sockets (`net`),
//! children (`process`) and signals (`signal`). What blocks goes to a pool of the loop's `Core`.

pub mod fs;
pub mod net;
pub mod process;
pub mod signal;
pub(crate) mod source;
pub mod task;
