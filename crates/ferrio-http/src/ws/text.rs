//! UTF-8 that comes in pieces, each checked once, when it comes.
//!
//! Invariant: `carried` bytes of `carry`, at most three, begin a character that is not all there, and could still become one.
//! So a text that cannot be mended fails with the byte that spoils it, not at its end.

use simdutf8::{basic, compat};

use super::Failed;

const BAD: Failed = Failed::payload("the text is not UTF-8");

/// A text that grows.
#[derive(Default)]
pub(super) struct Text {
    whole: String,
    carry: [u8; 4],
    carried: usize,
}

impl Text {
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.whole.reserve(bytes);
    }

    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Failed> {
        let piece = self.complete_character(piece)?;
        match compat::from_utf8(piece) {
            Ok(text) => self.whole.push_str(text),
            Err(error) if error.error_len().is_none() => {
                let (good, begun) = piece.split_at(error.valid_up_to());
                // Checked twice, but only where a piece ends within a character.
                self.whole.push_str(whole(good)?);
                self.carry[..begun.len()].copy_from_slice(begun);
                self.carried = begun.len();
            }
            Err(_) => return Err(BAD),
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<String, Failed> {
        if self.carried == 0 { Ok(self.whole) } else { Err(BAD) }
    }

    /// Takes from the piece what ends the character that the last one began.
    fn complete_character<'a>(&mut self, mut piece: &'a [u8]) -> Result<&'a [u8], Failed> {
        while self.carried > 0
            && let Some((&byte, rest)) = piece.split_first()
        {
            self.carry[self.carried] = byte;
            self.carried += 1;
            piece = rest;
            match str::from_utf8(&self.carry[..self.carried]) {
                Ok(character) => {
                    self.whole.push_str(character);
                    self.carried = 0;
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(BAD),
            }
        }
        Ok(piece)
    }
}

/// A whole text. Where it is not ASCII, simdutf8 takes a tenth of the standard library's time.
#[inline]
pub(super) fn whole(payload: &[u8]) -> Result<&str, Failed> {
    basic::from_utf8(payload).map_err(|_| BAD)
}
