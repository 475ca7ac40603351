//! `Body` by the trait of the crate `http-body`, which hyper's world has in common: a body of ours is one of theirs.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use crate::http::body::{Body, Kind};
use crate::http::errors::BodyError;
use crate::http::piece::Piece;

/// ```
/// use http_body_util::BodyExt;
///
/// ferrio::run(async {
///     let body = ferrio::http::Body::stream(async |mut sender| sender.send("hello").await);
///     assert_eq!(body.collect().await?.to_bytes(), "hello");
///     Ok::<_, ferrio::http::BodyError>(())
/// })?;
/// # Ok::<(), ferrio::http::BodyError>(())
/// ```
impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.poll_piece(context).map(|piece| match piece {
            Ok(Piece::Data(data)) => Some(Ok(Frame::data(data))),
            Ok(Piece::Trailers(trailers)) => {
                self.kind = Kind::Whole(Bytes::new());
                Some(Ok(Frame::trailers(trailers)))
            }
            Ok(Piece::End) => None,
            Err(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.kind, Kind::Whole(data) if data.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(data) => SizeHint::with_exact(data.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
