//! A body as it comes in, whichever way its end is found. Owns what is left of it; knows no heads.

use super::chunked::Chunked;
use super::faults::Refusal;
use super::fields::Lines;
use super::length::Length;
use super::limits::Limits;

/// What is still to come of a body.
#[derive(Debug)]
pub(super) enum Receiver {
    Known(u64),
    Chunked(Chunked),
    UntilClose,
}

/// A part of a body.
pub(super) enum Piece<'i> {
    Data(&'i [u8]),
    /// The body is whole. Its trailers are in the lines, counted from here.
    End {
        trailers: usize,
    },
    More,
}

impl Receiver {
    pub(super) fn new(length: Length) -> Self {
        match length {
            Length::Known(size) => Self::Known(size),
            Length::Chunked => Self::Chunked(Chunked::new()),
            Length::UntilClose => Self::UntilClose,
        }
    }

    pub(super) fn advance<'i>(
        &mut self,
        input: &'i [u8],
        lines: &mut Lines,
        limits: &Limits,
    ) -> Result<(usize, Piece<'i>), Refusal> {
        let size = match self {
            Self::Chunked(chunked) => return chunked.advance(input, lines, limits),
            Self::Known(0) => {
                lines.reset();
                return Ok((0, Piece::End { trailers: 0 }));
            }
            Self::Known(left) => {
                let size = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= size as u64;
                size
            }
            Self::UntilClose => input.len(),
        };
        let piece = if size == 0 { Piece::More } else { Piece::Data(input.get(..size).unwrap_or_default()) };
        Ok((size, piece))
    }
}
