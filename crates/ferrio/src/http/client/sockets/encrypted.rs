//! TLS by rustls, for a client.

use std::cell::OnceCell;
use std::io;
use std::rc::Rc;

use crate::ssl::{self, ClientContext};
use crate::streams::Link;

/// Whom to trust.
pub(in crate::http::client) struct Tls(ClientContext);

impl Tls {
    pub(in crate::http::client) fn new(context: ClientContext) -> Self {
        Tls(context.alpn(&["http/1.1"]))
    }
}

thread_local! {
    /// Of a thread's clients that were told nothing: reading what a machine trusts takes milliseconds.
    static USUAL: OnceCell<ClientContext> = const { OnceCell::new() };
}

pub(super) async fn open(host: &str, port: u16, tls: Option<&Tls>) -> io::Result<Rc<Link>> {
    let context = context(tls)?;
    Ok(ssl::open_connection(host, port, &context).await?.0.0)
}

/// Goes on encrypted with a connection that is not.
pub(super) async fn go_on(link: Rc<Link>, host: &str, tls: Option<&Tls>) -> io::Result<Rc<Link>> {
    let context = context(tls)?;
    let (reader, writer) = link.halves();
    Ok(ssl::start_tls(reader, writer, host, &context).await?.0.0)
}

fn context(tls: Option<&Tls>) -> io::Result<ClientContext> {
    if let Some(tls) = tls {
        return Ok(tls.0.clone());
    }
    USUAL.with(|kept| {
        if let Some(context) = kept.get() {
            return Ok(context.clone());
        }
        let context = usual()?.alpn(&["http/1.1"]);
        Ok(kept.get_or_init(|| context).clone())
    })
}

#[cfg(any(feature = "native-roots", feature = "webpki-roots"))]
fn usual() -> io::Result<ClientContext> {
    ClientContext::new()
}

#[cfg(not(any(feature = "native-roots", feature = "webpki-roots")))]
fn usual() -> io::Result<ClientContext> {
    let text = "nobody to trust: use the builder's `tls`, or the feature `native-roots` or `webpki-roots`";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}
