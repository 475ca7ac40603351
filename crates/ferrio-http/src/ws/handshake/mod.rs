//! The handshake that begins a WebSocket (RFC 6455, 4): headers of a request and of its answer, checked and made.
//!
//! HTTP itself, with request line, status line and the framing of headers, belongs to whoever calls. Headers come and go as pairs
//! of names and values.
//!
//! ```
//! use ferrio_http::ws::handshake::{Deflate, Offer, Opening};
//!
//! let opening = Opening::new(&["chat"], Some(Deflate::default()));
//! let request: Vec<_> = opening.headers().collect();
//!
//! // The server's side.
//! let offer = Offer::read(b"GET", (1, 1), &request)?;
//! assert_eq!(offer.subprotocols().collect::<Vec<_>>(), ["chat"]);
//! let accepted = offer.accept(Some("chat"), Some(Deflate::default()));
//! let answer: Vec<_> = accepted.headers().collect();
//!
//! // The client's again.
//! let agreed = opening.check(101, &answer)?;
//! assert_eq!(agreed.subprotocol, Some("chat"));
//! assert_eq!(agreed.deflate, accepted.deflate());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod deflate;
mod fields;
mod key;
mod server;

pub use client::{Agreed, Opening, Unfit};
pub use deflate::Deflate;
pub use server::{Accepted, Offer, Refusal};

/// A header's name and value.
pub(super) type Field<'a> = (&'a [u8], &'a [u8]);
