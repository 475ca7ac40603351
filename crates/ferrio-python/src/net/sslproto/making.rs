//! `_tls`: makes a TLS transport for an `SSLObject` that Python code made. The transport below comes later.

use ferrio_engine::transport::Layer;
use pyo3::exceptions::PyRuntimeError;
use pyo3::types::PyType;

use crate::event_loop::state::BaseLoop;
use crate::ffi::prelude::*;
use crate::net::base_transport::BaseTransport;
use crate::net::protocols::delivery::Delivery;
use crate::net::sslproto::bio::{Buffered, CalledInside};
use crate::net::sslproto::direct::Direct;
use crate::net::sslproto::session::Cipher;
use crate::net::sslproto::sides::TlsSides;
use crate::net::sslproto::{SslTransport, proof};

impl BaseLoop {
    pub(crate) fn tls_members() -> Members {
        members! { BaseLoop;
            method c"_tls" c"A TLS transport of a class, not connected yet." => tls;
        }
    }

    fn tls(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let arguments: Vec<_> = args.positional().collect();
        let Some((&[class, protocol, context, waiter, server_side, object, inner, called_inside], rest)) =
            arguments.split_first_chunk()
        else {
            return Err(missing("_tls", "called_inside"));
        };
        let &[incoming, outgoing, known, accepted, handshake_timeout, shutdown_timeout, calls_in] = rest
        else {
            return Err(missing("_tls", "calls_in"));
        };
        let called_inside: CalledInside = called_inside.extract()?;
        let inner = given(inner);
        let session = match (given(incoming), given(outgoing)) {
            (Some(incoming), Some(outgoing)) => {
                Cipher::Buffered(Buffered::new(&object, inner, incoming, outgoing, called_inside))
            }
            _ => Cipher::Direct(direct(&object, inner, called_inside)?),
        };
        let calls_in = given(calls_in).map(Into::into);
        let base = BaseTransport::new(this, &protocol, given(waiter), calls_in)?;
        let timeouts = [&*handshake_timeout, &*shutdown_timeout];
        let sides =
            TlsSides::new(base, Delivery::to(&protocol)?, &context, &object, timeouts, accepted.is_truthy()?);
        let layer = Layer::new(session, sides, !server_side.is_truthy()?, known.is_truthy()?);
        SslTransport::create(&*class.cast::<PyType>()?, layer).map(Bound::unbind)
    }
}

/// A direct session for an `SSLObject`.
fn direct(
    object: &Bound<'_, PyAny>,
    inner: Option<Bound<'_, PyAny>>,
    called_inside: CalledInside,
) -> PyResult<Direct> {
    let refused =
        |reason: &str| PyRuntimeError::new_err(format!("OpenSSL cannot be called directly: {reason}"));
    let inner = inner.ok_or_else(|| refused("there is no object of _ssl"))?;
    let library = proof::library(object.py()).map_err(refused)?;
    let own = !(called_inside[0] && called_inside[3]);
    Direct::new(library, &inner, own.then_some(object)).ok_or_else(|| refused("no BIO can be made"))
}
