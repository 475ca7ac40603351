//! A message that is gathered, because it comes in several frames, in several reads, or compressed.
//!
//! Memory is taken as bytes come, never because a header promises them: a header of 14 bytes must not cost 16 MiB.

use std::borrow::Cow;

use super::text::Text;
use super::{Event, Failed};

/// What a message holds.
///
/// ```
/// use ferrio_http::ws::{Config, Connection, Kind, Role};
///
/// let mut server = Connection::new(Role::Server, Config::default(), None);
/// assert_eq!(&*server.message_head(Kind::Text, 300)?, [0x81, 126, 1, 44]);
/// # Ok::<(), ferrio_http::ws::Misuse>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// How much is reserved at once for what a header promises.
const AHEAD: usize = 64 * 1024;

/// A message of which a part is there.
pub(super) struct Message {
    pub(super) body: Body,
    /// Bytes of all frames whose headers came, whether they are there or not. Never more than the limit.
    pub(super) promised: u64,
}

pub(super) enum Body {
    Text(Text),
    Binary(Vec<u8>),
    /// Inflated once it is whole.
    Packed(Kind, Vec<u8>),
}

impl Body {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Text::default()),
            Kind::Binary => Self::Binary(Vec::new()),
        }
    }

    pub(super) fn reserve(&mut self, bytes: u64) {
        let bytes = usize::try_from(bytes).unwrap_or(AHEAD).min(AHEAD);
        match self {
            Self::Text(text) => text.reserve(bytes),
            Self::Binary(whole) | Self::Packed(_, whole) => whole.reserve(bytes),
        }
    }

    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Failed> {
        match self {
            Self::Text(text) => text.push(piece)?,
            Self::Binary(whole) | Self::Packed(_, whole) => whole.extend_from_slice(piece),
        }
        Ok(())
    }

    /// The event of a message that is whole. One that is packed has to be inflated before.
    pub(super) fn finish(self) -> Result<Event<'static>, Failed> {
        Ok(match self {
            Self::Text(text) => Event::Text(Cow::Owned(text.finish()?)),
            Self::Binary(whole) | Self::Packed(_, whole) => Event::Binary(Cow::Owned(whole)),
        })
    }
}
