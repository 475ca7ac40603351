//! `Rare`: what few transports have at a time, in one box that is made when it is first needed.
//!
//! An idle connection that was accepted has none of it, and servers may have many thousands of those.

use std::cell::RefCell;

use pyo3::prelude::*;

use crate::ffi::heap_type::Visitor;

/// The places of the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// Told once `connection_made` was called.
    Waiter,
    /// What `get_extra_info()` answers from, once somebody asked.
    Extra,
    /// The marks of flow control, low and high, where they are other numbers than the engine's.
    Limits,
    /// Told when all is written; while it is there, only sendfile may write.
    EmptyWaiter,
}

type Items = [Option<Py<PyAny>>; 4];

/// See the module.
#[derive(Default)]
pub(crate) struct Rare {
    items: RefCell<Option<Box<Items>>>,
}

impl Rare {
    pub(crate) fn has(&self, item: Item) -> bool {
        self.items.borrow().as_ref().is_some_and(|items| items[item as usize].is_some())
    }

    pub(crate) fn get(&self, py: Python<'_>, item: Item) -> Option<Py<PyAny>> {
        self.items.borrow().as_ref()?[item as usize].as_ref().map(|object| object.clone_ref(py))
    }

    /// Puts `object` in the place of the one that is returned.
    pub(crate) fn replace(&self, item: Item, object: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
        let mut items = self.items.borrow_mut();
        if object.is_none() && items.is_none() {
            return None;
        }
        std::mem::replace(&mut items.get_or_insert_default()[item as usize], object)
    }

    pub(crate) fn take(&self, item: Item) -> Option<Py<PyAny>> {
        self.replace(item, None)
    }

    pub(crate) fn traverse(&self, visitor: &mut Visitor<'_>) {
        if let Ok(items) = self.items.try_borrow() {
            items.iter().flat_map(|items| items.iter()).for_each(|object| visitor.object(object.as_ref()));
        }
    }

    pub(crate) fn clear(&self) {
        drop(self.items.take());
    }
}
