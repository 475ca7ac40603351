//! `Held`: what a native state may hold that the garbage collector has to know, and `holds!`, by which a state says what it
//! holds.

use std::cell::RefCell;
use std::collections::VecDeque;

use pyo3::prelude::*;

use super::reference::{Ref, Slot};
use super::visitor::Visitor;

/// Something with references to Python objects in it.
pub(crate) trait Held {
    /// Shows the collector all of them.
    fn show(&self, visitor: &mut Visitor<'_>);

    /// Drops the references that can be part of a cycle. A place that cannot be emptied is in no cycle that only it could break.
    fn empty(&self) {}
}

impl Held for Ref {
    fn show(&self, visitor: &mut Visitor<'_>) {
        visitor.raw(self.as_ptr());
    }
}

impl<T> Held for Py<T> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        visitor.raw(self.as_ptr());
    }
}

impl Held for Slot {
    fn show(&self, visitor: &mut Visitor<'_>) {
        visitor.raw(self.as_ptr());
    }

    #[inline]
    fn empty(&self) {
        drop(self.take());
    }
}

impl<T: Held> Held for Option<T> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        if let Some(one) = self {
            one.show(visitor);
        }
    }
}

/// With a number beside.
impl<T: Held> Held for (T, i64) {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.0.show(visitor);
    }
}

impl<T: Held> Held for Box<T> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        T::show(self, visitor);
    }
}

impl<T: Held> Held for Vec<T> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        for one in self {
            one.show(visitor);
        }
    }
}

impl<T: Held> Held for VecDeque<T> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        for one in self {
            one.show(visitor);
        }
    }
}

/// A place that is borrowed just now is in use. A later collection sees it.
impl<T: Held + Default> Held for RefCell<T> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        if let Ok(inside) = self.try_borrow() {
            inside.show(visitor);
        }
    }

    fn empty(&self) {
        // Dropped after the borrow, since that may run any code.
        drop(self.take());
    }
}

/// In an `impl Native`: where the type is kept, and what its state holds, in `holds!(field, field.part, field.part())`.
macro_rules! holds {
    ($($fields:tt)*) => {
        $crate::ffi::held::kept!();
        $crate::ffi::held::shows!($($fields)*);
    };
}

/// In an `impl Native`: what its state holds.
macro_rules! shows {
    ($($($part:ident $(($($argument:tt)*))?).+),* $(,)?) => {
        fn traverse(&self, _visitor: &mut $crate::ffi::heap_type::Visitor<'_>) {
            #[allow(unused_imports, reason = "there may be no field")]
            use $crate::ffi::held::Held as _;
            $(self.$($part $(($($argument)*))?).+.show(_visitor);)*
        }

        fn clear(&self) {
            #[allow(unused_imports, reason = "there may be no field")]
            use $crate::ffi::held::Held as _;
            $(self.$($part $(($($argument)*))?).+.empty();)*
        }
    };
}

/// `held!(Part: field, ...)`: what a part of a state holds. Emptying it empties each. For a generic part,
/// `held!([T: Bound] Part<T>: field, ...)`.
macro_rules! held {
    ($([$parameter:ident: $bound:path])? $part:ident $(<$argument:ident>)?: $($field:ident),* $(,)?) => {
        impl $(<$parameter: $bound>)? $crate::ffi::held::Held for $part $(<$argument>)? {
            fn show(&self, _visitor: &mut $crate::ffi::heap_type::Visitor<'_>) {
                $($crate::ffi::held::Held::show(&self.$field, _visitor);)*
            }

            #[inline]
            fn empty(&self) {
                $($crate::ffi::held::Held::empty(&self.$field);)*
            }
        }
    };
}

/// In an `impl Native` or `impl Steps`: where the type is kept.
macro_rules! kept {
    () => {
        fn place() -> &'static $crate::ffi::heap_type::Place {
            static PLACE: $crate::ffi::heap_type::Place = $crate::ffi::heap_type::Place::new();
            &PLACE
        }
    };
}

pub(crate) use {held, holds, kept, shows};
