//! Servers, loaded by a client in a process of its own. They serve until it has what it wants, which ends the process.

use std::future::pending;

use super::rt::{self, Stream, serve};
use crate::load::{self, Load};
use crate::measured::Measured;

pub async fn echo(load: Load) -> Measured {
    load::begin(load, serve(rt::echo).await);
    pending().await
}

pub async fn hello(load: Load) -> Measured {
    load::begin(load, serve(rt::hello).await);
    pending().await
}

/// Each connection is closed at once.
pub async fn hang_up(load: Load) -> Measured {
    let close = |stream: Stream| async move { drop(stream) };
    load::begin(load, serve(close).await);
    pending().await
}
