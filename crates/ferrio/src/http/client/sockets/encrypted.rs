//! TLS by rustls, for a client.

use std::cell::OnceCell;
use std::io;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use ferrio_engine::transport::{Descriptor, Socket};

use crate::events::LoopState;
use crate::ssl::{self, ClientContext};
use crate::streams::{Link, StreamReader, StreamWriter};

/// How much is handed on at a time: four whole records.
const PIECE: usize = 64 * 1024;

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

/// Goes on encrypted with a connection that is not, or once more `within` one that is.
pub(super) async fn go_on(
    link: Rc<Link>,
    within: bool,
    host: &str,
    tls: Option<&Tls>,
) -> io::Result<Rc<Link>> {
    let context = context(tls)?;
    let (reader, writer) = if within { stand_in(link)? } else { link }.halves();
    Ok(ssl::start_tls(reader, writer, host, &context).await?.0.0)
}

/// A connection with a socket of its own in the place of one that has none, as what is encrypted has none to give. Bytes go
/// through the kernel once more for it: proxies that are spoken to by TLS are rare.
fn stand_in(link: Rc<Link>) -> io::Result<Rc<Link>> {
    let state = LoopState::require("Client");
    let (near, far) = UnixStream::pair()?;
    let over = |socket: UnixStream| {
        socket.set_nonblocking(true)?;
        Ok::<_, io::Error>(Link::over(&state, Socket(Descriptor::owned(socket.into()))))
    };
    let (near, far) = (over(near)?, over(far)?);
    crate::create_task(async move {
        let ((from_peer, to_peer), (from_near, to_near)) = (link.halves(), near.halves());
        crate::gather!(hand_on(from_peer, to_near), hand_on(from_near, to_peer)).await;
    })
    .detach();
    Ok(far)
}

/// Until one end closes, which the other is told.
async fn hand_on(mut from: StreamReader, mut to: StreamWriter) {
    while let Ok(data) = from.read(PIECE).await {
        if data.is_empty() || to.write_all(&data).await.is_err() {
            break;
        }
    }
    to.close();
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
