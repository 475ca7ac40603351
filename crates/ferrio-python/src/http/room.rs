//! `Room`: who waits until a connection has room for what they want to send. `Sent`: the coroutine of such a `send`.

use crate::ffi::call::{send_none, throw_into};
use crate::ffi::prelude::*;
use crate::http::answer::disconnect;
use crate::http::exchange::Exchange;
use crate::tasks::any_future;

/// See the module.
#[derive(Default)]
pub(crate) struct Room {
    full: Cell<bool>,
    waiting: RefCell<Vec<Ref>>,
}

held!(Room: waiting);

impl Room {
    pub(crate) fn is_full(&self) -> bool {
        self.full.get()
    }

    pub(crate) fn fill(&self) {
        self.full.set(true);
    }

    /// There is room again, or never will be: wakes who waits.
    pub(crate) fn free(&self, py: Python<'_>) -> PyResult<()> {
        self.full.set(false);
        let waiting = self.waiting.take();
        waiting.iter().try_for_each(|future| any_future::complete(&future.bind(py), None))
    }

    /// A future that ends when there is room, or never will be.
    pub(crate) fn park<'py>(&self, event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let future = any_future::create(event_loop)?;
        self.waiting.borrow_mut().push(future.clone().into());
        Ok(future)
    }

    /// What `send` of an exchange returns while there is no room: a coroutine that ends when there is.
    pub(crate) fn wait<'py>(
        &self,
        event_loop: &Bound<'py, PyAny>,
        exchange: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let future = self.park(event_loop)?;
        let (exchange, future) = (Slot::new(exchange.clone().into()), Slot::new(future.into()));
        alloc_tracked(event_loop.py(), Coroutine::new(Sent { exchange, future, inner: Slot::default() }))
    }
}

/// See the module.
pub(crate) struct Sent {
    exchange: Slot,
    future: Slot,
    /// What iterates over the future, once the wait has begun.
    inner: Slot,
}

impl Coroutine<Sent> {}

held!(Sent: exchange, future, inner);

kind!(Sent, c"ferrio._ferrio.HttpSent", c"A send() that waits for room, to be awaited.", LIGHT: bool = false);

impl Steps for Sent {
    fn name(&self) -> &'static str {
        "send"
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let Some(future) = self.future.bind(py) else { return Ok(Step::Return(py.None().into_bound(py))) };
        self.inner.set(future.call_method0(intern!(py, "__await__"))?);
        self.go_on(this)
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let step = match self.inner.bind(py) {
            Some(inner) => send_none(&inner)?,
            None => Step::Return(py.None().into_bound(py)),
        };
        let exchange = self.exchange.bind(py);
        let is_lost = exchange.as_ref().and_then(Exchange::of).is_some_and(Exchange::is_lost);
        // There is room again, or never will be.
        if is_lost && matches!(step, Step::Return(_)) { Err(disconnect()) } else { Ok(step) }
    }

    fn thrown<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        match self.inner.bind(py) {
            Some(inner) => throw_into(&inner, &raised::value(py, &error)),
            None => Err(error),
        }
    }
}
