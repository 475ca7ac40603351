//! The server for HTTP/1.1 and WebSocket, over real sockets on loopback.
#![cfg(feature = "http")]

mod bodies;
mod client;
mod crowd;
mod ending;
mod hostile;
mod orders;
mod probes;
mod requests;
mod support;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "futures-io")]
mod websockets;
