//! HTTP/1.1 without I/O: rules as tables, probes, cuts, and both sides talking to each other.

mod answers;
mod both;
mod chunks;
mod client;
mod cuts;
mod probes;
mod requests;
mod support;
mod table;
