//! What of asyncio's BaseEventLoop is native and no other file's: running, stopping, debug mode, attributes.

use pyo3::types::PyString;

use crate::event_loop::events::list;
use crate::event_loop::run;
use crate::event_loop::state::BaseLoop;
use crate::ffi::instances::track;
use crate::ffi::object::set_attribute;
use crate::ffi::prelude::*;

impl BaseLoop {
    /// The methods of this file.
    pub(crate) fn base_members() -> Members {
        members! { BaseLoop;
            light method c"__setattr__" c"Set an attribute, and notice one that stands in the place of a method." => set_attribute;
            light method c"__delattr__" c"The reverse of __setattr__()." => delete_attribute;
            bare c"stop" c"Stop running at the end of the present turn." => stop;
            asks c"is_running" c"Whether the loop runs." => runs();
            asks c"is_closed" c"Whether the loop was closed." => is_closed();
            asks c"get_debug" c"Whether debug mode is on." => debug;
            bare c"_run_outermost" c"Run until stop() is called, as the thread's running loop." => run_outermost;
            bare c"_run_turns" c"Run until stop() is called." => run_turns;
            bare c"_run_once" c"Run one turn." => run_once;
            bare c"_notice_time" c"Find out whether a subclass has a clock of its own." => notice_replaced;
            bare c"_poller" c"The name of the poller in use." => poller;
            bare c"_progress" c"A number that stays the same while the loop is in one callback." => progress;
            attribute c"_ready" => ready, ignore;
            attribute c"_scheduled" => scheduled, ignore;
            shown c"_closed" => is_closed(), set_closed_attribute;
            field c"_debug" => debug;
            field c"_stopping" => stopping;
            attribute c"_thread_id" => thread_attribute, set_thread_attribute;
        }
    }

    fn stop(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.stopping.set(true);
        Ok(())
    }

    fn run_outermost(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        run::outermost(self, this)
    }

    /// Runs turns until `stop()`.
    fn run_turns(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.notice_replaced(this)?;
        run::until_stopped(self, this)
    }

    /// Runs one turn; for test tools that step a loop by hand.
    fn run_once(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.notice_replaced(this)?;
        run::once(self, this)
    }

    fn poller(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let name = self.engine()?.core().reactor.name();
        Ok(PyString::new(this.py(), name).into_any().unbind())
    }

    fn ready(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let mut handles = Vec::new();
        if let Some(engine) = &*self.engine.borrow() {
            engine.ready().for_each(|word| handles.extend(word.as_handle(this.py()).inspect(track)));
        }
        list(handles, this.py())
    }

    fn scheduled(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let mut handles = Vec::new();
        if let Some(engine) = &*self.engine.borrow() {
            engine.timers().for_each(|word| handles.extend(word.as_handle(this.py())));
        }
        list(handles, this.py())
    }

    /// asyncio's constructor sets attributes whose place is taken by the engine.
    fn ignore(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(())
    }

    /// asyncio's `close()` sets this: the engine is closed with all it holds.
    fn set_closed_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_truthy()? {
            self.close_engine();
        }
        Ok(())
    }

    /// A number that stays the same while the loop is in one callback; None while it does not run, or sleeps.
    fn progress(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let engine = self.engine.borrow();
        let running = engine.as_ref().filter(|_| self.thread.borrow().is_some());
        running.and_then(|engine| engine.progress()).into_py_any(this.py())
    }

    fn thread_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.thread.borrow().as_ref().map(|thread| thread.clone_ref(this.py())))
    }

    fn set_thread_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_thread((!value.is_none()).then(|| value.clone()));
        Ok(())
    }

    /// A method, not a slot of the type: `object.__setattr__(loop, ...)` refuses to pass over a slot.
    fn set_attribute(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let ([name, value], _) = args.split("__setattr__", ["name", "value"], intern!(this.py(), ""))?;
        self.attribute_changed(this, &name, Some(&value))
    }

    fn delete_attribute(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let ([name], _) = args.split("__delattr__", ["name"], intern!(this.py(), ""))?;
        self.attribute_changed(this, &name, None)
    }

    fn attribute_changed(
        &self,
        this: &Bound<'_, PyAny>,
        name: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        set_attribute(this, name, value)?;
        let name = name.cast::<PyString>()?.to_str().unwrap_or_default();
        if ["call_soon", "call_later", "call_at", "create_future", "create_task"].contains(&name) {
            self.notice_replaced(this)?;
        }
        Ok(this.py().None())
    }
}
