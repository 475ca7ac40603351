//! `Event`: asyncio's, on the engine's.

use ferrio_engine::sync;

use super::wait::{Common, FutureInQueue, Progress, Wait, WaitKind};
use super::yes;

use crate::ffi::prelude::*;

/// The state of an event.
#[derive(Default)]
pub(crate) struct Event {
    common: Common,
    pub(crate) inner: sync::Event<FutureInQueue>,
}

impl Event {
    /// Waits for the event, in its queue. A queue's `join()` calls this, too.
    pub(crate) fn join<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Progress<'py>> {
        if self.inner.is_set() {
            return yes(this);
        }
        self.common.join(this, self.inner.waiters())
    }

    fn start(&self, _: &Bound<'_, PyAny>, plain: &Bound<'_, PyAny>) -> PyResult<()> {
        self.common.plain.set(plain.is_truthy()?);
        Ok(())
    }

    fn is_set(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        args.none("is_set")?;
        Ok(self.inner.is_set())
    }

    fn set(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        args.none("set")?;
        self.inner.set()
    }

    fn unset(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        args.none("clear")?;
        self.inner.clear();
        Ok(())
    }

    fn wait(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        args.none("wait")?;
        Wait::create(this, &WAIT, None)
    }

    fn set_value_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.inner.put(value.is_truthy()?);
        Ok(())
    }
}

static WAIT: WaitKind = WaitKind {
    name: "Event.wait",
    begin: |_, target| state_of::<Event>(target)?.join(target),
    resume: |wait, target| {
        drop(state_of::<Event>(target)?.inner.waiters().remove(wait.ticket()));
        yes(target)
    },
    leave: |wait, target, _| {
        drop(state_of::<Event>(target)?.inner.waiters().remove(wait.ticket()));
        Ok(())
    },
    thrown: None,
};

impl Native for Event {
    const NAME: &'static CStr = c"ferrio._ferrio.Event";
    const DOC: &'static CStr = c"A flag that tasks wait for: the native part.";
    const NEW: New = Some(object::new::<Event>);

    holds!(common.event_loop, inner.waiters());

    fn members() -> Members {
        members! { Event;
            light method c"is_set" c"Whether the flag is set." => is_set;
            light method c"set" c"Set the flag; whoever waits goes on." => set;
            light method c"clear" c"Take the flag down." => unset;
            light method c"wait" c"Wait until the flag is set. A coroutine; gives True." => wait;
            one c"_start" c"Sets it up: whether no method that native code would call is overridden." => start;
            field c"_loop" => common.event_loop;
            shown c"_value" => inner.is_set(), set_value_attribute;
            shown c"_waiters" => inner.waiters();
        }
    }
}
