//! `Event`: asyncio's, on the engine's.

use std::ffi::CStr;

use ferrio_engine::sync;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi as raw;
use pyo3::prelude::*;

use super::wait::{Common, FutureInQueue, HasCommon, Progress, Wait, WaitKind, futures_of};
use super::yes;
use crate::ffi::args::Args;
use crate::ffi::heap_type::{Native, try_state};
use crate::ffi::held::holds;
use crate::ffi::members::{Members, members};
use crate::ffi::object;

/// The state of an event.
#[derive(Default)]
pub(crate) struct Event {
    common: Common,
    pub(crate) inner: sync::Event<FutureInQueue>,
}

impl Event {
    /// A wait for it, which joins the queue. For whoever waits on behalf of another object too.
    pub(crate) fn join<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
        if self.inner.is_set() {
            return yes(this);
        }
        let future = self.common.create_future(this)?;
        let ticket = self.inner.waiters().push(FutureInQueue::new(&future));
        Ok(Progress::Waits(future, ticket))
    }

    fn start(&self, _: &Bound<'_, PyAny>, plain: &Bound<'_, PyAny>) -> PyResult<()> {
        self.common.plain.set(plain.is_truthy()?);
        Ok(())
    }

    fn is_set(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        args.bind("is_set", [], 0)?;
        Ok(self.inner.is_set())
    }

    fn set(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        args.bind("set", [], 0)?;
        self.inner.set()
    }

    fn unset(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        args.bind("clear", [], 0)?;
        self.inner.clear();
        Ok(())
    }

    fn wait(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.bind("wait", [], 0)?;
        Wait::create(this, &WAIT, None)
    }

    fn waiters_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        futures_of(this.py(), self.inner.waiters())
    }

    fn value_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.inner.is_set())
    }

    fn set_value_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.inner.put(value.is_truthy()?);
        Ok(())
    }
}

static WAIT: WaitKind = WaitKind {
    name: "Event.wait",
    begin: |_, target| event(target)?.join(target),
    resume: |wait, target| {
        drop(event(target)?.inner.waiters().remove(wait.ticket()));
        yes(target)
    },
    leave: |wait, target, _| {
        drop(event(target)?.inner.waiters().remove(wait.ticket()));
        Ok(())
    },
    thrown: None,
};

fn event<'a>(target: &'a Bound<'_, PyAny>) -> PyResult<&'a Event> {
    try_state::<Event>(target).ok_or_else(|| PyTypeError::new_err("not an event"))
}

impl HasCommon for Event {
    fn common(&self) -> &Common {
        &self.common
    }
}

impl Native for Event {
    const NAME: &'static CStr = c"ferrio._ferrio.Event";
    const DOC: &'static CStr = c"A flag that tasks wait for: the native part.";
    const NEW: Option<raw::newfunc> = Some(object::new::<Event>);

    holds!(common.event_loop, inner.waiters());

    fn members() -> Members {
        members! { Event;
            light {
                c"is_set" c"Whether the flag is set." => is_set,
                c"set" c"Set the flag; whoever waits goes on." => set,
                c"clear" c"Take the flag down." => unset,
                c"wait" c"Wait until the flag is set. A coroutine; gives True." => wait,
            }
            one {
                c"_start" c"Sets it up: whether no method that native code would call is overridden." => start,
            }
            attributes {
                c"_loop" => loop_attribute, set_loop_attribute;
                c"_value" => value_attribute, set_value_attribute;
                c"_waiters" => waiters_attribute;
            }
        }
    }
}
