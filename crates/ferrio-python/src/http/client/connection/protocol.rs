//! What transports call: the callbacks of a protocol; and the type.

use std::io;

use ferrio_http::h1::Limits;
use ferrio_http::h1::client::Connection as Machine;
use pyo3::types::PyBytes;

use super::ClientConnection;
use crate::event_loop::run::both;
use crate::ffi::buffers::Exported;
use crate::ffi::object::{Constructed, constructed_slots, new};
use crate::ffi::prelude::*;
use crate::http::client::answer::ClientAnswer;
use crate::net::protocols::delivery::{Delivery, LayerProtocol, Read};

impl Constructed for ClientConnection {
    /// `HttpClientConnection(loop, failure, max_line, max_head, max_headers, folds)`
    fn init(&self, _: &Bound<'_, PyAny>, given: crate::ffi::args::Given<'_, '_>) -> PyResult<()> {
        let names = ["loop", "failure", "max_line", "max_head", "max_headers", "folds"];
        let [event_loop, failure, line, head, headers, folds] =
            given.bind("HttpClientConnection", names, 2)?;
        let usual = Limits::default();
        let number =
            |value: Option<Bound<'_, PyAny>>, usual| value.map_or(Ok(usual), |value| value.extract());
        let limits = Limits {
            request_line: number(line, usual.request_line)?,
            head: number(head, usual.head)?,
            headers: number(headers, usual.headers)?,
            ..usual
        };
        let machine = Machine::new(limits);
        let folds = folds.map_or(Ok(false), |folds| folds.is_truthy())?;
        self.machine.replace(if folds { machine.with_folds() } else { machine });
        drop(self.event_loop.replace(event_loop.map(Ref::from)));
        drop(self.failure.replace(failure.map(Ref::from)));
        Ok(())
    }
}

impl ClientConnection {
    fn lost(&self, this: &Bound<'_, PyAny>, reason: Option<Py<PyAny>>) -> PyResult<()> {
        self.below.leave();
        // A connection that was closed by us has no exchange any more.
        both(this.py(), self.end_of_input(this, reason), self.end(this, "disconnected", None))
    }

    fn connection_made_method(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [transport] = args.all("connection_made", ["transport"])?;
        self.below.set(&transport)
    }

    fn data_received_method(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [data] = args.all("data_received", ["data"])?;
        match data.cast::<PyBytes>() {
            Ok(data) => self.feed(this, data.as_bytes()),
            Err(_) => self.feed(this, Exported::new(&data, false)?.as_ref()),
        }
    }

    fn eof_received_method(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.end_of_input(this, None)
    }

    fn connection_lost_method(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [reason] = args.all("connection_lost", ["exc"])?;
        self.lost(this, given(reason).map(Bound::unbind))
    }

    fn pause_writing_method(&self, _: &Bound<'_, PyAny>) -> PyResult<()> {
        self.room.fill();
        Ok(())
    }

    fn resume_writing_method(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.room.free(this.py())
    }

    fn close_method(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(this, "closed")
    }

    /// An answer that was not asked for yet has no exchange; one that is whole has left the connection to others.
    fn give_up_method(&self, this: &Bound<'_, PyAny>, answer: &Bound<'_, PyAny>) -> PyResult<()> {
        match state_of::<ClientAnswer>(answer)?.exchange() {
            Ok(exchange) => self.give_up(this, &exchange),
            Err(_) => self.close(this, "closed"),
        }
    }

    fn usable_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.is_usable())
    }

    fn reused_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.exchanges.get() > 1)
    }

    fn stale_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.was_stale())
    }

    fn deadline_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<f64> {
        Ok(self.deadline.get())
    }

    fn set_deadline_attribute(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.deadline.set(if value.is_none() { f64::INFINITY } else { value.extract()? });
        Ok(())
    }
}

impl LayerProtocol for ClientConnection {
    fn connection_made(&self, _: &Bound<'_, PyAny>, below: &Bound<'_, PyAny>) -> PyResult<()> {
        self.below.set(below)
    }

    fn receive(&self, this: &Bound<'_, PyAny>, read: &mut Read<'_>) -> Option<PyResult<io::Result<usize>>> {
        self.receive_body(this, read)
    }

    fn data_received(&self, this: &Bound<'_, PyAny>, data: &mut [u8]) -> PyResult<()> {
        self.feed(this, data)
    }

    fn eof_received(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.end_of_input(this, None).map(|()| false)
    }

    fn pause_writing(&self) {
        self.room.fill();
    }

    fn resume_writing(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        self.room.free(this.py())
    }

    fn connection_lost(&self, this: &Bound<'_, PyAny>, reason: Option<Py<PyAny>>) {
        if let Err(error) = self.lost(this, reason) {
            error.write_unraisable(this.py(), Some(this));
        }
    }

    fn is_below_stream(&self, _: Python<'_>) -> PyResult<bool> {
        Ok(false)
    }
}

/// The delivery to `protocol`, if that is a `ClientConnection`.
pub(crate) fn delivery_to(protocol: &Bound<'_, PyAny>) -> Option<Delivery> {
    as_layer(protocol).map(|_| Delivery::Layer(as_layer))
}

fn as_layer<'a>(protocol: &'a Bound<'_, PyAny>) -> Option<&'a dyn LayerProtocol> {
    try_state::<ClientConnection>(protocol).map(|state| state as &dyn LayerProtocol)
}

impl Native for ClientConnection {
    const NAME: &'static CStr = c"ferrio._ferrio.HttpClientConnection";
    const DOC: &'static CStr = c"A connection of an HTTP client: a protocol, on any transport.";
    const NEW: New = Some(new::<ClientConnection>);

    holds!(event_loop, failure, below, exchange, continuing, room, pool, place);

    fn members() -> Members {
        constructed_slots::<ClientConnection>().and(members! { ClientConnection;
            method c"connection_made" c"The transport is ready." => connection_made_method;
            method c"data_received" c"Bytes came." => data_received_method;
            bare c"eof_received" c"The server sends no more." => eof_received_method;
            method c"connection_lost" c"The connection is gone." => connection_lost_method;
            bare c"pause_writing" c"Too much waits to be sent." => pause_writing_method;
            bare c"resume_writing" c"There is room again." => resume_writing_method;
            method c"send" c"Write a request." => send;
            one c"write" c"Write a part of the body." => write_part;
            method c"end" c"The body is whole." => end_body;
            bare c"drain" c"Wait until there is room to write." => drain;
            bare c"wait_continue" c"Wait for 100 Continue." => wait_continue;
            bare c"upgrade" c"Hand over what has become another protocol's." => upgrade;
            bare c"close" c"Close at once." => close_method;
            one c"give_up" c"Close, unless this answer is whole and others may have the connection." => give_up_method;
            shown c"transport" => below.transport;
            shown c"loop" => event_loop;
            attribute c"usable" => usable_attribute;
            attribute c"reused" => reused_attribute;
            attribute c"stale" => stale_attribute;
            shown c"idle_since" => idle_since;
            attribute c"deadline" => deadline_attribute, set_deadline_attribute;
        })
    }
}
