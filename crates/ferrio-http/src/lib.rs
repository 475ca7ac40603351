//! Protocols of the web without I/O. Each has a folder, and no folder knows of another.
//!
#![doc = include_str!("../README.md")]

pub mod cookies;
pub mod encodings;
pub mod h1;
pub mod pool;
pub mod redirects;
pub mod ws;
