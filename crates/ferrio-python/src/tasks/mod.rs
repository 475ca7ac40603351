//! Futures and tasks: what an outcome is, who waits for it, and how a task takes its steps.

pub(crate) mod any_future;
pub(crate) mod audit;
pub(crate) mod awaited_by;
pub(crate) mod call_graph;
pub(crate) mod callback;
pub(crate) mod cancelling;
pub(crate) mod children;
pub(crate) mod futures;
pub(crate) mod outcome;
pub(crate) mod step;
pub(crate) mod task;
pub(crate) mod task_factory;
pub(crate) mod waiters;
