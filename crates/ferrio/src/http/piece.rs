//! What polling a body gives.

use bytes::Bytes;
use http::HeaderMap;

/// See the module.
pub(super) enum Piece {
    Data(Bytes),
    /// After which nothing comes.
    Trailers(HeaderMap),
    End,
}
