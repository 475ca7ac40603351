//! The runtimes: one file each, which exports the same names, and in it the programs once more (`programs/`), so that whether
//! a task has to be `Send` is checked for each of them.
//!
//! `run(main)`; `Task`, `spawn`, `join`, `detach`; `sleep`, `yield_now`, `in_thread`; `Shared` (`Rc`, or `Arc` where tasks may
//! move); `Lock`, `acquire`; `Semaphore`, `permit`; `Sender`, `Receiver`, `channel`, `send`, `receive`; `Stream`, `serve`,
//! `echo`, `hello`.

mod compio;
mod ferrio;
mod monoio;
mod smol;
mod tokio_any;
mod tokio_local;
mod yielding;

use crate::measured::Measured;

/// A runtime's name on the command line and in the table, and what has the programs.
pub struct Runtime {
    pub name: &'static str,
    /// What of it a child is to use: a driver, or a flavour.
    pub kind: Kind,
    pub measure: fn(Kind, &str, usize) -> Option<Measured>,
    /// What it is, for the table's head.
    pub what: &'static str,
}

/// What a runtime's file is to use, where it can do with more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Epoll,
    Uring,
    OneThread,
    TwoThreads,
}

pub const RUNTIMES: [Runtime; 9] = [
    Runtime { name: "ferrio", kind: Kind::Epoll, measure: ferrio::measure, what: "this door, epoll" },
    Runtime {
        name: "tokio_local",
        kind: Kind::OneThread,
        measure: tokio_local::measure,
        what: "LocalRuntime",
    },
    Runtime { name: "tokio", kind: Kind::OneThread, measure: tokio_any::measure, what: "current_thread" },
    Runtime {
        name: "tokio_multi",
        kind: Kind::TwoThreads,
        measure: tokio_any::measure,
        what: "multi_thread, 2 workers",
    },
    Runtime {
        name: "smol",
        kind: Kind::Epoll,
        measure: smol::measure,
        what: "LocalExecutor, async-io's epoll",
    },
    Runtime { name: "compio", kind: Kind::Epoll, measure: compio::measure, what: "epoll" },
    Runtime { name: "compio_uring", kind: Kind::Uring, measure: compio::measure, what: "io_uring" },
    Runtime { name: "monoio", kind: Kind::Epoll, measure: monoio::measure, what: "LegacyDriver, epoll" },
    Runtime { name: "monoio_uring", kind: Kind::Uring, measure: monoio::measure, what: "IoUringDriver" },
];

/// Of that name.
pub fn find(name: &str) -> Option<&'static Runtime> {
    RUNTIMES.iter().find(|runtime| runtime.name == name)
}
