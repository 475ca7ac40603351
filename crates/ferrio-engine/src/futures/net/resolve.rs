//! Names to addresses. Numeric hosts are answered at once; names go to the resolver's own few threads, since the
//! system's resolver blocks, may take seconds, and must not hold up other blocking calls.
//!
//! Addresses come in the system's order of preference (RFC 6724), which is also the order to try them in.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::event_loop::core::Core;
use crate::futures::net::addr;

/// The addresses of `host`, each with `port`; at least one.
///
/// Dropping the future abandons a look-up that has begun: its thread ends it for nobody.
///
/// # Errors
/// When the name has no address or the resolver failed; when no loop runs on this thread.
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Some(address) = addr::parse(host, port) {
        return Ok(vec![address]);
    }
    let name = host.to_owned();
    let look_up = move || (name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    // Bound first: awaiting inside the same expression would keep the core borrowed across the wait.
    let answer = Core::require()?.resolver().run(look_up)?;
    match answer.await {
        Some(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Some(Ok(_)) => Err(failure(host, io::ErrorKind::NotFound, "it has no address")),
        Some(Err(error)) => Err(failure(host, error.kind(), &error)),
        None => Err(failure(host, io::ErrorKind::Other, "the resolver's thread gave no answer")),
    }
}

fn failure(host: &str, kind: io::ErrorKind, reason: impl std::fmt::Display) -> io::Error {
    io::Error::new(kind, format!("cannot resolve {host:?}: {reason}"))
}
