//! `Protocol`: what a transport tells its owner. asyncio's protocol callbacks, and the reasons of what is lost.

use std::io;

use crate::io::{Channel, Host};

/// What a callback left behind when it failed.
#[derive(Debug)]
pub enum Fault<E, R> {
    /// The error must leave the loop.
    Escape(E),
    /// The error was reported; the connection is lost for this reason.
    Lose(R),
}

/// What one attempt to receive found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Data, handed on.
    Data,
    /// Nothing yet.
    Nothing,
    /// The end of the stream.
    End,
}

/// See the module. A transport is given one object, which is the way to its loop, too. All methods take `&self`: a callback may
/// call the transport again, which may call other methods here while the first one runs.
pub trait Protocol: Host {
    /// What leaves the loop.
    type Escape;
    /// Why a connection was lost.
    type Reason;
    /// Data kept until it can be written.
    type Chunk: AsRef<[u8]>;

    /// The transport is ready for use.
    ///
    /// # Errors
    /// `Escape` only; other failures are reported here and change nothing.
    fn connection_made(&self, cx: Self::Cx<'_>) -> Result<(), Self::Escape>;

    /// Reads once from `channel`, into a buffer of its choice, and hands on what came.
    ///
    /// # Errors
    /// When reading or the callback failed.
    fn receive(
        &self,
        cx: Self::Cx<'_>,
        channel: &impl Channel,
    ) -> Result<Received, Fault<Self::Escape, Self::Reason>>;

    /// The peer sends no more; says whether the transport stays open for writing.
    ///
    /// # Errors
    /// When the callback failed.
    fn eof_received(&self, cx: Self::Cx<'_>) -> Result<bool, Fault<Self::Escape, Self::Reason>>;

    /// More waits to be written than should.
    ///
    /// # Errors
    /// `Escape` only.
    fn pause_writing(&self, cx: Self::Cx<'_>) -> Result<(), Self::Escape>;

    /// Enough of it was written.
    ///
    /// # Errors
    /// `Escape` only.
    fn resume_writing(&self, cx: Self::Cx<'_>) -> Result<(), Self::Escape>;

    /// Everything was written, or will never be.
    fn drained(&self, cx: Self::Cx<'_>, failure: Option<&Self::Reason>);

    /// The last call. The channel is closed when it returns.
    ///
    /// # Errors
    /// `Escape` only.
    fn connection_lost(&self, cx: Self::Cx<'_>, reason: Option<Self::Reason>) -> Result<(), Self::Escape>;

    /// Reports that writing failed, and makes the reason of it.
    fn write_failed(&self, cx: Self::Cx<'_>, error: io::Error) -> Self::Reason;

    /// The reason when the reader of a pipe went away with data still to be written.
    fn broken_pipe(&self, cx: Self::Cx<'_>) -> Self::Reason;
}
