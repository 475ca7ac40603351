//! WebSocket: each rule in a table, both sides with each other, and any input cut anywhere.

mod closing;
mod cuts;
mod deflate;
mod frames;
mod handshake;
mod inflate;
mod messages;
mod peer;
mod talking;
