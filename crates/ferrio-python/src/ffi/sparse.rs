//! `SparseSlots`: places for references that few objects fill, in a box that is made when the first is filled.
//!
//! An idle connection that was accepted has none of them, and servers may have many thousands of those. Until then they take
//! one word together: four take 24 bytes more of the 632 of `idle_memory`.

use std::cell::OnceCell;

use pyo3::prelude::*;

use super::answer::{Attribute, Field};
use super::heap_type::Visitor;
use super::held::Held;
use super::reference::{Ref, Slot};

/// See the module. Places go by number, below `N`.
pub(crate) struct SparseSlots<const N: usize>(OnceCell<Box<[Slot; N]>>);

impl<const N: usize> Default for SparseSlots<N> {
    fn default() -> Self {
        SparseSlots(OnceCell::new())
    }
}

impl<const N: usize> SparseSlots<N> {
    pub(crate) fn is_empty(&self, place: usize) -> bool {
        self.0.get().is_none_or(|slots| slots[place].is_empty())
    }

    /// What is there, as one more reference.
    pub(crate) fn bind<'py>(&self, py: Python<'py>, place: usize) -> Option<Bound<'py, PyAny>> {
        self.0.get()?[place].bind(py)
    }

    /// What is there, as pyo3 has it.
    pub(crate) fn object(&self, py: Python<'_>, place: usize) -> Option<Py<PyAny>> {
        self.bind(py, place).map(Bound::unbind)
    }

    /// Puts `object` there, and drops what was: last, since that may run any code.
    pub(crate) fn set(&self, place: usize, object: Option<impl Into<Ref>>) {
        if object.is_some() || self.0.get().is_some() {
            let slots = self.0.get_or_init(|| Box::new(std::array::from_fn(|_| Slot::default())));
            drop(slots[place].replace(object.map(Into::into)));
        }
    }

    pub(crate) fn take(&self, place: usize) -> Option<Ref> {
        self.0.get()?[place].take()
    }

    /// A place as an attribute shows it.
    pub(crate) fn at(&self, place: usize) -> SparseSlot<'_, N> {
        SparseSlot(self, place)
    }

    /// Empties every place.
    pub(crate) fn clear(&self) {
        self.all().for_each(|slot| drop(slot.take()));
    }

    fn all(&self) -> impl Iterator<Item = &Slot> {
        self.0.get().into_iter().flat_map(|slots| slots.iter())
    }
}

impl<const N: usize> Held for SparseSlots<N> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.all().for_each(|slot| slot.show(visitor));
    }

    fn empty(&self) {
        self.clear();
    }
}

/// One place.
pub(crate) struct SparseSlot<'a, const N: usize>(&'a SparseSlots<N>, usize);

impl<const N: usize> Attribute for SparseSlot<'_, N> {
    type As = Option<Py<PyAny>>;

    fn read_attribute(&self, py: Python<'_>) -> PyResult<Self::As> {
        Ok(self.0.object(py, self.1))
    }
}

impl<const N: usize> Field for SparseSlot<'_, N> {
    fn put(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.0.set(self.1, (!value.is_none()).then(|| value.clone()));
        Ok(())
    }
}
