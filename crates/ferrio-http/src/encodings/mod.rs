//! Content codings (RFC 9110, 8.4.1), as a client reads them: gzip, deflate, and br and zstd behind features. Streamed and bounded: what
//! was flushed comes out at once, and never more than was asked for.
//!
//! A decoder keeps a window of what it decoded: 32 KiB, of br and zstd at most 16 MiB and 8 MiB, which is what these codings allow on
//! the web (RFC 7932, 9.1; RFC 9659). It is made when the first byte comes.
//!
//! ```
//! use ferrio_http::encodings::Decoder;
//!
//! let packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
//! let mut decoder = Decoder::new(b"gzip").unwrap();
//! let mut body = Vec::new();
//! let step = decoder.decode(packed, 1024, &mut body)?;
//! assert_eq!((step.used, step.full, &body[..]), (packed.len(), false, &b"hello"[..]));
//! decoder.finish()?;
//! # Ok::<(), ferrio_http::encodings::Fault>(())
//! ```
//!
//! * `inflating`: gzip and deflate; `brotli`; `zstd`

#[cfg(not(all(feature = "br", feature = "zstd")))]
mod absent;
#[cfg(feature = "br")]
mod brotli;
mod inflating;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(not(feature = "br"))]
use absent as brotli;
#[cfg(not(feature = "zstd"))]
use absent as zstd;
use std::fmt;

/// What `Accept-Encoding` may say: the codings for which there is a decoder.
///
/// ```
/// assert!(ferrio_http::encodings::accepted().starts_with("gzip, deflate"));
/// ```
#[must_use]
pub fn accepted() -> &'static str {
    match (brotli::MAKE.is_some(), zstd::MAKE.is_some()) {
        (false, false) => "gzip, deflate",
        (true, false) => "gzip, deflate, br",
        (false, true) => "gzip, deflate, zstd",
        (true, true) => "gzip, deflate, br, zstd",
    }
}

/// Why a body cannot be decoded.
///
/// ```
/// use ferrio_http::encodings::{Decoder, Fault};
///
/// let mut decoder = Decoder::new(b"gzip").unwrap();
/// assert_eq!(decoder.decode(b"no gzip", 100, &mut Vec::new()), Err(Fault::Broken("gzip")));
/// assert_eq!(Fault::Broken("gzip").to_string(), "the body is no gzip, as its Content-Encoding says");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not what its coding says.
    Broken(&'static str),
    /// It ends too early.
    Cut(&'static str),
    /// It is longer than the limit.
    TooLong(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(coding) => {
                write!(formatter, "the body is no {coding}, as its Content-Encoding says")
            }
            Self::Cut(coding) => write!(formatter, "the body ends within its {coding} coding"),
            Self::TooLong(limit) => write!(formatter, "the body is longer than {limit} bytes when decoded"),
        }
    }
}

impl std::error::Error for Fault {}

/// What one call has done.
///
/// ```
/// use ferrio_http::encodings::Decoder;
///
/// let mut decoder = Decoder::new(b"deflate").unwrap();
/// let step = decoder.decode(b"\x4b\x04\0", 100, &mut Vec::new()).unwrap();
/// assert_eq!((step.used, step.full), (3, false));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Step {
    /// How many bytes of the input it used; the rest is given again.
    pub used: usize,
    /// It made as much as it was allowed to: there may be more without more input.
    pub full: bool,
}

/// Decodes a body as it comes.
///
/// ```
/// use ferrio_http::encodings::{Decoder, Fault};
///
/// // A kilobyte of zeros in 17 bytes, of which only 600 bytes are taken.
/// let packed = b"\x78\x9c\x63\x60\x18\x05\xa3\x60\x14\x0c\x77\0\0\x04\0\0\x01";
/// let mut decoder = Decoder::new(b"deflate").unwrap().with_limit(600);
/// let (mut body, mut input) = (Vec::new(), &packed[..]);
/// let fault = loop {
///     match decoder.decode(input, 256, &mut body) {
///         Ok(step) => input = &input[step.used..],
///         Err(fault) => break fault,
///     }
/// };
/// assert_eq!((fault, body.len()), (Fault::TooLong(600), 600));
/// ```
pub struct Decoder {
    coding: &'static str,
    make: Make,
    inner: Option<Box<dyn Decode>>,
    made: u64,
    limit: u64,
}

/// Makes a decoder, if there is memory for it.
type Make = fn() -> Option<Box<dyn Decode>>;

/// One coding.
trait Decode: Send {
    /// Decodes into `out` as far as there is room. With room left, all of the input was used.
    fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<Done, Broken>;

    /// Whether the body may end here.
    fn is_whole(&self) -> bool;
}

/// What was used of the input and filled of the output.
struct Done {
    used: usize,
    made: usize,
}

/// It is not what its coding says.
struct Broken;

impl Decoder {
    /// For the value of `Content-Encoding`, in any case. None for what is not known, and for several codings at once: such a body is
    /// handed on as it is.
    #[must_use]
    pub fn new(coding: &[u8]) -> Option<Self> {
        let known = [
            ("gzip", inflating::GZIP),
            ("x-gzip", inflating::GZIP),
            ("deflate", inflating::DEFLATE),
            ("br", brotli::MAKE),
            ("zstd", zstd::MAKE),
        ];
        let named = |name: &str| coding.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
        let (coding, make) = known.into_iter().find(|(name, _)| named(name))?;
        Some(Decoder { coding, make: make?, inner: None, made: 0, limit: u64::MAX })
    }

    /// Makes no more than so many bytes in all.
    #[must_use]
    pub fn with_limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// Appends what comes of `input`, at most `most` bytes. Called again, with what was not used of the input and with more, while
    /// there is input or the step was `full`.
    ///
    /// # Errors
    ///
    /// When the body is broken, and at the limit. What was appended before is good.
    pub fn decode(&mut self, input: &[u8], most: usize, out: &mut Vec<u8>) -> Result<Step, Fault> {
        if self.inner.is_none() && input.is_empty() {
            return Ok(Step { used: 0, full: false });
        }
        let broken = Fault::Broken(self.coding);
        if self.inner.is_none() {
            self.inner = (self.make)();
        }
        let Some(inner) = &mut self.inner else { return Err(broken) };
        let left = self.limit - self.made;
        // One byte more, to see whether there is one.
        let room = most.min(usize::try_from(left.saturating_add(1)).unwrap_or(usize::MAX));
        let start = out.len();
        out.resize(start + room, 0);
        let (mut used, mut made) = (0, 0);
        let result = loop {
            let (rest, place) = (input.get(used..), out.get_mut(start + made..));
            let (Some(rest), Some(place)) = (rest, place.filter(|place| !place.is_empty())) else {
                break Ok(());
            };
            match inner.decode(rest, place) {
                Ok(done) if done.used == 0 && done.made == 0 => break Ok(()),
                Ok(done) => {
                    used += done.used;
                    made += done.made;
                }
                Err(Broken) => break Err(broken),
            }
        };
        let within = made.min(usize::try_from(left).unwrap_or(usize::MAX));
        out.truncate(start + within);
        self.made += within as u64;
        if within < made {
            return Err(Fault::TooLong(self.limit));
        }
        result.map(|()| Step { used, full: made == room && room > 0 })
    }

    /// The body has ended, after all of it was decoded. An empty one is whole: answers without a body name codings, too.
    ///
    /// ```
    /// use ferrio_http::encodings::{Decoder, Fault};
    ///
    /// let mut decoder = Decoder::new(b"gzip").unwrap();
    /// assert_eq!(decoder.finish(), Ok(()));
    /// let _ = decoder.decode(b"\x1f\x8b", 100, &mut Vec::new())?;
    /// assert_eq!(decoder.finish(), Err(Fault::Cut("gzip")));
    /// # Ok::<(), Fault>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When it was cut off.
    pub fn finish(&self) -> Result<(), Fault> {
        match &self.inner {
            Some(inner) if !inner.is_whole() => Err(Fault::Cut(self.coding)),
            _ => Ok(()),
        }
    }
}

/// Its coding: bodies are not for logs.
impl fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Decoder").field("coding", &self.coding).finish_non_exhaustive()
    }
}
