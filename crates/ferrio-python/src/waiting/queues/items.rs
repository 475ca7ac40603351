//! `Items`: what is in a queue, and in which order it comes out.
//!
//! The items are kept natively until a program reads `_queue`. From then on the items are in the object that asyncio would have:
//! a deque or a list, which the program may change. In that `queue_pair` takes 12 % more instructions. A priority queue has its
//! list from the beginning, and `heapq` sorts it.

use std::collections::VecDeque;

use pyo3::exceptions::PyIndexError;
use pyo3::types::PyList;

use crate::ffi::prelude::*;

/// Which item comes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    First,
    Least,
    Last,
}

enum Store {
    Native(VecDeque<Ref>),
    Object(Ref),
}

/// See the module.
pub(crate) struct Items {
    pub(crate) order: Cell<Order>,
    store: RefCell<Store>,
}

impl Default for Items {
    fn default() -> Self {
        Items { order: Cell::default(), store: RefCell::new(Store::Native(VecDeque::new())) }
    }
}

impl Items {
    /// Empties the store.
    pub(crate) fn reset(&self, py: Python<'_>) {
        let empty = if self.order.get() == Order::Least {
            Store::Object(PyList::empty(py).into_any().into())
        } else {
            Store::Native(VecDeque::new())
        };
        drop(self.store.replace(empty));
    }

    pub(crate) fn len(&self, py: Python<'_>) -> PyResult<usize> {
        match self.native_len() {
            Some(length) => Ok(length),
            None => self.object(py)?.len(),
        }
    }

    pub(crate) fn is_empty(&self, py: Python<'_>) -> PyResult<bool> {
        match self.native_len() {
            Some(length) => Ok(length == 0),
            None => Ok(!self.object(py)?.is_truthy()?),
        }
    }

    pub(crate) fn push(&self, item: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Store::Native(items) = &mut *self.store.borrow_mut() {
            items.push_back(item.clone().into());
            return Ok(());
        }
        let py = item.py();
        let object = self.object(py)?;
        match self.order.get() {
            Order::Least => {
                static PUSH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                PUSH.known(py, "heapq", "heappush")?.call1((object, item)).map(drop)
            }
            _ => call_method1(&object, intern!(py, "append"), item).map(drop),
        }
    }

    pub(crate) fn pop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Store::Native(items) = &mut *self.store.borrow_mut() {
            let item = if self.order.get() == Order::Last { items.pop_back() } else { items.pop_front() };
            let item = item.ok_or_else(|| PyIndexError::new_err("pop from an empty deque"));
            return item.map(|item| item.into_bound(py));
        }
        let object = self.object(py)?;
        match self.order.get() {
            Order::First => object.call_method0(intern!(py, "popleft")),
            Order::Last => object.call_method0(intern!(py, "pop")),
            Order::Least => {
                static POP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                POP.known(py, "heapq", "heappop")?.call1((object,))
            }
        }
    }

    /// The Python object with the items. From now on the items are there.
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let items: Vec<Bound<'py, PyAny>> = match &*self.store.borrow() {
            Store::Object(object) => return Ok(object.bind(py).to_owned()),
            Store::Native(items) => items.iter().map(|item| item.bind(py).to_owned()).collect(),
        };
        let list = PyList::new(py, items)?.into_any();
        let object = if self.order.get() == Order::First {
            static DEQUE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            DEQUE.known(py, "collections", "deque")?.call1((list,))?
        } else {
            list
        };
        self.set_object(&object);
        Ok(object)
    }

    pub(crate) fn set_object(&self, object: &Bound<'_, PyAny>) {
        drop(self.store.replace(Store::Object(object.clone().into())));
    }

    fn native_len(&self) -> Option<usize> {
        match &*self.store.borrow() {
            Store::Native(items) => Some(items.len()),
            Store::Object(_) => None,
        }
    }
}

impl Held for Items {
    fn show(&self, visitor: &mut Visitor<'_>) {
        match self.store.try_borrow().as_deref() {
            Ok(Store::Native(items)) => items.iter().for_each(|item| visitor.raw(item.as_ptr())),
            Ok(Store::Object(object)) => visitor.raw(object.as_ptr()),
            Err(_) => {}
        }
    }

    fn empty(&self) {
        drop(self.store.replace(Store::Native(VecDeque::new())));
    }
}
