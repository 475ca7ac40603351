//! What moves bytes: sockets and pipes, their transports and protocols, TLS, streams, datagrams, servers.

pub(crate) mod channels;
pub(crate) mod clients;
pub(crate) mod datagrams;
pub(crate) mod doors;
pub(crate) mod marks;
pub(crate) mod operations;
pub(crate) mod packets;
pub(crate) mod protocols;
pub(crate) mod rare;
pub(crate) mod resolver;
pub(crate) mod scratch;
pub(crate) mod selector_events;
pub(crate) mod server;
pub(crate) mod sockets;
pub(crate) mod sslproto;
pub(crate) mod streams;
pub(crate) mod transports;
