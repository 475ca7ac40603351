//! How an exchange runs: it is the coroutine of the request's task, calls the application, and sees to it that the client gets
//! an answer whatever the application does, and whatever becomes of what is reported.
//!
//! ```text
//!   begin ── app(scope, receive, send) ──▶ steps of the application's coroutine ──▶ returned, raised ──▶ the answer is whole
//! ```

use pyo3::types::PyString;

use crate::event_loop::run::both;
use crate::ffi::bound_function::BoundFunction;
use crate::ffi::call::{call3, is_native_coroutine, send_none, throw_into};
use crate::ffi::coroutine::{Life, is_ours};
use crate::ffi::prelude::*;
use crate::http::answer::is_disconnect;
use crate::http::connection::of_exchange;
use crate::http::exchange::Exchange;
use crate::http::receiving::receive;
use crate::http::socket::{Socket, Standing};
use crate::http::wsgi::app::WsgiApp;
use crate::http::wsgi::call::WsgiCall;
use crate::http::{sending, talking};

impl Exchange {
    /// Calls the application.
    fn call<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let scope = self.scope.bind(py).unwrap_or_else(|| py.None().into_bound(py));
        let app = of_exchange(self, py, |connection, _| connection.app(py))?;
        if self.is_wsgi
            && let Some(wsgi) = try_state::<WsgiApp>(&app)
        {
            let event_loop = of_exchange(self, py, |connection, _| connection.event_loop(py))?;
            return WsgiCall::create(wsgi, &scope, &event_loop, this, true);
        }
        let (receive, send) = (
            BoundFunction::create(this, "receive", receive)?,
            BoundFunction::create(
                this,
                "send",
                if self.socket.is_some() { talking::send } else { sending::send },
            )?,
        );
        let called = call3(&app, &scope, &receive, &send)?;
        if is_native_coroutine(&called) || is_ours(&called) {
            return Ok(called);
        }
        call_method0(&called, intern!(py, "__await__"))
    }

    /// Calls a WSGI application on the loop's own thread, in `context`, and answers, if its answer is one block: then no task is
    /// needed. Whether that was so; otherwise a task goes on from there.
    pub(crate) fn run_at_once(&self, this: &Bound<'_, PyAny>, context: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = this.py();
        let inner = self.call(this)?;
        let Some(call) = try_state::<Coroutine<WsgiCall>>(&inner) else { return Ok(false) };
        if !call.steps.run_at_once(&inner, context) {
            self.inner.set(inner);
            return Ok(false);
        }
        call.end(py);
        if let Some(coroutine) = try_state::<Coroutine<Exchange>>(this) {
            coroutine.end(py);
        }
        Ok(true)
    }

    /// What the application's step came to.
    fn settle<'py>(&self, this: &Bound<'py, PyAny>, step: PyResult<Step<'py>>) -> PyResult<Step<'py>> {
        let py = this.py();
        let outcome = match step {
            Ok(Step::Yield(future)) => return Ok(Step::Yield(future)),
            Ok(Step::Return(value)) if value.is_none() && self.socket.is_none() && self.is_over() => {
                return Ok(Step::Return(value));
            }
            Ok(Step::Return(value)) => self.returned(py, &value),
            // Even KeyboardInterrupt and SystemExit: one request of many ends no server. Signals set the server's own flag.
            Err(error) => self.raised(py, &error),
        };
        outcome.map(|()| Step::Return(py.None().into_bound(py)))
    }

    /// A WebSocket ends with its application.
    fn hung_up(&self, py: Python<'_>, socket: &Socket) -> PyResult<()> {
        match socket.standing() {
            Standing::Offered => self.give_up(py),
            Standing::Refusing => match talking::refuse(self, socket, py) {
                Err(error) => self.report(py, intern!(py, "raised"), &raised::value(py, &error)),
                refused => refused,
            },
            // The client's answer to the close is waited for.
            Standing::Closed => Ok(()),
            Standing::Open | Standing::Ended => of_exchange(self, py, |connection, _| connection.hang_up(py)),
        }
    }

    #[cold]
    fn returned(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Some(socket) = &self.socket {
            let reported = if socket.standing() == Standing::Offered {
                self.report(py, intern!(py, "no handshake"), value)
            } else if value.is_none() {
                Ok(())
            } else {
                self.report(py, intern!(py, "returned"), value)
            };
            return both(py, reported, self.hung_up(py, socket));
        }
        if !value.is_none() {
            let reported = self.report(py, intern!(py, "returned"), value);
            return both(py, reported, of_exchange(self, py, |connection, _| connection.close(py)));
        }
        let what =
            if self.answer.has_begun() { intern!(py, "not completed") } else { intern!(py, "not started") };
        both(py, self.report(py, what, value), self.give_up(py))
    }

    #[cold]
    fn raised(&self, py: Python<'_>, error: &PyErr) -> PyResult<()> {
        let is_gone =
            self.is_lost() || self.socket.as_ref().is_some_and(|socket| socket.standing() == Standing::Ended);
        if is_gone && is_disconnect(py, error) {
            // The application was told that its client is gone, and ended by that.
            return Ok(());
        }
        let reported = self.report(py, intern!(py, "raised"), &raised::value(py, error));
        let ended = match &self.socket {
            Some(socket) => self.hung_up(py, socket),
            None => self.give_up(py),
        };
        both(py, reported, ended)
    }

    /// The application will not finish its answer.
    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_lost() || self.answer.is_whole() {
            return Ok(());
        }
        if let Some(socket) = &self.socket {
            socket.set(Standing::Closed);
        }
        of_exchange(self, py, |connection, object| connection.fail(object, self))
    }

    fn report(&self, py: Python<'_>, kind: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        of_exchange(self, py, |connection, _| connection.report(py, kind, value))
    }

    fn left(&self, py: Python<'_>) {
        // Cannot fail but for a connection that the collector has emptied.
        let _gone = of_exchange(self, py, |connection, _| {
            connection.exchange_ended(py, self);
            Ok(())
        });
    }
}

impl Steps for Exchange {
    fn name(&self) -> &'static str {
        "RequestResponseCycle.run_asgi"
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let inner = self.inner.bind(this.py()).map_or_else(|| self.call(this), Ok);
        let step = inner.and_then(|inner| {
            self.inner.set(inner.clone());
            send_none(&inner)
        });
        self.settle(this, step)
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        match self.inner.bind(this.py()) {
            Some(inner) => self.settle(this, send_none(&inner)),
            None => Ok(Step::Return(this.py().None().into_bound(this.py()))),
        }
    }

    fn thrown<'py>(&self, this: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Step<'py>> {
        let py = this.py();
        match self.inner.bind(py) {
            Some(inner) => self.settle(this, throw_into(&inner, &raised::value(py, &error))),
            None => Err(error),
        }
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        let close = self.inner.bind(py).map(|inner| inner.getattr_opt(intern!(py, "close")));
        close.transpose()?.flatten().map_or(Ok(()), |close| close.call0().map(drop))
    }

    /// What `send` and `receive` use stays: the application may have kept them.
    fn end(&self, py: Python<'_>) {
        if self.is_wsgi
            && let Some(inner) = self.inner.bind(py)
            && let Some(call) = try_state::<Coroutine<WsgiCall>>(&inner)
            && call.life() == Life::New
        {
            // It was called ahead, and its task never began.
            call.end(py);
        }
        drop(self.inner.take());
        drop(self.scope.take());
        self.left(py);
    }

    fn members() -> Members {
        members! { Coroutine<Exchange>;
            shown c"cr_await" => steps.inner;
            shown c"scope" => steps.scope;
        }
    }
}
