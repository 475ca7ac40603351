//! What moves bytes: sockets and pipes, their transports and protocols, TLS, streams, datagrams, servers.
//!
//! Lowest first; each file imports only from those above it in this list, and nothing from the same line:
//!
//! * `chunk` `scratch` `sockets` `channels` `clients` `resolver` `flow_control` `watching`
//! * `base_transport`: what every transport keeps for Python
//! * `protocols`: a Python protocol as the engine's
//! * `transports`: sockets and pipes
//! * `sslproto`: TLS, a protocol of a transport and a transport itself
//! * `streams`
//! * `server`; `connecting` `operations` `packets` `datagrams` `selector_events`: what a loop makes of all these

pub(crate) mod base_transport;
pub(crate) mod channels;
pub(crate) mod chunk;
pub(crate) mod clients;
pub(crate) mod connecting;
pub(crate) mod datagrams;
pub(crate) mod flow_control;
pub(crate) mod operations;
pub(crate) mod packets;
pub(crate) mod protocols;
pub(crate) mod resolver;
pub(crate) mod scratch;
pub(crate) mod selector_events;
pub(crate) mod server;
pub(crate) mod sockets;
pub(crate) mod sslproto;
pub(crate) mod streams;
pub(crate) mod transports;
pub(crate) mod watching;
