//! A body that is made piece by piece: one piece is on its way at a time, so that whoever makes them waits for who takes them.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;

use crate::http::errors::BodyError;
use crate::http::piece::Piece;

/// The side that takes.
pub(super) struct Streamed {
    slot: Rc<Slot>,
    /// What makes the pieces, where no other task does.
    writer: Option<Pin<Box<dyn Future<Output = io::Result<()>>>>>,
}

/// What both sides have.
#[derive(Default)]
struct Slot {
    piece: RefCell<Option<Piece>>,
    /// Who waits for a piece, and who for the place to be free.
    taker: Cell<Option<Waker>>,
    maker: Cell<Option<Waker>>,
    /// Nobody takes any more, or makes.
    untaken: Cell<bool>,
    ended: Cell<bool>,
    cut: Cell<bool>,
}

impl Streamed {
    pub(super) fn by(write: impl AsyncFnOnce(BodySender) -> io::Result<()> + 'static) -> Self {
        let (sender, mut streamed) = Self::channel();
        streamed.writer = Some(Box::pin(async move { write(sender).await }));
        streamed
    }

    pub(super) fn channel() -> (BodySender, Self) {
        let slot = Rc::new(Slot::default());
        (BodySender(slot.clone()), Streamed { slot, writer: None })
    }

    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Piece, BodyError>> {
        if let Some(piece) = self.slot.take() {
            return Poll::Ready(Ok(piece));
        }
        // Out of reach while it is polled: nobody goes on with one that panicked.
        if let Some(mut writer) = self.writer.take() {
            match writer.as_mut().poll(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => self.writer = Some(writer),
            }
            if let Some(piece) = self.slot.take() {
                return Poll::Ready(Ok(piece));
            }
        }
        if self.slot.cut.get() {
            let text = "what made the body gave up";
            return Poll::Ready(Err(BodyError::Io(io::Error::new(io::ErrorKind::UnexpectedEof, text))));
        }
        if self.slot.ended.get() {
            return Poll::Ready(Ok(Piece::End));
        }
        self.slot.taker.set(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        self.slot.untaken.set(true);
        wake(&self.slot.maker);
    }
}

impl Slot {
    fn take(&self) -> Option<Piece> {
        let piece = self.piece.take();
        if piece.is_some() {
            wake(&self.maker);
        }
        piece
    }
}

fn wake(waker: &Cell<Option<Waker>>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// Sends a body piece by piece. See [`Body::stream`](crate::http::Body::stream) and [`Body::channel`](crate::http::Body::channel).
///
/// ```
/// ferrio::run(async {
///     let (mut sender, body) = ferrio::http::Body::channel();
///     sender.send("one").await?;
///     drop(body);
///     assert_eq!(sender.send("two").await.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct BodySender(Rc<Slot>);

impl BodySender {
    /// Sends a piece, once the one before was taken. An empty one is nothing.
    ///
    /// # Errors
    /// `BrokenPipe` when nobody takes it any more.
    pub async fn send(&mut self, data: impl Into<Bytes>) -> io::Result<()> {
        let data = data.into();
        if data.is_empty() {
            return Ok(());
        }
        self.put(Piece::Data(data)).await
    }

    /// Ends the body with trailers, which go to clients of HTTP/1.1 where the answer has no Content-Length.
    ///
    /// # Errors
    /// As `send`.
    pub async fn trailers(mut self, trailers: HeaderMap) -> io::Result<()> {
        self.put(Piece::Trailers(trailers)).await
    }

    /// Cuts the body off: who receives it is not to take it for whole.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let (sender, mut body) = ferrio::http::Body::channel();
    ///     sender.abort();
    ///     assert!(body.next_chunk().await.is_err());
    /// });
    /// ```
    pub fn abort(self) {
        self.0.cut.set(true);
    }

    async fn put(&mut self, piece: Piece) -> io::Result<()> {
        let (slot, mut piece) = (&self.0, Some(piece));
        poll_fn(|context| {
            if slot.untaken.get() {
                let text = "nobody takes the body any more";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, text)));
            }
            let mut place = slot.piece.borrow_mut();
            if place.is_some() {
                slot.maker.set(Some(context.waker().clone()));
                return Poll::Pending;
            }
            *place = piece.take();
            drop(place);
            wake(&slot.taker);
            Poll::Ready(Ok(()))
        })
        .await
    }
}

/// A task that panics while it makes a body cuts it off.
impl Drop for BodySender {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.cut.set(true);
        }
        self.0.ended.set(true);
        wake(&self.0.taker);
    }
}

impl fmt::Debug for BodySender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySender").field("taken", &!self.0.untaken.get()).finish()
    }
}
