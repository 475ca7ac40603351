//! br, by brotli-decompressor: without the extension of windows of up to 1 GiB, which is no part of the coding.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Broken, Decode, Done, Make};

pub(super) const MAKE: Option<Make> = Some(|| {
    let memory = StandardAlloc::default;
    let state = BrotliState::new_strict(memory(), memory(), memory());
    Some(Box::new(Brotli { state, ended: false }))
});

/// See the module.
struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    ended: bool,
}

impl Decode for Brotli {
    fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<Done, Broken> {
        if self.ended {
            return Ok(Done { used: input.len(), made: 0 });
        }
        let (mut unread, mut used, mut room, mut made) = (input.len(), 0, out.len(), 0);
        let mut total = 0;
        match BrotliDecompressStream(
            &mut unread,
            &mut used,
            input,
            &mut room,
            &mut made,
            out,
            &mut total,
            &mut self.state,
        ) {
            BrotliResult::ResultFailure => return Err(Broken),
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        Ok(Done { used, made })
    }

    fn is_whole(&self) -> bool {
        self.ended
    }
}
