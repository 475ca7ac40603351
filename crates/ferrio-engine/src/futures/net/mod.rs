//! Addresses and sockets as futures: what a Rust program, an HTTP client and a Python loop's own helpers connect with.
//!
//! | file | what it owns |
//! |---|---|
//! | `addr` | numeric hosts to addresses, without a thread |
//! | `resolve` | names to addresses, on the resolver's threads |
//! | `socket` | TCP and Unix streams and listeners, UDP: all `Source`s |
//! | `listen` | sockets that listen, with asyncio's options |
//! | `happy_eyeballs` | which of many addresses to connect to |
//!
//! Transports with flow control and protocols are not here; they work on descriptors of their own.

pub mod addr;
pub mod happy_eyeballs;
mod listen;
pub mod resolve;
pub mod socket;

pub use addr::parse;
pub use happy_eyeballs::{Failures, connect};
pub use listen::{listen, listen_unix};
pub use resolve::resolve;
pub use socket::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream, begin_connect};
