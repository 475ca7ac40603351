//! `_tls`: a TLS transport over nothing yet, of an `SSLObject` that Python code had its context make.

use ferrio_engine::transport::Layer;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::event_loop::state::BaseLoop;
use crate::ffi::args::Args;
use crate::ffi::members::{Members, members};
use crate::net::server::some;
use crate::net::sslproto::bio::{Buffered, Plainly};
use crate::net::sslproto::direct::Direct;
use crate::net::sslproto::session::Cipher;
use crate::net::sslproto::sides::{Around, Parts};
use crate::net::sslproto::{SslTransport, proof};

impl BaseLoop {
    pub(crate) fn tls_members() -> Members {
        members! { BaseLoop;
            methods {
                c"_tls" c"A TLS transport of a class, not connected yet." => tls,
            }
            attributes {}
        }
    }

    fn tls(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Option<Py<PyAny>>> {
        let names = [
            "cls",
            "protocol",
            "context",
            "waiter",
            "server_side",
            "object",
            "inner",
            "plainly",
            "incoming",
            "outgoing",
            "known",
            "accepted",
            "handshake",
            "shutdown",
            "calls_in",
        ];
        let [
            Some(class),
            Some(protocol),
            Some(context),
            waiter,
            Some(server_side),
            Some(object),
            inner,
            Some(plainly),
            incoming,
            outgoing,
            Some(known),
            Some(accepted),
            Some(handshake),
            Some(shutdown),
            calls_in,
        ] = args.bind("_tls", names, names.len())?
        else {
            return Ok(None);
        };
        let py = this.py();
        let plainly: Plainly = plainly.extract()?;
        let inner = some(inner).map(|inner| inner.into_bound(py));
        let session = match (some(incoming), some(outgoing)) {
            (Some(incoming), Some(outgoing)) => {
                let (incoming, outgoing) = (incoming.into_bound(py), outgoing.into_bound(py));
                Cipher::Buffered(Buffered::new(&object, inner, incoming, outgoing, plainly))
            }
            _ => Cipher::Direct(direct(&object, inner, plainly)?),
        };
        let around = Around::new(&Parts {
            event_loop: this,
            protocol: &protocol,
            ssl_context: &context,
            object: &object,
            waiter: some(waiter).map(|waiter| waiter.into_bound(py)),
            handshake_timeout: &handshake,
            shutdown_timeout: &shutdown,
            accepted: accepted.is_truthy()?,
            context: some(calls_in).map(|context| context.into_bound(py)),
        })?;
        let layer = Layer::new(session, around, !server_side.is_truthy()?, known.is_truthy()?);
        SslTransport::create(&*class.cast::<PyType>()?, layer).map(|this| Some(this.unbind()))
    }
}

/// The direct session of an object that was made for it.
fn direct(object: &Bound<'_, PyAny>, inner: Option<Bound<'_, PyAny>>, plainly: Plainly) -> PyResult<Direct> {
    let refused =
        |reason: &str| PyRuntimeError::new_err(format!("OpenSSL cannot be called directly: {reason}"));
    let inner = inner.ok_or_else(|| refused("there is no object of _ssl"))?;
    let library = proof::library(object.py()).map_err(refused)?;
    let own = !(plainly[0] && plainly[3]);
    Direct::new(library, &inner, own.then_some(object)).ok_or_else(|| refused("no BIO can be made"))
}
