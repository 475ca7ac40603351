//! Sweeps of a pool: all that is done about time. Once a second while there are connections, and at a deadline that comes earlier,
//! whatever was idle too long is closed and whatever takes too long is ended.
//!
//! Invariant: no deadline of an exchange or of a place in line is before `due`. So a request costs no timer: a deadline that is far
//! away is compared, and sweeps come to it. The timer of a sweep that an earlier one has overtaken sweeps, but is not followed by another.

use pyo3::exceptions::PyTimeoutError;
use pyo3::types::PyDict;

use super::pool::Pool;
use crate::event_loop::run::both;
use crate::ffi::prelude::*;
use crate::http::client::connection::ClientConnection;
use crate::http::client::place::Place;
use crate::tasks::any_future;

/// How many seconds are between two sweeps.
pub(super) const INTERVAL: f64 = 1.0;

/// A loop may call so much earlier than it was asked to.
const EARLY: f64 = 0.001;

impl Pool {
    /// Has a sweep come by then. A deadline that is further away than the next one is that one's to see to.
    pub(super) fn sweep_by(&self, this: &Bound<'_, PyAny>, when: f64) -> PyResult<()> {
        if when == f64::INFINITY || self.due.get().is_some_and(|due| due <= when) {
            return Ok(());
        }
        let when = when.min(self.now(this.py())? + INTERVAL);
        self.sweep_at(this, when)
    }

    /// Closes and ends what is due; sees to the next sweep.
    pub(super) fn sweep(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let now = self.now(py)?;
        self.due.set(self.due.get().filter(|due| now + EARLY < *due));
        self.swept.set(now);
        let mut next = now + INTERVAL;
        let all: Vec<Ref> = self.connections.borrow().iter().flatten().cloned().collect();
        let mut result = Ok(());
        for object in &all {
            let object = object.bind(py);
            let Some(connection) = try_state::<ClientConnection>(&object) else { continue };
            let deadline = connection.deadline.get();
            if deadline > now {
                next = next.min(deadline);
            }
            if deadline <= now {
                result = both(py, result, connection.close(&object, "timeout"));
            } else if !connection.in_use.get() && connection.idle_since.get() + self.keep_alive.get() <= now {
                result = both(py, result, connection.close(&object, "closed"));
            }
        }
        result = both(py, result, self.sweep_places(py, now, &mut next));
        both(py, result, self.sweep_later(this, next))
    }

    /// Ends waits that take too long, and drops places that nobody needs: a crawler visits any number.
    fn sweep_places(&self, py: Python<'_>, now: f64, next: &mut f64) -> PyResult<()> {
        let Some(places) = self.places.bind(py) else { return Ok(()) };
        let places = places.cast::<PyDict>()?;
        for place in places.values() {
            let Some(state) = try_state::<Place>(&place) else { continue };
            for one in state.late(now) {
                let future = one.future.bind(py);
                if !any_future::is_done(&future)? {
                    state.leave();
                    any_future::settle(&future, Some(PyTimeoutError::new_err(()).value(py).as_any()))?;
                }
            }
            *next = next.min(state.earliest(now));
            if let Some(key) = state.key.bind(py).filter(|_| state.is_empty()) {
                places.del_item(key)?;
            }
        }
        Ok(())
    }

    /// Unless there is nothing to sweep, or a sweep is due.
    pub(super) fn sweep_later(&self, this: &Bound<'_, PyAny>, when: f64) -> PyResult<()> {
        let is_empty = self.connections.borrow().len() == self.free.borrow().len() && self.used.get() == 0;
        if is_empty || self.due.get().is_some() {
            return Ok(());
        }
        self.sweep_at(this, when)
    }

    fn sweep_at(&self, this: &Bound<'_, PyAny>, when: f64) -> PyResult<()> {
        let py = this.py();
        self.due.set(Some(when));
        let sweep = this.getattr(intern!(py, "_sweep"))?;
        self.event_loop(py)?.call_method1(intern!(py, "call_at"), (when, sweep)).map(drop)
    }
}
