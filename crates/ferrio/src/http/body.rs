//! `Body`: what follows a head, whichever way it goes and whatever it is made of. Knows neither sockets nor framing.

use std::fmt;
use std::fs::Metadata;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use crate::http::errors::BodyError;
use crate::http::incoming::Incoming;
use crate::http::piece::Piece;
use crate::http::streamed::{BodySender, Streamed};
use crate::http::switch::Switch;
use crate::streams::PeerAddress;

/// How much of a file is read at once.
const FILE_PIECE: usize = 64 * 1024;

/// The body of a request or of an answer.
///
/// A request's is read as it comes: what nobody reads waits in the client. One of an answer is made of what there is (`From`), or
/// piece by piece ([`Body::stream`], [`Body::channel`], [`Body::file`]), and waits for a client that reads slowly.
///
/// ```
/// use ferrio::http::Body;
///
/// ferrio::run(async {
///     let mut body = Body::from("hello");
///     assert_eq!(body.next_chunk().await?.unwrap(), "hello");
///     assert!(body.next_chunk().await?.is_none());
///     Ok::<_, ferrio::http::BodyError>(())
/// })?;
/// # Ok::<(), ferrio::http::BodyError>(())
/// ```
pub struct Body {
    pub(super) kind: Kind,
    /// What came after the last part.
    trailers: Option<HeaderMap>,
    /// How long it is, where that is known before it is made.
    pub(super) length: Option<u64>,
}

pub(super) enum Kind {
    Whole(Bytes),
    Incoming(Incoming),
    Streamed(Streamed),
    /// Not a body: the connection goes on as something else.
    Switch(Box<Switch>),
}

impl Body {
    /// No body.
    ///
    /// ```
    /// let mut body = ferrio::http::Body::empty();
    /// ferrio::run(async move { assert!(body.bytes(0).await.unwrap().is_empty()) });
    /// ```
    #[must_use]
    pub fn empty() -> Self {
        Bytes::new().into()
    }

    /// What `write` sends, as it sends it. `write` runs in the connection's task, and is dropped when the client goes away; when it
    /// fails the connection is cut off, so that nobody takes the half for the whole.
    ///
    /// ```
    /// use ferrio::http::Body;
    ///
    /// ferrio::run(async {
    ///     let mut body = Body::stream(async |mut sender| {
    ///         for number in 1..=3 {
    ///             sender.send(format!("{number} ")).await?;
    ///         }
    ///         Ok(())
    ///     });
    ///     assert_eq!(body.text(100).await?, "1 2 3 ");
    ///     Ok::<_, ferrio::http::BodyError>(())
    /// })?;
    /// # Ok::<(), ferrio::http::BodyError>(())
    /// ```
    pub fn stream(write: impl AsyncFnOnce(BodySender) -> io::Result<()> + 'static) -> Self {
        Self::new(Kind::Streamed(Streamed::by(write)))
    }

    /// What the sender sends, which another task may have. The body is whole when the sender is dropped.
    ///
    /// ```
    /// use ferrio::http::Body;
    ///
    /// ferrio::run(async {
    ///     let (mut sender, mut body) = Body::channel();
    ///     let task = ferrio::create_task(async move { sender.send("from afar").await });
    ///     assert_eq!(body.text(100).await?, "from afar");
    ///     task.await.unwrap()?;
    ///     Ok::<_, ferrio::http::BodyError>(())
    /// })?;
    /// # Ok::<(), ferrio::http::BodyError>(())
    /// ```
    #[must_use]
    pub fn channel() -> (BodySender, Self) {
        let (sender, streamed) = Streamed::channel();
        (sender, Self::new(Kind::Streamed(streamed)))
    }

    /// The file at `path`, as long as it is now, and what is known of it.
    ///
    /// # Errors
    /// When it cannot be opened, or is no file.
    ///
    /// ```
    /// use ferrio::http::Body;
    ///
    /// ferrio::run(async {
    ///     let (mut body, metadata) = Body::file("Cargo.toml").await?;
    ///     assert_eq!(body.bytes(1 << 20).await?.len() as u64, metadata.len());
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub async fn file(path: impl AsRef<Path>) -> io::Result<(Self, Metadata)> {
        let mut file = crate::fs::File::open(path).await?;
        let metadata = file.metadata().await?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a body is made of a file, and this is none",
            ));
        }
        let mut left = metadata.len();
        let mut body = Self::stream(async move |mut sender| {
            while left > 0 {
                let size = usize::try_from(left).unwrap_or(FILE_PIECE).min(FILE_PIECE);
                let mut piece = vec![0; size];
                let count = file.read(&mut piece).await?;
                if count == 0 {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
                }
                piece.truncate(count);
                left -= count as u64;
                sender.send(piece).await?;
            }
            Ok(())
        });
        body.length = Some(metadata.len());
        Ok((body, metadata))
    }

    /// The next part, or `None` at the end. A client that waits for `100 Continue` is told to go on.
    ///
    /// It may be dropped at any time: what was not given away stays to be read.
    ///
    /// # Errors
    /// When the client breaks the protocol or a limit, and when what makes the body fails.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        poll_fn(|context| self.poll_chunk(context)).await
    }

    /// All that is left of it, which may be `limit` bytes.
    ///
    /// # Errors
    /// `TooLong`, and as `next_chunk`.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let mut body = ferrio::http::Body::from(vec![1, 2, 3]);
    ///     assert_eq!(body.bytes(3).await.unwrap(), &[1, 2, 3][..]);
    /// });
    /// ```
    pub async fn bytes(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        let Some(first) = self.next_chunk().await? else { return Ok(Bytes::new()) };
        if first.len() > limit {
            return Err(BodyError::TooLong(limit));
        }
        let Some(second) = self.next_chunk().await? else { return Ok(first) };
        let mut whole = BytesMut::from(&first[..]);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if chunk.len() > limit - whole.len() {
                return Err(BodyError::TooLong(limit));
            }
            whole.extend_from_slice(&chunk);
            next = self.next_chunk().await?;
        }
        Ok(whole.freeze())
    }

    /// As `bytes`, as text.
    ///
    /// # Errors
    /// `NotText` where it is no UTF-8, and as `bytes`.
    ///
    /// ```
    /// ferrio::run(async {
    ///     assert_eq!(ferrio::http::Body::from("ä").text(2).await.unwrap(), "ä");
    ///     assert!(ferrio::http::Body::from(vec![0xff]).text(2).await.is_err());
    /// });
    /// ```
    pub async fn text(&mut self, limit: usize) -> Result<String, BodyError> {
        String::from_utf8(self.bytes(limit).await?.into()).map_err(|_| BodyError::NotText)
    }

    /// The trailers, once the body was read to its end, if it has any.
    ///
    /// ```
    /// use ferrio::http::{Body, HeaderMap, HeaderValue};
    ///
    /// ferrio::run(async {
    ///     let mut body = Body::stream(async |mut sender| {
    ///         sender.send("data").await?;
    ///         sender.trailers(HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from(4))])).await
    ///     });
    ///     body.bytes(100).await.unwrap();
    ///     assert_eq!(body.trailers().unwrap()["x-sum"], "4");
    /// });
    /// ```
    #[must_use]
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// Who sends it: `None` where it is no request's.
    ///
    /// ```
    /// assert!(ferrio::http::Body::empty().peer_address().is_none());
    /// ```
    #[must_use]
    pub fn peer_address(&self) -> Option<PeerAddress> {
        match &self.kind {
            Kind::Incoming(incoming) => incoming.exchange.link.peer_address().ok(),
            _ => None,
        }
    }

    pub(super) fn new(kind: Kind) -> Self {
        Body { kind, trailers: None, length: None }
    }

    /// The same once more, of what is there as a whole.
    pub(super) fn duplicate(&self) -> Option<Self> {
        if let Kind::Whole(data) = &self.kind { Some(data.clone().into()) } else { None }
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        self.poll_piece(context).map_ok(|piece| match piece {
            Piece::Data(data) => Some(data),
            Piece::End => None,
            Piece::Trailers(trailers) => {
                self.trailers = Some(trailers);
                self.kind = Kind::Whole(Bytes::new());
                None
            }
        })
    }

    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Piece, BodyError>> {
        match &mut self.kind {
            Kind::Whole(data) if data.is_empty() => Poll::Ready(Ok(Piece::End)),
            Kind::Whole(data) => Poll::Ready(Ok(Piece::Data(std::mem::take(data)))),
            Kind::Incoming(incoming) => incoming.poll_piece(context),
            Kind::Streamed(streamed) => streamed.poll_piece(context),
            Kind::Switch(_) => Poll::Ready(Ok(Piece::End)),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(data: Bytes) -> Self {
        let length = Some(data.len() as u64);
        Body { length, ..Self::new(Kind::Whole(data)) }
    }
}

impl From<Vec<u8>> for Body {
    fn from(data: Vec<u8>) -> Self {
        Bytes::from(data).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(data: &'static [u8]) -> Self {
        Bytes::from_static(data).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

/// What is sent into the channel, from whichever thread, until its last sender is gone.
impl From<crate::Receiver<Bytes>> for Body {
    fn from(receiver: crate::Receiver<Bytes>) -> Self {
        Self::stream(async move |mut sender| {
            while let Some(data) = receiver.recv().await {
                sender.send(data).await?;
            }
            Ok(())
        })
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Whole(_) => "whole",
            Kind::Incoming(_) => "incoming",
            Kind::Streamed(_) => "streamed",
            Kind::Switch(_) => "switch",
        };
        f.debug_struct("Body").field("kind", &kind).field("length", &self.length).finish_non_exhaustive()
    }
}
