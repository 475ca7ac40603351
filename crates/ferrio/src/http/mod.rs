//! A server and a client for HTTP/1.1 and WebSocket, on the running loop, with the types of the crate `http`.
//!
//! A service is an async closure from a [`Request`] to a [`Response`]. It runs on the loop's own thread, in its connection's task,
//! so it need not be `Send`. When its client goes away it is dropped, unless it is [shielded](crate::shield).
//!
//! ```
//! use ferrio::http::{self, Body, Request, Response};
//!
//! ferrio::run(async {
//!     let service = async |request: Request<Body>| Response::new(format!("hello from {}", request.uri().path()));
//!     let server = http::start_server(service, "127.0.0.1", 0).await?;
//!     let (mut reader, mut writer) = ferrio::open_connection("127.0.0.1", server.port()).await?;
//!     writer.write(b"GET /here HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
//!     let answer = reader.read_to_end().await?;
//!     assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"\r\n\r\nhello from /here"));
//!     std::io::Result::Ok(())
//! })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! A [`Client`] asks: see there, and the module [`client`] for all that belongs to it.
//!
//! * `server`: the server as programs have it; `options`: what it is told; `clients`: its connections
//! * `connection`: the task of one connection; `exchange`: what that shares with the body of its request
//! * `requests`: a head as a `Request` or a `Response`; `answers`: a `Response` as bytes
//! * `body`: bodies, both ways; `incoming`: a request's; `streamed`: one that is made piece by piece; `piece`: a part of one;
//!   `framed`: as hyper has it; `errors`: what reading one may fail with
//! * `alarm`: wakes a task by a time that mostly never comes
//! * `upgrade`, `switch`, `websocket`: from a request to a WebSocket

mod alarm;
mod answers;
mod body;
pub mod client;
mod clients;
mod connection;
mod errors;
mod exchange;
#[cfg(feature = "hyper")]
mod framed;
mod incoming;
mod options;
mod piece;
mod requests;
mod response;
mod server;
mod streamed;
mod switch;
mod upgrade;
mod websocket;

pub use self::body::Body;
pub use self::client::{Client, ClientBuilder};
pub use self::errors::BodyError;
pub use self::options::ServerBuilder;
pub use self::response::IntoResponse;
pub use self::server::{Server, serve, start_server, start_unix_server};
pub use self::streamed::BodySender;
pub use self::upgrade::{NotUpgraded, Upgrade, UpgradeError, upgrade};
pub use self::websocket::{Message, WebSocket, WebSocketSender};
pub use ::bytes::Bytes;
pub use ::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
};
pub use ferrio_http::h1::Limits;
pub use ferrio_http::ws::code;
