//! In the place of TLS where the feature `tls` is off: there is none.

use std::io;
use std::rc::Rc;

use crate::streams::Link;

/// Nobody has one.
pub(in crate::http::client) enum Tls {}

#[allow(clippy::unused_async, reason = "as with TLS")]
pub(super) async fn open(_host: &str, _port: u16, _tls: Option<&Tls>) -> io::Result<Rc<Link>> {
    Err(unsupported())
}

#[allow(clippy::unused_async, reason = "as with TLS")]
pub(super) async fn go_on(
    _link: Rc<Link>,
    _within: bool,
    _host: &str,
    _tls: Option<&Tls>,
) -> io::Result<Rc<Link>> {
    Err(unsupported())
}

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "https needs ferrio's feature `tls`")
}
