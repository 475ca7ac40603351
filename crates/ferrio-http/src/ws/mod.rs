//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692), both sides, without I/O.
//!
//! [`handshake`] reads and writes the headers that begin a WebSocket. [`Connection`] is what comes after: bytes go in, events
//! come out, and what is to be sent is appended to a buffer of the caller's. It answers pings and the closing handshake by
//! itself. It owns no socket and no clock: time-outs, pings to find out whether the peer lives, and the end of the transport
//! are the caller's.
//!
//! ```
//! use ferrio_http::ws::{Config, Connection, Event, Role};
//!
//! let mut client = Connection::new(Role::Client, Config::default(), None);
//! let mut server = Connection::new(Role::Server, Config::default(), None);
//!
//! let mut sent = Vec::new();
//! client.send_text("hello", &mut sent)?;
//!
//! let mut answer = Vec::new();
//! let (used, event) = server.advance(&mut sent, &mut answer);
//! assert_eq!(used, 5 + 6);
//! let Event::Text(text) = event else { panic!("a text") };
//! assert_eq!(text, "hello");
//! # Ok::<(), ferrio_http::ws::Misuse>(())
//! ```

mod close;
mod config;
mod connection;
mod deflate;
mod event;
mod faults;
mod frame;
pub mod handshake;
mod history;
mod mask;
mod message;
mod receiving;
mod sending;
mod text;

pub use close::code;
pub use config::{Config, Role};
pub use connection::{Connection, State};
pub use event::Event;
pub use faults::{Failed, Misuse};
pub use frame::Head;
pub use mask::apply as apply_mask;
pub use message::Kind;
