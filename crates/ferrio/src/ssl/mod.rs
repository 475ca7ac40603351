//! TLS by rustls: whom to trust and who we are (`Context`), and connections that are encrypted.
//!
//! * `context`: what stands on both sides' papers; `session`: rustls as the engine's TLS layer knows it
//! * `connection`: the layer between a transport and a flow

mod connection;
mod context;
mod session;

use std::io;

use ferrio_engine::net;
use ferrio_engine::transport::{Descriptor, Socket};

use crate::events::LoopState;
use crate::streams::{StreamReader, StreamWriter};

pub(crate) use connection::TlsConnection;
pub use context::{ClientContext, ServerContext};
pub(crate) use session::Rustls;

/// Connects to `host` and shakes hands, and gives the two halves.
///
/// # Errors
/// As [`open_connection`](crate::open_connection); when the other side is not who it should be, or the handshake fails or takes
/// more than a minute.
///
/// # Panics
/// Where no loop runs.
///
/// ```no_run
/// # async fn fetch() -> std::io::Result<()> {
/// let context = ferrio::ssl::ClientContext::new()?;
/// let (mut reader, mut writer) = ferrio::ssl::open_connection("example.org", 443, &context).await?;
/// writer.write(b"GET / HTTP/1.0\r\nHost: example.org\r\n\r\n");
/// let answer = reader.read_to_end().await?;
/// # Ok(())
/// # }
/// ```
pub async fn open_connection(
    host: &str,
    port: u16,
    context: &ClientContext,
) -> io::Result<(StreamReader, StreamWriter)> {
    let state = LoopState::require("ssl::open_connection");
    let session = context.session(host)?;
    let socket = net::connect(host, port).await?.into_inner();
    TlsConnection::start(&state, Socket(Descriptor::owned(socket.into())), session, true, &[]).await
}

/// Goes on encrypted with a connection that is not: both halves of it, which must have nothing left to send.
///
/// # Errors
/// `InvalidInput` when the halves are of two connections, or the connection is encrypted already; when the handshake fails.
///
/// # Panics
/// Where no loop runs.
pub async fn start_tls(
    reader: StreamReader,
    writer: StreamWriter,
    host: &str,
    context: &ClientContext,
) -> io::Result<(StreamReader, StreamWriter)> {
    let session = context.session(host)?;
    upgrade(reader, writer, session, true).await
}

/// The same for the side that serves.
///
/// # Errors
/// As `start_tls`.
///
/// # Panics
/// Where no loop runs.
pub async fn start_server_tls(
    reader: StreamReader,
    writer: StreamWriter,
    context: &ServerContext,
) -> io::Result<(StreamReader, StreamWriter)> {
    let session = context.session()?;
    upgrade(reader, writer, session, false).await
}

async fn upgrade(
    reader: StreamReader,
    mut writer: StreamWriter,
    session: Rustls,
    is_client: bool,
) -> io::Result<(StreamReader, StreamWriter)> {
    let state = LoopState::require("start_tls");
    writer.flush().await?;
    let stream = reader.join(writer).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, "start_tls: the halves are of two connections")
    })?;
    let (socket, early) = stream.0.detach()?;
    drop(stream);
    TlsConnection::start(&state, Socket(Descriptor::owned(socket)), session, is_client, &early).await
}
