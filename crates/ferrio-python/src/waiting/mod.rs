//! What waits, on tasks and futures: sleeping, gathering, timeouts, locks, queues, groups, threads.

pub(crate) mod alarm;
pub(crate) mod completions;
pub(crate) mod gather;
pub(crate) mod holders;
pub(crate) mod locks;
pub(crate) mod queues;
pub(crate) mod sleep;
pub(crate) mod taskgroups;
pub(crate) mod threads;
pub(crate) mod timeouts;
pub(crate) mod wait;
pub(crate) mod wait_for;
