//! The number from Python 3.14 on: an int in the task's own memory, as tools find one by its address.
//!
//! An int that was made for each task would cost a third of all that tools need: 86 of the 6,260 instructions of a task's
//! life. So it is built in place, of the words that an int of the interpreter's is made of, which are looked at when the
//! extension is imported, and believed once the interpreter reads such ints as it should.
//!
//! Invariant INTERNAL: nobody but the base's struct holds a reference, which is not counted, since the int says that it is
//! immortal, as None does; the collector, which would show it to whoever asks for a task's references, does not see it.

use std::cell::UnsafeCell;
use std::mem::size_of;
use std::ptr;
use std::sync::OnceLock;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyInt;

/// The words before the digits, of which one has 30 bits: a number needs one or two.
struct Template {
    short: [usize; HEAD],
    long: [usize; HEAD],
}

const HEAD: usize = 3;
const BITS: u32 = 30;

static TEMPLATE: OnceLock<Template> = OnceLock::new();

/// See the module above; 0 until there is one.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Number {
    /// All null where ints are not known, and where there is no number. Written before anybody can have the address.
    head: UnsafeCell<[usize; HEAD]>,
    digits: UnsafeCell<[u32; 2]>,
}

impl Number {
    pub(crate) fn set(&self, number: u64) {
        let made = TEMPLATE
            .get()
            .map_or(Number { digits: digits(number), ..Number::default() }, |template| template.make(number));
        // SAFETY: ATTACHED, and no borrow outlives a method of this type.
        unsafe {
            *self.head.get() = made.head.into_inner();
            *self.digits.get() = made.digits.into_inner();
        }
    }

    pub(crate) fn get(&self) -> u64 {
        // SAFETY: as in `set`.
        let [low, high] = unsafe { *self.digits.get() };
        u64::from(high) << BITS | u64::from(low)
    }

    /// What the interpreter makes of it.
    fn is_read_as(&self, number: u64) -> bool {
        // SAFETY: ATTACHED; looks like an int, or the interpreter says that it is none.
        unsafe {
            let read = ffi::PyLong_AsUnsignedLongLong(self.as_object());
            ffi::PyErr_Clear();
            read == number
        }
    }

    /// The number as an int, which lives as long as this does (INTERNAL); null where there is none.
    pub(crate) fn as_object(&self) -> *mut ffi::PyObject {
        // SAFETY: as in `set`.
        let known = unsafe { (*self.head.get())[0] != 0 };
        if known { ptr::from_ref(self).cast_mut().cast() } else { ptr::null_mut() }
    }
}

impl Template {
    fn make(&self, number: u64) -> Number {
        let head = if number < 1 << BITS { self.short } else { self.long };
        Number { head: UnsafeCell::new(head), digits: digits(number) }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "30 bits each: nobody counts to 2^60")]
fn digits(number: u64) -> UnsafeCell<[u32; 2]> {
    UnsafeCell::new([(number & ((1 << BITS) - 1)) as u32, (number >> BITS) as u32])
}

/// Looks what ints are made of.
pub(crate) fn prepare(py: Python<'_>) {
    // SAFETY: ATTACHED; an int of one or two digits is as long as a `Number`, at least; so is None, up to its type.
    unsafe {
        let head_of = |number: &Bound<'_, PyInt>| {
            let mut head = number.as_ptr().cast::<[usize; HEAD]>().read();
            head[0] = py.None().as_ptr().cast::<usize>().read();
            head
        };
        if size_of::<ffi::PyObject>() == 2 * size_of::<usize>()
            && size_of::<Number>() == 4 * size_of::<usize>()
        {
            let (short, long) = (PyInt::new(py, (1 << BITS) - 1), PyInt::new(py, 1_u64 << (2 * BITS - 1)));
            let template = Template { short: head_of(&short), long: head_of(&long) };
            let trials = [1, (1 << BITS) - 1, 1 << BITS, (1 << (2 * BITS)) - 1];
            if trials.into_iter().all(|number| template.make(number).is_read_as(number)) {
                TEMPLATE.get_or_init(|| template);
            }
        }
    }
}
