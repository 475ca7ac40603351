//! `ClientWait`: the coroutine of everything that waits here: for a head, for a body, for room, for a connection.
//!
//! ```text
//! begin ── look: it is there ──────────────────────▶ the value
//!   └───── look: not yet; park: waits for a future ── go_on: looks again
//!                                     └─────────────── thrown, closed: leave
//! ```
//!
//! A kind says how to look, what to wait for, and what it means that nobody waits any more.

use crate::ffi::prelude::*;
use crate::ffi::stop::Stop;
use crate::tasks::any_future;
use crate::tasks::outcome::exact_outcome;

/// How one kind waits.
pub(crate) struct WaitKind {
    /// The name of the coroutine.
    pub(crate) name: &'static str,
    /// What is there, if it is. After a wait, with the future that was waited for.
    pub(crate) look: Look,
    /// What to wait for.
    pub(crate) park: for<'py> fn(&Bound<'py, PyAny>, Given<'_, 'py>) -> PyResult<Bound<'py, PyAny>>,
    /// The wait for that future is over, and the coroutine will not go on.
    pub(crate) leave: fn(&Bound<'_, PyAny>, Given<'_, '_>) -> PyResult<()>,
}

type Look = for<'py> fn(&Bound<'py, PyAny>, Given<'_, 'py>) -> PyResult<Option<Bound<'py, PyAny>>>;

/// What a wait has beside its target.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a, 'py> {
    /// The argument that it was made with.
    pub(crate) value: Option<&'a Bound<'py, PyAny>>,
    /// A number that it was made with.
    pub(crate) count: usize,
    /// The future that it waits for, or waited for.
    pub(crate) future: Option<&'a Bound<'py, PyAny>>,
}

/// See the module.
pub(crate) struct ClientWait {
    kind: &'static WaitKind,
    target: Slot,
    value: Slot,
    count: usize,
    future: Slot,
    stop: Stop,
}

impl ClientWait {
    pub(crate) fn create<'py>(
        target: &Bound<'py, PyAny>,
        kind: &'static WaitKind,
        value: Option<&Bound<'py, PyAny>>,
        count: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let wait = ClientWait {
            kind,
            target: Slot::new(target.clone().into()),
            value: value.map_or_else(Slot::default, |value| Slot::new(value.clone().into())),
            count,
            future: Slot::default(),
            stop: Stop::default(),
        };
        alloc_tracked(target.py(), Coroutine::new(wait))
    }

    fn step<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        let Some(target) = self.target.bind(py) else {
            return Ok(Step::Return(py.None().into_bound(py)));
        };
        let (value, future) = (self.value.bind(py), self.future.take());
        let future = future.map(|future| future.into_bound(py));
        let given = Given { value: value.as_ref(), count: self.count, future: future.as_ref() };
        if let Some(found) = (self.kind.look)(&target, given)? {
            return Ok(Step::Return(found));
        }
        let future = (self.kind.park)(&target, Given { future: None, ..given })?;
        self.future.set(future.clone());
        awaited(&future)?;
        Ok(Step::Yield(future))
    }
}

/// Says that a future is yielded to a task.
pub(crate) fn awaited(future: &Bound<'_, PyAny>) -> PyResult<()> {
    match exact_outcome(future) {
        Some(outcome) => {
            outcome.blocking.set(true);
            Ok(())
        }
        None => future.setattr(intern!(future.py(), "_asyncio_future_blocking"), true),
    }
}

/// A future of `event_loop`, kept in `place` until it is told.
pub(crate) fn park_in<'py>(place: &Slot, event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let future = any_future::create(event_loop)?;
    place.set(future.clone());
    Ok(future)
}

/// Wakes who waits for the future in `place`.
pub(crate) fn tell(py: Python<'_>, place: &Slot) -> PyResult<()> {
    place.take().map_or(Ok(()), |future| any_future::complete(&future.bind(py), None))
}

impl Coroutine<ClientWait> {}

held!(ClientWait: target, value, future);

kind!(ClientWait, c"ferrio._ferrio.HttpWait", c"A wait of an HTTP client, to be awaited.", KEPT: usize = 256);

impl Steps for ClientWait {
    fn name(&self) -> &'static str {
        self.kind.name
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        self.step(this.py())
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        self.step(this.py())
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        let (target, value, future) = (self.target.bind(py), self.value.bind(py), self.future.take());
        let (Some(target), Some(future)) = (target, future) else { return Ok(()) };
        let given = Given { value: value.as_ref(), count: self.count, future: Some(&future.bind(py)) };
        (self.kind.leave)(&target, given)
    }

    fn stop(&self) -> Option<&Stop> {
        Some(&self.stop)
    }

    fn members() -> Members {
        members! { Coroutine<ClientWait>;
            shown c"cr_await" => steps.future;
            shown c"_target" => steps.target;
        }
    }
}
