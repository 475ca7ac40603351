//! Streams: connections as a reader and a writer. asyncio's `open_connection` and `start_server`, over TCP and Unix sockets.
//!
//! * `flow`: what came and was not read, who waits for it, and how the other way stands; knows no sockets
//! * `connection`: the engine's transport beneath a flow, for sockets and pipes
//! * `reader`, `writer`: the two halves as programs have them; `stream`: both in one
//! * `connecting`: `open_connection` and its siblings; `server`, `listening`: `start_server` and what it listens with

mod connecting;
mod connection;
mod errors;
mod flow;
mod listening;
mod reader;
mod server;
mod stream;
mod watch;
mod writer;

#[cfg(feature = "tls")]
pub(crate) use flow::{Flow, Wire};
#[cfg(any(feature = "tls", feature = "http"))]
pub(crate) use stream::Link;
#[cfg(feature = "tls")]
pub(crate) use watch::Watch;

pub use connecting::{open_connection, open_unix_connection};
pub use errors::ReadError;
pub use reader::StreamReader;
pub use server::{Server, ServerBuilder, start_server, start_unix_server};
pub use stream::{PeerAddress, Stream};
pub use writer::StreamWriter;

/// How much a reader keeps that nobody reads; with twice as much the peer has to wait. asyncio's default.
const LIMIT: usize = 64 * 1024;
