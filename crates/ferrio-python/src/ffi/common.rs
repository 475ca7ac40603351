//! `Common`: native types whose states have a part in common. An object's type says where the part is.

use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicIsize, AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::heap_type::Native;

/// The types that have an `S` in their state. `add` enters each when the extension is imported.
pub(crate) struct Common<S, const N: usize> {
    kinds: [Kind; N],
    part: PhantomData<fn() -> S>,
}

struct Kind {
    /// A native type, which is never freed; null while the place is free.
    class: AtomicPtr<ffi::PyTypeObject>,
    /// Where an instance has the part.
    offset: AtomicIsize,
}

impl Kind {
    const fn free() -> Self {
        Kind { class: AtomicPtr::new(ptr::null_mut()), offset: AtomicIsize::new(0) }
    }

    /// # Safety
    /// The object is of this type (STATE of `heap_type`), which has an `S` there (`Has`).
    #[inline]
    unsafe fn part<'a, S>(&self, object: &'a Bound<'_, PyAny>) -> &'a S {
        // SAFETY: the caller's promise.
        unsafe { &*object.as_ptr().byte_offset(self.offset.load(Ordering::Relaxed)).cast::<S>() }
    }
}

/// A native type with an `S` in its state; `has!` implements it.
///
/// # Safety
/// `OFFSET` is where the state has an `S`.
pub(crate) unsafe trait Has<S>: Native {
    const OFFSET: usize;
}

/// `has!(State, field: Part)`
macro_rules! has {
    ($state:ty, $field:ident: $part:ty) => {
        const _: fn(&$state) -> &$part = |state| &state.$field;

        // SAFETY: the line above says that the field is a `$part`.
        #[allow(unsafe_code)]
        unsafe impl $crate::ffi::common::Has<$part> for $state {
            const OFFSET: usize = std::mem::offset_of!($state, $field);
        }
    };
}

pub(crate) use has;

impl<S, const N: usize> Common<S, N> {
    pub(crate) const fn new() -> Self {
        Common { kinds: [const { Kind::free() }; N], part: PhantomData }
    }

    /// Enters the type of `T`. The type was made before.
    pub(crate) fn add<T: Has<S>>(&self) {
        let free = self.kinds.iter().find(|kind| kind.class.load(Ordering::Relaxed).is_null());
        debug_assert!(free.is_some(), "too few places");
        if let Some(kind) = free {
            kind.offset.store(T::place().offset() + T::OFFSET.cast_signed(), Ordering::Relaxed);
            kind.class.store(T::place().object(), Ordering::Relaxed);
        }
    }

    /// The part of an object of exactly one of the types. Its methods are ours, then.
    #[inline]
    pub(crate) fn exact<'a>(&self, object: &'a Bound<'_, PyAny>) -> Option<&'a S> {
        let theirs = object.get_type_ptr();
        let kind = self.kinds.iter().find(|kind| kind.class.load(Ordering::Relaxed) == theirs)?;
        // SAFETY: the object is of that type.
        Some(unsafe { kind.part(object) })
    }

    /// The part of an object of one of the types, or of a class derived from one.
    pub(crate) fn any<'a>(&self, object: &'a Bound<'_, PyAny>) -> Option<&'a S> {
        self.exact(object).or_else(|| self.derived(object))
    }

    #[cold]
    fn derived<'a>(&self, object: &'a Bound<'_, PyAny>) -> Option<&'a S> {
        let theirs = object.get_type_ptr();
        let derives = |kind: &&Kind| {
            let class = kind.class.load(Ordering::Relaxed);
            // SAFETY: ATTACHED, live types.
            !class.is_null() && unsafe { ffi::PyType_IsSubtype(theirs, class) != 0 }
        };
        let kind = self.kinds.iter().find(derives)?;
        // SAFETY: the object's type derives from that type.
        Some(unsafe { kind.part(object) })
    }
}
