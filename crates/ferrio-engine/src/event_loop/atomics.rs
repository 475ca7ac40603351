//! What the inbox shares between threads, by one name: tests/loom.rs compiles the inbox with loom's in their place, and tries
//! every order in which threads can meet.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering, fence};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard};
