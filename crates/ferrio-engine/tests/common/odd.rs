//! `Odd`: wakers that do more than count.

use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// A waker that runs code of the program's whenever it is cloned, woken or dropped.
pub(crate) struct Odd(Rc<dyn Fn(&'static str)>);

impl Odd {
    // One of them, by whose address wakers know one another.
    const CALLS: &RawWakerVTable = {
        static CALLS: RawWakerVTable = RawWakerVTable::new(
            // SAFETY: (of all four) the data are an `Rc<Odd>`'s, which the waker holds, on one thread.
            |data| unsafe {
                let odd = ManuallyDrop::new(Rc::from_raw(data.cast::<Odd>()));
                (odd.0)("clone");
                RawWaker::new(Rc::into_raw(Rc::clone(&odd)).cast(), Odd::CALLS)
            },
            // SAFETY: as above.
            |data| unsafe { (Rc::from_raw(data.cast::<Odd>()).0)("wake") },
            // SAFETY: as above.
            |data| unsafe { (ManuallyDrop::new(Rc::from_raw(data.cast::<Odd>())).0)("wake") },
            // SAFETY: as above.
            |data| unsafe { (Rc::from_raw(data.cast::<Odd>()).0)("drop") },
        );
        &CALLS
    };

    pub(crate) fn waker(call: impl Fn(&'static str) + 'static) -> Waker {
        let odd = Rc::into_raw(Rc::new(Odd(Rc::new(call))));
        // SAFETY: as above.
        unsafe { Waker::new(odd.cast(), Odd::CALLS) }
    }
}
