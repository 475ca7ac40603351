//! The loop: its state and its methods, its handles, how a turn runs, its idea of time; and the way back into Python.

pub(crate) mod announcing;
pub(crate) mod arrivals;
pub(crate) mod base_events;
pub(crate) mod events;
pub(crate) mod exceptions;
pub(crate) mod hooks;
pub(crate) mod loop_time;
pub(crate) mod queueing;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod support;
pub(crate) mod which;
