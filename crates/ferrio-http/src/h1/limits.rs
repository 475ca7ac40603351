//! How much a peer may ask of us: one struct, with its defaults. Knows no machine.

/// The bounds of what a connection reads. Whatever goes beyond one is a [`Refusal`](super::Refusal) that names it.
///
/// ```
/// use ferrio_http::h1::Limits;
///
/// let limits = Limits { body: Some(1 << 20), ..Limits::default() };
/// assert_eq!((limits.head, limits.headers), (65_536, 100));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request line: 16 KiB, twice what RFC 9112 asks for at least. Beyond: 414.
    pub request_line: usize,
    /// Bytes of a head, its first line included: 64 KiB, as uvicorn has. Beyond: 431.
    pub head: usize,
    /// Headers of a head, or of trailers: 100. Beyond: 431.
    pub headers: usize,
    /// Bytes of a body: none by default, as the application decides. Beyond: 413.
    pub body: Option<u64>,
    /// Bytes of all chunk extensions of a body: 16 KiB. Nobody reads them, so they only cost. Beyond: 400.
    pub extensions: usize,
    /// Bytes of trailers: 8 KiB. Beyond: 431.
    pub trailers: usize,
    /// Bytes of a body that nobody wants which are read after the answer, so that the connection can go on: 64 KiB. Beyond,
    /// the connection closes.
    pub drain: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line: 16 << 10,
            head: 64 << 10,
            headers: 100,
            body: None,
            extensions: 16 << 10,
            trailers: 8 << 10,
            drain: 64 << 10,
        }
    }
}
