//! `Confined`: a value of one thread in a Python object, which any thread may hold and free.
//!
//! Another thread gets nothing, and cannot drop it: what is left there is forgotten, unless whoever has it sends it home before.
//! Python frees an object while an exception is on its way, too: then no code of Python's may run before that is put aside.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use send_wrapper::SendWrapper;

/// See the module.
pub(crate) struct Confined<T>(Option<SendWrapper<T>>);

impl<T> Confined<T> {
    pub(crate) fn new(value: T) -> Self {
        Confined(Some(SendWrapper::new(value)))
    }

    /// The value; `None` on another thread.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref().filter(|value| value.valid()).map(|value| &**value)
    }

    /// What has to go home to be dropped; `None` where it is at home.
    pub(crate) fn take_astray(&mut self) -> Option<SendWrapper<T>> {
        self.0.take_if(|value| !value.valid())
    }
}

impl<T> Drop for Confined<T> {
    fn drop(&mut self) {
        if let Some(astray) = self.take_astray() {
            std::mem::forget(astray);
        }
    }
}

/// Calls `call`, which may run code of Python's, while an object is freed. Not when the interpreter is at its end.
pub(crate) fn while_freed(call: impl FnOnce(Python<'_>)) {
    let _at_exit = Python::try_attach(|py| {
        let on_its_way = PyErr::take(py);
        call(py);
        if let Some(error) = on_its_way {
            error.restore(py);
        }
    });
}

/// A number of this thread's own, which no later thread has; zero in one that ends.
pub(crate) fn thread_number() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(1);
    thread_local!(static NUMBER: u64 = THREADS.fetch_add(1, Ordering::Relaxed));
    NUMBER.try_with(|number| *number).unwrap_or(0)
}
