//! What inbox and tasks share between threads, by one name: tests/loom.rs compiles both with loom's in their place, and tries
//! every order in which threads can meet.

pub(crate) use std::cell::Cell;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard};
