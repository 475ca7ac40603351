//! HTTP/1.1 and 1.0 (RFC 9110, RFC 9112), both sides, without I/O.
//!
//! A connection is given the bytes that came and says how many of them it used and what they mean; what is to be sent it
//! appends to a buffer. It owns no buffer of the caller's, no clock and no socket.
//!
//! * [`server::Connection`] reads requests and writes answers,
//! * [`client::Connection`] writes requests and reads answers.
//!
//! The parsers are strict: what two readers could understand differently is refused, since that is how requests are
//! smuggled past a proxy. Each [`Refusal`] has its status and its reason.
//!
//! ```
//! use ferrio_http::h1::{Defaults, Limits, server::{Connection, Event}};
//!
//! let mut connection = Connection::new(Limits::default());
//! let mut out = Vec::new();
//! let input = b"GET /hello HTTP/1.1\r\nHost: example.org\r\n\r\n";
//! let (used, event) = connection.advance(input);
//! let Event::Request(head) = event else { panic!("a request") };
//! assert_eq!((used, head.target), (input.len(), &b"/hello"[..]));
//! connection.answer(200, [(&b"content-type"[..], &b"text/plain"[..])], b"hi", &Defaults::new(), &mut out)?;
//! assert_eq!(out, b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nhi");
//! # Ok::<(), ferrio_http::h1::Misuse>(())
//! ```

mod bytes;
mod chunked;
pub mod client;
mod date;
mod defaults;
mod faults;
mod fields;
mod length;
mod limits;
mod receiving;
mod sending;
pub mod server;
mod status;

pub use date::http_date;
pub use defaults::Defaults;
pub use faults::{Misuse, Refusal};
pub use fields::Headers;
pub use length::Length;
pub use limits::Limits;
pub use sending::Frame;
pub use status::reason;

/// The version of a message: the two that there are with this syntax.
///
/// ```
/// use ferrio_http::h1::Version;
///
/// assert!(Version::Http10 < Version::Http11);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0: a connection ends with the answer unless both sides say otherwise.
    Http10,
    /// HTTP/1.1: a connection goes on unless a side says otherwise.
    Http11,
}
