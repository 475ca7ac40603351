//! What the web programs have in common: their port, how they stop, and answers that several of them give.

use std::io;
use std::time::Duration;

use ferrio::http::{Body, HeaderMap, HeaderValue, Response, Server, StatusCode, Uri, header};
use ferrio::signals::{SIGTERM, signal};

/// The port that `--port` names: 8000 without it, 0 for any free one.
///
/// # Errors
/// When the command line is another one.
pub fn port() -> io::Result<u16> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port = match arguments.as_slice() {
        [] => Ok(8000),
        [option, port] if option == "--port" => port.parse().map_err(drop),
        _ => Err(()),
    };
    port.map_err(|()| io::Error::new(io::ErrorKind::InvalidInput, "usage: [--port PORT]"))
}

/// Says where the server listens, and serves until Ctrl-C or SIGTERM; who is still there after `grace` is cut off.
///
/// # Errors
/// When signals cannot be waited for.
pub async fn serve(mut server: Server, grace: Duration) -> io::Result<()> {
    let mut terminate = signal(SIGTERM)?;
    println!("listening on http://127.0.0.1:{}", server.port());
    ferrio::race!(ferrio::ctrl_c(), async { terminate.recv().await }).await?;
    server.shut_down(grace).await;
    println!("stopped");
    Ok(())
}

/// A page.
#[must_use]
pub fn page(html: &'static str) -> Response<Body> {
    typed("text/html; charset=utf-8", html)
}

/// An answer of this type.
#[must_use]
pub fn typed(content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An answer in words.
#[must_use]
pub fn refused(status: StatusCode, why: &'static str) -> Response<Body> {
    let mut response = typed("text/plain; charset=utf-8", why);
    *response.status_mut() = status;
    response
}

/// Whether a browser asks for another site's page, which may be any that it has open.
#[must_use]
pub fn is_foreign(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).map(|origin| Uri::try_from(origin.as_bytes()));
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    match origin {
        None => false,
        Some(Ok(origin)) => origin.authority().is_none_or(|authority| authority.as_str().as_bytes() != host),
        Some(Err(_)) => true,
    }
}
