//! `Sides`: what a TLS layer needs of what is around it, in both directions, and the words for it.
//!
//! A door implements it once. Nothing here waits, and every method may call the layer again.

use crate::transport::session::{Plain, Session};

/// Which errors a session and a protocol make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// TLS failed.
    Tls,
    /// Any other failure: it ends the connection.
    Ordinary,
    /// It must not be kept back.
    Escape,
}

/// What was being done when the connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Shaking hands.
    Handshake,
    /// Reading and writing.
    Traffic,
    /// Telling the protocol of the end.
    Eof,
    /// Closing.
    Closing,
}

/// What a layer waits for, for a limited time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLimit {
    /// The end of the handshake.
    Handshake,
    /// The peer's answer to our closing.
    Shutdown,
}

/// What is to be done after whatever is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeferredWork {
    /// Read the rest.
    Read,
    /// Go on after a pause.
    Resume,
    /// Close the transport below.
    Close,
}

/// What is on both sides of a layer: the transport below, the protocol above, and the clock.
pub trait Sides<S: Session> {
    /// Why a connection was lost.
    type Reason;
    /// Data kept until it can be encrypted.
    type Chunk: AsRef<[u8]> + From<Vec<u8>>;

    /// Sends ciphertext. What there is no room for is kept below, which may call `pause_writing`.
    ///
    /// # Errors
    /// `Escape` only.
    fn send(&self, cx: S::Cx<'_>, ciphertext: S::Ciphertext) -> Result<(), S::Error>;

    /// Has the transport below receive no more, or again.
    fn hold(&self, cx: S::Cx<'_>, on: bool);

    /// Closes the transport below in order.
    fn close(&self, cx: S::Cx<'_>);

    /// Closes it at once.
    fn lose(&self, cx: S::Cx<'_>, reason: Option<S::Error>);

    /// Has `on_deferred` called after whatever is queued.
    fn later(&self, cx: S::Cx<'_>, what: DeferredWork);

    /// Has `on_time` called when it took too long, unless `forget_time` is called before.
    fn wait(&self, cx: S::Cx<'_>, what: TimeLimit);

    /// It did not take too long.
    fn forget_time(&self, cx: S::Cx<'_>);

    /// Both sides have closed: what is left is to close the transport below, which first sends what waits there. Either it
    /// did not take too long, or the time goes on, or begins now.
    fn closes_below(&self, cx: S::Cx<'_>);

    /// The error of a peer that took too long.
    fn too_long(&self, cx: S::Cx<'_>, what: TimeLimit) -> S::Error;

    /// The error of a peer that hung up in the handshake.
    fn hung_up(&self, cx: S::Cx<'_>) -> S::Error;

    /// Which kind of error it is.
    fn severity(&self, cx: S::Cx<'_>, error: &S::Error) -> Severity;

    /// Reports an error and closes the transport below at once. Whoever waits for the connection is told if it failed in
    /// the handshake.
    ///
    /// # Errors
    /// When reporting failed.
    fn fatal(&self, cx: S::Cx<'_>, error: S::Error, doing: Activity) -> Result<(), S::Error>;

    /// The handshake is complete.
    ///
    /// # Errors
    /// What there is to object.
    fn established(&self, cx: S::Cx<'_>) -> Result<(), S::Error>;

    /// Tells the protocol of its transport, if `new`, and whoever waits that it is ready.
    ///
    /// # Errors
    /// What it raised.
    fn connection_made(&self, cx: S::Cx<'_>, new: bool) -> Result<(), S::Error>;

    /// Has the protocol take plaintext from the session. The answer is `Bytes` if there may be more.
    ///
    /// # Errors
    /// The session's, or what the protocol raised.
    fn deliver(&self, cx: S::Cx<'_>, session: &S) -> Result<Plain, S::Error>;

    /// Tells the protocol that no more comes.
    ///
    /// # Errors
    /// What it raised.
    fn eof_received(&self, cx: S::Cx<'_>) -> Result<(), S::Error>;

    /// Tells the protocol that more waits to be written than should.
    ///
    /// # Errors
    /// `Escape` only.
    fn pause_writing(&self, cx: S::Cx<'_>) -> Result<(), S::Error>;

    /// Tells the protocol that enough of it was written.
    ///
    /// # Errors
    /// `Escape` only.
    fn resume_writing(&self, cx: S::Cx<'_>) -> Result<(), S::Error>;

    /// The last call. `tell` says whether the protocol knew of the connection and is to be told.
    fn connection_lost(&self, cx: S::Cx<'_>, reason: Option<Self::Reason>, tell: bool);
}
