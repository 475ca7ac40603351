//! What a connection tells its owner.

use std::borrow::Cow;

use super::Failed;

/// What came. It borrows from the input alone, so the connection may send while an event is looked at.
///
/// A message that was one frame, whole and uncompressed in the input, is borrowed from there; any other is owned, and the
/// connection keeps nothing of it.
///
/// ```
/// use std::borrow::Cow;
/// use ferrio_http::ws::{Config, Connection, Event, Role};
///
/// let mut client = Connection::new(Role::Client, Config::default(), None);
/// let mut out = Vec::new();
/// // One frame; then the same text in two.
/// let mut input = *b"\x81\x05hello\x01\x02he\x80\x03llo";
/// let (used, event) = client.advance(&mut input, &mut out);
/// assert!(matches!(event, Event::Text(Cow::Borrowed("hello"))));
/// let (_, event) = client.advance(&mut input[used..], &mut out);
/// assert_eq!(event, Event::Text(Cow::Owned("hello".into())));
/// assert!(matches!(event, Event::Text(Cow::Owned(_))));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole text message.
    Text(Cow<'a, str>),
    /// A whole binary message.
    Binary(Cow<'a, [u8]>),
    /// A ping. The pong is in the buffer of what is to be sent already.
    Ping(&'a [u8]),
    /// A pong, asked for or not.
    Pong(&'a [u8]),
    /// The peer closes, or answers our close. What is to be sent, if anything, is in the buffer; then the server ends the
    /// transport, while the client waits for that.
    Close {
        /// Why; [`code::NO_STATUS`](super::code::NO_STATUS) if the peer gave none.
        code: u16,
        /// Why in words, often empty.
        reason: &'a str,
    },
    /// The connection is broken. Send what is in the buffer, then end the transport.
    Failed(Failed),
    /// There is no event in what is left of the input: bring more. What was not used must be brought again, and is never more
    /// than 130 bytes.
    NeedMore,
    /// There was a [`Close`](Self::Close) or [`Failed`](Self::Failed) before. The input was dropped.
    Closed,
}
