//! zstd, by the library of its authors. A body is one frame or several.

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::{Broken, Decode, Done, Make};

/// The largest window, as a power of two: 8 MiB (RFC 9659).
const WINDOW: u32 = 23;

/// See the module.
struct Zstd {
    context: DCtx<'static>,
    /// Between two frames.
    whole: bool,
}

pub(super) const MAKE: Option<Make> = Some(|| {
    let mut context = DCtx::try_create()?;
    context.set_parameter(DParameter::WindowLogMax(WINDOW)).ok()?;
    Some(Box::new(Zstd { context, whole: false }))
});

impl Decode for Zstd {
    fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<Done, Broken> {
        if self.whole && input.is_empty() {
            return Ok(Done { used: 0, made: 0 });
        }
        let (mut from, mut into) = (InBuffer::around(input), OutBuffer::around(out));
        let wanted = self.context.decompress_stream(&mut into, &mut from).map_err(|_| Broken)?;
        self.whole = wanted == 0;
        Ok(Done { used: from.pos(), made: into.pos() })
    }

    fn is_whole(&self) -> bool {
        self.whole
    }
}
