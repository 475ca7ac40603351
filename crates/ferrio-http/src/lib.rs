//! Protocols of the web without I/O, and the parts that a client is made of. Each has a folder or a file, and none knows of another.
//!
//! * [`h1`], [`ws`]: HTTP/1.1 and WebSocket, both sides
//! * [`pool`]: which connection is idle, who may open one, who waits
//! * [`redirects`], [`cookies`], [`proxies`]: where a request goes, and with what
//! * [`encodings`], [`multipart`]: what bodies are packed in
//!
#![doc = include_str!("../README.md")]

pub mod cookies;
pub mod encodings;
pub mod h1;
pub mod multipart;
pub mod pool;
pub mod proxies;
pub mod redirects;
pub mod ws;
