//! `_tls`: a TLS transport over nothing yet, of an `SSLObject` that Python code had its context make.

use ferrio_engine::transport::Layer;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::event_loop::state::BaseLoop;
use crate::ffi::args::{Args, given};
use crate::ffi::members::{Members, members};
use crate::net::sslproto::bio::{Buffered, Plainly};
use crate::net::sslproto::direct::Direct;
use crate::net::sslproto::session::Cipher;
use crate::net::sslproto::sides::{Parts, TlsSides};
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
        let plainly: Plainly = plainly.extract()?;
        let inner = given(inner);
        let session = match (given(incoming), given(outgoing)) {
            (Some(incoming), Some(outgoing)) => {
                Cipher::Buffered(Buffered::new(&object, inner, incoming, outgoing, plainly))
            }
            _ => Cipher::Direct(direct(&object, inner, plainly)?),
        };
        let sides = TlsSides::new(&Parts {
            event_loop: this,
            protocol: &protocol,
            ssl_context: &context,
            object: &object,
            waiter: given(waiter),
            handshake_timeout: &handshake,
            shutdown_timeout: &shutdown,
            accepted: accepted.is_truthy()?,
            context: given(calls_in),
        })?;
        let layer = Layer::new(session, sides, !server_side.is_truthy()?, known.is_truthy()?);
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
