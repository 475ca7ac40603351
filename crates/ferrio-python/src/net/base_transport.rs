//! `BaseTransport`: the Python objects that every transport keeps. `PythonTransport`: the methods that all of them have.
//!
//! A `BaseTransport` owns the loop, the protocol, the context of the callbacks, and the few objects that only some transports
//! have. It knows no kind of transport. All callbacks of a transport run in one context: the one that was given, or a copy of
//! the context that the transport was made in. After `connection_lost` the loop and the protocol are dropped, so that a
//! closed transport is in no cycle of references. Reports have asyncio's wording.

use std::rc::Rc;

use ferrio_engine::Loop;
use ferrio_engine::transport::{Ending, Fault, Limits};
use pyo3::types::PyType;

use crate::event_loop::exceptions::leaves_the_loop;
use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::ffi::call::{copy_context, in_shared_context};
use crate::ffi::names::SELECTOR_EVENTS;
use crate::ffi::prelude::*;
use crate::ffi::sparse::SparseSlots;
use crate::net::flow_control::{GivenLimits, limits_as_tuple};
use crate::net::watching::engine_of;
use crate::tasks::any_future::complete;

/// The future that is completed when the transport is ready.
pub(crate) const WAITER: usize = 0;
/// The dictionary of `get_extra_info()`, once somebody asked.
pub(crate) const EXTRA: usize = 1;
/// The limits of the write buffer as the program gave them, if they are not plain integers.
pub(crate) const WRITE_LIMITS: usize = 2;
/// The place that each kind of transport uses for itself.
pub(crate) const OWN: usize = 3;

/// See the module.
pub(crate) struct BaseTransport {
    pub(crate) event_loop: Slot,
    pub(crate) protocol: Slot,
    context: Ref,
    pub(crate) sparse: SparseSlots<4>,
}

impl BaseTransport {
    /// Without a `context`, callbacks run in a copy of the present one.
    pub(crate) fn new(
        event_loop: &Bound<'_, PyAny>,
        protocol: &Bound<'_, PyAny>,
        waiter: Option<Bound<'_, PyAny>>,
        context: Option<Ref>,
    ) -> PyResult<Self> {
        let this = BaseTransport {
            event_loop: Slot::new(event_loop.clone().into()),
            protocol: Slot::new(protocol.clone().into()),
            context: context.map_or_else(|| copy_context(event_loop.py()), Ok)?,
            sparse: SparseSlots::default(),
        };
        this.sparse.set(WAITER, waiter);
        Ok(this)
    }

    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.bind(py)
    }

    pub(crate) fn protocol<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.protocol.bind(py)
    }

    pub(crate) fn set_protocol(&self, protocol: &Bound<'_, PyAny>) {
        self.protocol.set(protocol.clone());
    }

    /// The engine of the loop, if that is open and of our type.
    pub(crate) fn engine(&self, py: Python<'_>) -> Option<Rc<Loop<Word>>> {
        engine_of(self.event_loop(py).as_ref())
    }

    /// Calls that engine.
    pub(crate) fn on_engine<R>(&self, py: Python<'_>, tell: impl FnOnce(&Loop<Word>) -> R) -> Option<R> {
        try_state::<BaseLoop>(&self.event_loop(py)?)?.on_engine(tell)
    }

    pub(crate) fn is_debug(&self, py: Python<'_>) -> PyResult<bool> {
        self.event_loop(py).map_or(Ok(false), |event_loop| support::is_debug(&event_loop))
    }

    /// Runs `body` in the transport's context.
    pub(crate) fn inside<R>(&self, py: Python<'_>, body: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
        in_shared_context(&self.context.bind(py), body)
    }

    /// Runs `call` with the protocol, in the transport's context. Does nothing if the protocol was dropped.
    #[inline]
    pub(crate) fn call<'py>(
        &self,
        py: Python<'py>,
        call: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(protocol) = self.protocol(py) else { return Ok(None) };
        self.inside(py, || call(&protocol)).map(Some)
    }

    /// Reports the error of a callback with one argument, as if `call_soon` had called it.
    pub(crate) fn reported(
        &self,
        name: &str,
        argument: &Bound<'_, PyAny>,
        result: PyResult<()>,
    ) -> PyResult<()> {
        let py = argument.py();
        match result {
            Err(error) if !leaves_the_loop(py, &error) => {
                let (Some(event_loop), Some(protocol)) = (self.event_loop(py), self.protocol(py)) else {
                    return Ok(());
                };
                let helper = SELECTOR_EVENTS.helper(py, intern!(py, "protocol_callback_failed"))?;
                let error = raised::value(py, &error);
                let told = (event_loop, protocol, name, argument, &error, &self.context);
                raised::handling(&error, || helper.call1(told)).map(drop)
            }
            result => result,
        }
    }

    /// Calls `pause_writing()` or `resume_writing()` of the protocol.
    pub(crate) fn flow(&self, this: &Bound<'_, PyAny>, method: &str) -> PyResult<()> {
        let Some(protocol) = self.protocol(this.py()) else { return Ok(()) };
        let told = self.inside(this.py(), || protocol.call_method0(method));
        self.reported_flow(this, &protocol, method, told.map(drop))
    }

    /// Reports the error of one of these two methods of `protocol`.
    pub(crate) fn reported_flow(
        &self,
        this: &Bound<'_, PyAny>,
        protocol: &Bound<'_, PyAny>,
        method: &str,
        result: PyResult<()>,
    ) -> PyResult<()> {
        match result {
            Err(error) if !leaves_the_loop(this.py(), &error) => {
                let Some(event_loop) = self.event_loop(this.py()) else { return Ok(()) };
                let message = format!("protocol.{method}() failed");
                support::report(&event_loop, &message, &error, &[("transport", this), ("protocol", protocol)])
            }
            result => result,
        }
    }

    /// Completes the future of who waits for the transport, unless the future is done.
    pub(crate) fn tell_waiter(&self, py: Python<'_>) -> PyResult<()> {
        self.sparse.take(WAITER).map_or(Ok(()), |waiter| complete(&waiter.bind(py), None))
    }

    /// Removes the transport from the loop's table of descriptors. From Python 3.15 on weak references outlive finalizers, so
    /// that the finalizer of a transport has to call this.
    pub(crate) fn leave_table(&self, this: &Bound<'_, PyAny>, number: i32) {
        if let Some(state) = self.event_loop(this.py()).as_ref().and_then(try_state::<BaseLoop>) {
            state.transports.remove(number, this);
        }
    }

    /// The connection is lost: drops everything but what `get_extra_info()` may be asked for.
    pub(crate) fn forget(&self) {
        self.forget_protocol();
        drop(self.event_loop.take());
        drop(self.sparse.take(OWN));
    }

    /// As `forget`, but keeps the loop.
    pub(crate) fn forget_protocol(&self) {
        drop(self.protocol.take());
        drop(self.sparse.take(WAITER));
    }
}

held!(BaseTransport: event_loop, protocol, context, sparse);

/// Why a transport was lost, until the protocol is told.
impl Held for Ending<Py<PyAny>> {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.visit(|reason| reason.show(visitor));
    }

    fn empty(&self) {
        self.clear();
    }
}

/// A transport as Python sees it.
pub(crate) trait PythonTransport: Io {
    /// The default of the high limit of the write buffer, in KiB.
    const HIGH_KIB: usize = 64;

    fn base(&self) -> &BaseTransport;

    /// The limits of the write buffer.
    fn write_limits(&self) -> Limits;

    /// Sets the limits of the write buffer. This may pause the protocol at once.
    fn put_write_limits(&self, this: &Bound<'_, PyAny>, limits: Limits) -> PyResult<()>;

    fn set_write_buffer_limits(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let ([], [high, low]) = args.bind("set_write_buffer_limits", [], ["high", "low"])?;
        let given = GivenLimits::of(this.py(), high.as_deref(), low.as_deref(), Self::HIGH_KIB)?;
        self.base().sparse.set(WRITE_LIMITS, given.as_given);
        self.put_write_limits(this, given.limits)
    }

    fn get_write_buffer_limits(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        limits_as_tuple(this.py(), self.base().sparse.object(this.py(), WRITE_LIMITS), self.write_limits())
    }

    fn high_water_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.get_write_buffer_limits(this)?.bind(this.py()).get_item(1).map(Bound::unbind)
    }

    fn low_water_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.get_write_buffer_limits(this)?.bind(this.py()).get_item(0).map(Bound::unbind)
    }
}

/// A transport that a stream's writer writes to natively.
pub(crate) trait Writable {
    /// `write(data)`.
    fn write_object(&self, this: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<()>;

    fn is_closing(&self, this: &Bound<'_, PyAny>) -> PyResult<bool>;
}

/// What follows from an error of a callback: it leaves the loop, or is reported and ends the connection.
pub(crate) fn fatal(this: &Bound<'_, PyAny>, error: PyErr, message: &str) -> Fault<PyErr, Py<PyAny>> {
    let py = this.py();
    if leaves_the_loop(py, &error) {
        return Fault::Escape(error);
    }
    let value = raised::value(py, &error);
    let report = SELECTOR_EVENTS
        .helper(py, intern!(py, "fatal_error"))
        .and_then(|helper| raised::handling(&value, || helper.call1((this, &value, message))));
    match report {
        Ok(_) => Fault::Lose(value.unbind()),
        Err(error) => Fault::Escape(error),
    }
}

/// Whether `protocol` belongs to a stream, asyncio's or ours.
pub(crate) fn is_stream(protocol: &Bound<'_, PyAny>) -> PyResult<bool> {
    static MIXIN: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    protocol.is_instance(MIXIN.known(protocol.py(), "asyncio.streams", "FlowControlMixin")?)
}

/// What every transport has.
macro_rules! base_members {
    ($state:ty) => {
        members! { $state;
            bare c"close" c"Close, after what was written." => close;
            bare c"is_closing" c"Whether it is closing or closed." => is_closing;
            asks c"get_protocol" c"The protocol." => base().protocol;
            method c"set_protocol" c"Set the protocol." => set_protocol;
            shown c"_loop" => base().event_loop;
            shown c"_protocol" => base().protocol;
            field c"_stored_extra" => base().sparse.at($crate::net::base_transport::EXTRA);
        }
    };
}

/// What every transport has that receives data.
macro_rules! read_members {
    ($state:ty, $inner:ident) => {
        members! { $state;
            asks c"is_reading" c"Whether it receives data." => $inner.is_reading();
            bare c"pause_reading" c"Receive no data until resume_reading()." => pause_reading;
            bare c"resume_reading" c"Receive data again." => resume_reading;
        }
    };
}

/// What every transport has that sends data.
macro_rules! write_members {
    ($state:ty) => {
        members! { $state;
            bare c"abort" c"Close at once." => abort;
            bare c"get_write_buffer_limits" c"The limits of the write buffer: low, high." => get_write_buffer_limits;
            bare c"get_write_buffer_size" c"How many bytes wait to be written." => get_write_buffer_size;
            method c"set_write_buffer_limits" c"Set the limits of the write buffer." => set_write_buffer_limits;
        }
    };
}

/// What every transport has that has a descriptor.
macro_rules! descriptor_members {
    ($state:ty) => {
        members! { $state;
            bare c"_abandon" c"Close the descriptor and nothing else, for good." => abandon;
            bare c"_disown" c"Close the descriptor and nothing else." => disown;
            attribute c"_closing" => is_closing;
            shown c"_gone" => transport.is_gone();
            shown c"_abandoned" => transport.is_abandoned();
        }
    };
}

/// What every transport has that sends data to a descriptor.
macro_rules! buffer_members {
    ($state:ty) => {
        members! { $state;
            attribute c"_buffer" => buffer_attribute;
            attribute c"_buffer_size" => get_write_buffer_size;
            attribute c"_high_water" => high_water_attribute;
            attribute c"_low_water" => low_water_attribute;
            shown c"_conn_lost" => transport.losses();
        }
    };
}

pub(crate) use {base_members, buffer_members, descriptor_members, read_members, write_members};
