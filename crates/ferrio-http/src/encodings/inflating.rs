//! gzip and deflate, by zlib-rs. Owns what the web has made of the two: members one after another, streams without a header.

use zlib_rs::{Inflate, InflateFlush, Status};

use super::{Broken, Decode, Done, Make};

/// zlib's number for the largest window, and what it adds to that for gzip's header.
const WINDOW: u8 = 15;
const WITH_GZIP: u8 = 16;

/// See the module.
struct Inflating {
    /// None before the first byte, which says what is to be made.
    stream: Option<Inflate>,
    gzip: bool,
    ended: bool,
    /// What follows a whole body is not a part of it.
    over: bool,
}

pub(super) const GZIP: Option<Make> = Some(|| Some(Box::new(Inflating::new(true))));
pub(super) const DEFLATE: Option<Make> = Some(|| Some(Box::new(Inflating::new(false))));

impl Decode for Inflating {
    fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<Done, Broken> {
        if self.ended
            && let Some(first) = input.first()
        {
            // A gzip may have several members. Other bytes behind one are rubbish that everybody ignores.
            if self.gzip && *first == 0x1f && !self.over {
                self.stream = None;
                self.ended = false;
            } else {
                self.over = true;
                return Ok(Done { used: input.len(), made: 0 });
            }
        }
        let stream = match (&mut self.stream, input.first()) {
            (Some(stream), _) => stream,
            (None, Some(first)) => self.stream.insert(Self::stream(self.gzip, *first)),
            (None, None) => return Ok(Done { used: 0, made: 0 }),
        };
        let (used, made) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(input, out, InflateFlush::SyncFlush).map_err(|_| Broken)?;
        self.ended = status == Status::StreamEnd;
        Ok(Done {
            used: usize::try_from(stream.total_in() - used).map_err(|_| Broken)?,
            made: usize::try_from(stream.total_out() - made).map_err(|_| Broken)?,
        })
    }

    fn is_whole(&self) -> bool {
        self.ended
    }
}

impl Inflating {
    fn new(gzip: bool) -> Self {
        Inflating { stream: None, gzip, ended: false, over: false }
    }

    /// "deflate" means zlib's format, and many send it without the header. Its first byte tells: the lower half is 8 in a header,
    /// and never in a raw stream, where it would be a block that is stored with a bit set in the padding.
    fn stream(gzip: bool, first: u8) -> Inflate {
        match (gzip, first & 0x0f) {
            (true, _) => Inflate::new(true, WITH_GZIP + WINDOW),
            (false, 8) => Inflate::new(true, WINDOW),
            (false, _) => Inflate::new(false, WINDOW),
        }
    }
}
