//! How a request of a WSGI application runs: the steps of its coroutine.
//!
//! ```text
//!   begin ── a thread works ──▶ returned ── one block ──▶ the exchange answers, or `sent` sends
//!     │        └─ raised, cancelled ─▶ `ended`  └─ more ─▶ `ended`: what the thread put is sent
//!     └─ on the loop: works ──────────────────────────────▶ `iterated`: each block is sent
//! ```

use super::call::{WsgiCall, close, members};
use crate::event_loop::exceptions::is_cancelled;
use crate::ffi::bound_function::BoundFunction;
use crate::ffi::call::{call3, copy_context, in_context, send_none, throw_into};
use crate::ffi::names::WSGI;
use crate::ffi::prelude::*;
use crate::http::exchange::Exchange;
use crate::http::sending;

kind!(WsgiCall, c"ferrio._ferrio.WsgiCall", c"A request of a WSGI application.", LIGHT: bool = false);

/// What a thread calls.
fn work<'py>(call: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    args.none("work")?;
    if let Some(coroutine) = try_state::<Coroutine<WsgiCall>>(call) {
        coroutine.steps.work(call)?;
    }
    Ok(call.py().None().into_bound(call.py()))
}

impl Coroutine<WsgiCall> {
    /// `respond`: the `send` of the request.
    fn respond(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let (py, call) = (this.py(), &self.steps);
        if let Some(exchange) = call.exchange.bind(py).filter(|_| call.send.is_empty()) {
            call.send.set(BoundFunction::create(&exchange, "send", sending::send)?);
        }
        Ok(call.send.object(py))
    }
}

impl WsgiCall {
    /// Calls the application in `context`; whether all is done. If not, the coroutine goes on from there.
    pub(crate) fn run_at_once(&self, this: &Bound<'_, PyAny>, context: &Bound<'_, PyAny>) -> bool {
        let answered = in_context(context, || {
            self.work(this)?;
            if self.block.is_empty() { Ok(false) } else { self.answer(this.py()) }
        });
        if let Ok(true) = answered {
            return true;
        }
        self.ahead.set(Some(answered.map(drop)));
        false
    }

    /// Has a thread work, in a copy of the context.
    fn hand_over<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let none = py.None().into_bound(py);
        let event_loop = self.event_loop.bind(py).unwrap_or_else(|| none.clone());
        let run = copy_context(py)?.bind(py).getattr(intern!(py, "run"))?;
        let submit = event_loop.getattr(intern!(py, "run_in_executor"))?;
        call3(&submit, &none, &run, &BoundFunction::create(this, "work", work)?)
    }

    fn step<'py>(&self, this: &Bound<'py, PyAny>, step: PyResult<Step<'py>>) -> PyResult<Step<'py>> {
        match step {
            Ok(Step::Return(_)) if !self.returned.replace(true) => self.worked(this),
            Ok(step) => Ok(step),
            Err(error) if !self.returned.replace(true) => self.failed(this, error),
            Err(error) => Err(error),
        }
    }

    /// The application has returned.
    fn worked<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        if self.block.is_empty() {
            let rest = if self.on_loop { intern!(py, "iterated") } else { intern!(py, "ended") };
            let step = self.leave_to(&WSGI.helper(py, rest)?.call1((this,))?);
            // `iterated` has them by now.
            drop(self.blocks.take());
            return step;
        }
        if self.answer(py)? {
            return Ok(Step::Return(py.None().into_bound(py)));
        }
        self.leave_to(&WSGI.helper(py, intern!(py, "sent"))?.call1((this,))?)
    }

    /// The application has raised, or the request was cancelled.
    fn failed<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        self.cancelled.set(is_cancelled(py, &error));
        if self.stream.is_empty() || self.on_loop {
            return Err(error);
        }
        let error = raised::value(py, &error);
        self.leave_to(&WSGI.helper(py, intern!(py, "ended"))?.call1((this, error))?)
    }

    /// Answers by the exchange; whether that could be.
    fn answer(&self, py: Python<'_>) -> PyResult<bool> {
        let object = self.exchange.bind(py);
        let Some(exchange) = object.as_ref().and_then(Exchange::of) else { return Ok(false) };
        let block = self.block.take().map(|block| block.into_bound(py));
        let headers = self.headers.take().unwrap_or_default();
        sending::send_whole(exchange, py, self.status.get(), headers, block)?;
        Ok(true)
    }

    /// Python code does the rest.
    fn leave_to<'py>(&self, coroutine: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        self.inner.set(coroutine.clone());
        send_none(coroutine)
    }
}

impl Steps for WsgiCall {
    fn name(&self) -> &'static str {
        "WSGIMiddleware.request"
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        if self.on_loop {
            self.returned.set(true);
            let worked = self.ahead.take().unwrap_or_else(|| self.work(this));
            return worked.and_then(|()| self.worked(this));
        }
        let future = self.hand_over(this)?;
        self.inner.set(call_method0(&future, intern!(this.py(), "__await__"))?);
        self.go_on(this)
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        match self.inner.bind(this.py()) {
            Some(inner) => self.step(this, send_none(&inner)),
            None => Ok(Step::Return(this.py().None().into_bound(this.py()))),
        }
    }

    fn thrown<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        match self.inner.bind(this.py()) {
            Some(inner) => self.step(this, throw_into(&inner, &raised::value(this.py(), &error))),
            None => Err(error),
        }
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        self.cancelled.set(true);
        let close = self.inner.bind(py).map(|inner| inner.getattr_opt(intern!(py, "close")));
        close.transpose()?.flatten().map_or(Ok(()), |close| close.call0().map(drop))
    }

    /// An iterable that nobody came to ask for its blocks is closed all the same.
    fn end(&self, py: Python<'_>) {
        let blocks = self.blocks.take();
        self.empty();
        if let Some(Err(error)) = blocks.map(|blocks| close(&blocks.bind(py))) {
            error.write_unraisable(py, None);
        }
    }

    fn members() -> Members {
        let own = members! { Coroutine<WsgiCall>; attribute c"respond" => respond; };
        own.and(members())
    }
}
