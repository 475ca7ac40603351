//! HTTP servers for Python applications: what `ferrio.server` runs, and uvicorn with our protocol class; `client`: HTTP clients.
//!
//! ```text
//!   Serving ──makes──▶ HttpConnection ──for each request──▶ Exchange (a task's coroutine) ──calls──▶ app(scope, receive, send)
//!                        │   ▲                                │
//!   transport ──bytes────┘   └────────── answers ─────────────┘
//! ```
//!
//! * `serving`: what all connections of a server share: the application, limits, headers that every answer has
//! * `connection`: one connection: a native protocol on a transport, with `ferrio_http`'s state machine
//! * `exchange`: one request and its answer; `running`: how its application is called, and what if that fails
//! * `receiving`: the `receive` of a request; `sending`: its `send`; `talking`: both of a WebSocket
//! * `body`, `answer`, `socket`: what each of these has said so far; `packed`: header fields that are kept; `room`: waiting until
//!   there is room to send
//! * `scope`: a request as ASGI describes it; `wsgi`: applications of WSGI; `below`: the transport, called natively where that is ours
//!
//! HTTP itself is in `ferrio_http`, which knows neither Python nor sockets.

pub(crate) mod answer;
pub(crate) mod below;
pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod exchange;
pub(crate) mod packed;
pub(crate) mod receiving;
pub(crate) mod room;
pub(crate) mod running;
pub(crate) mod scope;
pub(crate) mod sending;
pub(crate) mod serving;
pub(crate) mod socket;
pub(crate) mod talking;
pub(crate) mod wsgi;
