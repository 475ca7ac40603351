//! `Socks`: what is said to a SOCKS 5 proxy until a connection is the peer's, without I/O.
//!
//! The handshake is `ferrio_http::proxies`'; Python's `ferrio.http.socks` has the transport and the exceptions.

use ferrio_http::proxies::Socks5;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::types::PyBytes;

use crate::ffi::buffers::Exported;
use crate::ffi::object::{constructed_slots, new};
use crate::ffi::prelude::*;

/// See the module.
#[derive(Default)]
pub(crate) struct Socks {
    handshake: RefCell<Option<Socks5>>,
    /// What came and makes no whole answer yet.
    rest: RefCell<Vec<u8>>,
}

impl Constructed for Socks {
    /// `HttpSocks(host, port, credentials=None)`: to whom the proxy is to connect; a name and a password.
    fn init(&self, _: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        let [host, port, credentials] = given.bind("HttpSocks", ["host", "port", "credentials"], 2)?;
        let (Some(host), Some(port)) = (host, port) else { return Ok(()) };
        let credentials: Option<(String, String)> = credentials.map_or(Ok(None), |pair| pair.extract())?;
        let pair = credentials.as_ref().map(|(name, password)| (&name[..], &password[..]));
        let handshake = Socks5::new(&host.extract::<String>()?, port.extract()?, pair);
        self.handshake.replace(Some(handshake.map_err(refused)?));
        Ok(())
    }
}

impl Socks {
    fn begin(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let mut out = Vec::new();
        self.with(|handshake, _| handshake.begin(&mut out))?;
        PyBytes::new(this.py(), &out).into_py_any(this.py())
    }

    /// `advance(data)`: what is to be sent, and whether the connection is the peer's now.
    fn advance(&self, _: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let (py, data) = (data.py(), Exported::new(data, false)?);
        let mut out = Vec::new();
        let done = self.with(|handshake, rest| {
            rest.extend_from_slice(data.as_ref());
            let (used, done) = handshake.advance(rest, &mut out).map_err(refused)?;
            rest.drain(..used);
            if done && !rest.is_empty() {
                // Whoever is behind the proxy has not been asked anything yet.
                return Err(PyValueError::new_err("bytes came through the proxy without a request"));
            }
            Ok(done)
        })??;
        (PyBytes::new(py, &out), done).into_py_any(py)
    }

    fn with<R>(&self, ask: impl FnOnce(&mut Socks5, &mut Vec<u8>) -> R) -> PyResult<R> {
        match (self.handshake.try_borrow_mut().as_deref_mut(), self.rest.try_borrow_mut()) {
            (Ok(Some(handshake)), Ok(mut rest)) => Ok(ask(handshake, &mut rest)),
            _ => Err(PyRuntimeError::new_err("HttpSocks.__init__() was not called")),
        }
    }
}

fn refused(error: ferrio_http::proxies::SocksError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

impl Native for Socks {
    const NAME: &'static CStr = c"ferrio._ferrio.HttpSocks";
    const DOC: &'static CStr = c"What is said to a SOCKS 5 proxy.";
    const NEW: New = Some(new::<Socks>);

    holds!();

    fn members() -> Members {
        constructed_slots::<Socks>().and(members! { Socks;
            bare c"begin" c"What is said first." => begin;
            one c"advance" c"Read bytes: what is to be sent, and whether the connection is the peer's now." => advance;
        })
    }
}
