//! `_tls`: a TLS transport over nothing yet, of an `SSLObject` that Python code had its context make.

use ferrio_engine::transport::Layer;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::event_loop::state::BaseLoop;
use crate::ffi::args::{Args, given, missing};
use crate::ffi::members::{Members, members};
use crate::net::base_transport::BaseTransport;
use crate::net::protocols::delivery::Delivery;
use crate::net::sslproto::bio::{Buffered, Plainly};
use crate::net::sslproto::direct::Direct;
use crate::net::sslproto::session::Cipher;
use crate::net::sslproto::sides::TlsSides;
use crate::net::sslproto::{SslTransport, proof};

impl BaseLoop {
    pub(crate) fn tls_members() -> Members {
        members! { BaseLoop;
            methods {
                c"_tls" c"A TLS transport of a class, not connected yet." => tls,
            }
        }
    }

    fn tls(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let arguments: Vec<_> = args.positional().collect();
        let Some((&[class, protocol, context, waiter, server_side, object, inner, plainly], rest)) =
            arguments.split_first_chunk()
        else {
            return Err(missing("_tls", "plainly"));
        };
        let &[incoming, outgoing, known, accepted, handshake_timeout, shutdown_timeout, calls_in] = rest
        else {
            return Err(missing("_tls", "calls_in"));
        };
        let plainly: Plainly = plainly.extract()?;
        let inner = given(Some(inner));
        let session = match (given(Some(incoming)), given(Some(outgoing))) {
            (Some(incoming), Some(outgoing)) => {
                Cipher::Buffered(Buffered::new(&object, inner, incoming, outgoing, plainly))
            }
            _ => Cipher::Direct(direct(&object, inner, plainly)?),
        };
        let calls_in = given(Some(calls_in)).map(Into::into);
        let base = BaseTransport::new(this, &protocol, given(Some(waiter)), calls_in)?;
        let timeouts = [&*handshake_timeout, &*shutdown_timeout];
        let sides =
            TlsSides::new(base, Delivery::to(&protocol)?, &context, &object, timeouts, accepted.is_truthy()?);
        let layer = Layer::new(session, sides, !server_side.is_truthy()?, known.is_truthy()?);
        SslTransport::create(&*class.cast::<PyType>()?, layer).map(Bound::unbind)
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
