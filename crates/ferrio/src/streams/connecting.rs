//! `open_connection` and its siblings: who is on the other end, and the halves of the connection to them.

use std::io;
use std::path::Path;

use ferrio_engine::net;
use ferrio_engine::transport::{Descriptor, Socket};

use crate::events::LoopState;
use crate::streams::reader::StreamReader;
use crate::streams::stream::Link;
use crate::streams::writer::StreamWriter;

/// Connects to `host`, whichever of its addresses answers first (RFC 8305), and gives the two halves.
///
/// # Errors
/// When the name cannot be resolved, and when no address could be connected to.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// # async fn fetch() -> std::io::Result<()> {
/// let (mut reader, mut writer) = ferrio::open_connection("example.org", 80).await?;
/// writer.write(b"GET / HTTP/1.0\r\nHost: example.org\r\n\r\n");
/// let answer = reader.read_to_end().await?;
/// # Ok(())
/// # }
/// ```
pub async fn open_connection(host: &str, port: u16) -> io::Result<(StreamReader, StreamWriter)> {
    let state = LoopState::require("open_connection");
    let socket = net::connect(host, port).await?.into_inner();
    Ok(Link::over(&state, Socket(Descriptor::owned(socket.into()))).halves())
}

/// Connects to the Unix socket at `path`.
///
/// # Errors
/// What the system reports: `NotFound` and `ConnectionRefused` for two.
///
/// # Panics
/// Where no loop runs.
pub async fn open_unix_connection(path: impl AsRef<Path>) -> io::Result<(StreamReader, StreamWriter)> {
    let state = LoopState::require("open_unix_connection");
    let socket = net::UnixStream::connect(path).await?.into_inner();
    Ok(Link::over(&state, Socket(Descriptor::owned(socket.into()))).halves())
}
