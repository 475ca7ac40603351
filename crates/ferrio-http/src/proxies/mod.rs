//! Proxies: where they are, which requests go by them, and the handshake of SOCKS 5. Opens no connection and reads no variable by itself.
//!
//! What goes by a proxy that speaks HTTP is `CONNECT` with [`h1::client`](crate::h1::client), or a whole address as the target.
//!
//! * `address`: a proxy; `rules`: which requests go by which; `socks5`: the handshake; `base64`: credentials in headers

mod address;
mod base64;
mod rules;
mod socks5;

pub use address::{Kind, Proxy, Unfit};
pub use base64::basic;
pub use rules::Rules;
pub use socks5::{Socks5, SocksError};
