//! HTTP clients: what `ferrio.http` has natively.
//!
//! ```text
//!   Session ──get()──▶ Fetch (a coroutine) ──takes──▶ Pool ──has──▶ ClientConnection ◀──bytes── transport
//!                        └──returns──▶ ClientAnswer ◀──fills── Exchange ◀──what came──┘
//! ```
//!
//! * `connection`: one connection: a native protocol on a transport, with `ferrio_http`'s state machine
//! * `exchange`: what came of one answer so far, shared by its connection and its object; `fields`: a program's header fields
//! * `answer`: the object that a program has in hand; the base of `ClientResponse`; `content`: how its body is read in parts;
//!   `told`: its attributes
//! * `pool`: which connections there are, who waits for one; `place`: those of one key; `sweeping`: their time limits
//! * `waits`: the coroutine that all of these wait by
//! * `session`: the base of `ClientSession`; `fetch`: a request of its, without a frame of Python where nothing special is asked for;
//!   `routes`: what a request to a URL looks like; `addresses`: which URLs are alike; `options`, `pairs`: what a call asks for beside;
//!   `varied`: what becomes of that
//! * `frames`: a WebSocket after its handshake, without I/O; `decoding`: a body that is unpacked;
//!   `suffixes`: domains that nobody may set cookies for, and addresses; `socks`: what is said to a SOCKS 5 proxy
//!
//! Which URL goes where, cookies, redirects, time-outs by phase, and all exceptions are Python's.

pub(crate) mod addresses;
pub(crate) mod answer;
pub(crate) mod connection;
mod content;
pub(crate) mod decoding;
pub(crate) mod exchange;
pub(crate) mod fetch;
pub(crate) mod fields;
pub(crate) mod frames;
pub(crate) mod options;
pub(crate) mod pairs;
pub(crate) mod place;
pub(crate) mod pool;
pub(crate) mod routes;
pub(crate) mod session;
pub(crate) mod socks;
pub(crate) mod suffixes;
pub(crate) mod sweeping;
mod told;
pub(crate) mod unread;
pub(crate) mod varied;
pub(crate) mod waits;
