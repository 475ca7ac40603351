//! The server's side: is the request a WebSocket's, what does it offer, and what is the answer?

use std::{error, fmt};

use super::{Deflate, Field, deflate, fields, key};

/// A request that asks for a WebSocket rightly, before it is answered.
///
/// ```
/// use ferrio_http::ws::handshake::Offer;
///
/// let headers: [(&[u8], &[u8]); 5] = [
///     (b"Host", b"example.org"),
///     (b"Upgrade", b"websocket"),
///     (b"Connection", b"keep-alive, Upgrade"),
///     (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
///     (b"Sec-WebSocket-Version", b"13"),
/// ];
/// let accepted = Offer::read(b"GET", (1, 1), &headers)?.accept(None, None);
/// let (name, value) = accepted.headers().nth(2).unwrap();
/// assert_eq!((name, value), (&b"sec-websocket-accept"[..], &b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    headers: &'a [Field<'a>],
    key: &'a [u8],
}

/// Why a request is no WebSocket's: the answer to it.
///
/// ```
/// use ferrio_http::ws::handshake::Offer;
///
/// let Err(refusal) = Offer::read(b"GET", (1, 1), &[(b"host", b"example.org")]) else { panic!("no upgrade") };
/// assert_eq!((refusal.status, refusal.reason), (426, "the request has no Upgrade: websocket"));
/// assert!(refusal.headers().any(|(name, value)| (name, value) == (b"sec-websocket-version", b"13")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 400, or 426 where the right headers would help.
    pub status: u16,
    /// What is wrong.
    pub reason: &'static str,
}

/// What a server answers with status 101.
///
/// ```
/// use ferrio_http::ws::handshake::{Offer, Opening};
///
/// let opening = Opening::new(&[], None);
/// let request: Vec<_> = opening.headers().collect();
/// let accepted = Offer::read(b"GET", (1, 1), &request)?.accept(None, None);
/// assert_eq!((accepted.headers().count(), accepted.deflate()), (3, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Accepted {
    answer: [u8; 28],
    subprotocol: Option<String>,
    extensions: Option<String>,
    deflate: Option<Deflate>,
}

impl<'a> Offer<'a> {
    /// Checks a request, given its method, its version of HTTP, and its headers.
    ///
    /// # Errors
    ///
    /// The answer, if the request is no WebSocket's.
    pub fn read(method: &[u8], version: (u8, u8), headers: &'a [Field<'a>]) -> Result<Self, Refusal> {
        let refuse = |status, reason| Err(Refusal { status, reason });
        if !fields::lists(headers, "upgrade", "websocket") {
            return refuse(426, "the request has no Upgrade: websocket");
        }
        if method != b"GET" {
            return refuse(400, "the method of a WebSocket's request is not GET");
        }
        if version < (1, 1) {
            return refuse(400, "the version of HTTP is less than 1.1");
        }
        if !fields::lists(headers, "connection", "upgrade") {
            return refuse(400, "the request has no Connection: Upgrade");
        }
        if fields::one(headers, "sec-websocket-version") != Ok(Some(b"13")) {
            return refuse(426, "Sec-WebSocket-Version is not 13");
        }
        match fields::one(headers, "sec-websocket-key") {
            Ok(Some(key)) if key::is_valid(key) => Ok(Self { headers, key }),
            Ok(None) => refuse(400, "the request has no Sec-WebSocket-Key"),
            Ok(_) => refuse(400, "Sec-WebSocket-Key is not 16 bytes in base64"),
            Err(()) => refuse(400, "the request has more than one Sec-WebSocket-Key"),
        }
    }

    /// The subprotocols that the client speaks, the one that it likes best first.
    ///
    /// ```
    /// use ferrio_http::ws::handshake::{Offer, Opening};
    ///
    /// let opening = Opening::new(&["v2.chat", "v1.chat"], None);
    /// let request: Vec<_> = opening.headers().collect();
    /// let offer = Offer::read(b"GET", (1, 1), &request)?;
    /// assert_eq!(offer.subprotocols().find(|name| *name == "v1.chat"), Some("v1.chat"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn subprotocols(&self) -> impl Iterator<Item = &'a str> {
        fields::all(self.headers, "sec-websocket-protocol")
            .flat_map(fields::elements)
            .filter_map(fields::token)
    }

    /// The answer: with a subprotocol, if the program chose one of those offered, and with deflate, if it is wanted and the
    /// client offered it in a way that fits.
    ///
    /// ```
    /// use ferrio_http::ws::handshake::{Deflate, Offer, Opening};
    ///
    /// let small = Deflate { server_max_window_bits: 10, ..Deflate::default() };
    /// let opening = Opening::new(&[], Some(small));
    /// let request: Vec<_> = opening.headers().collect();
    /// let offer = Offer::read(b"GET", (1, 1), &request)?;
    /// assert_eq!(offer.accept(None, Some(Deflate::default())).deflate(), Some(small));
    /// assert_eq!(offer.accept(None, None).deflate(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn accept(&self, subprotocol: Option<&str>, wanted: Option<Deflate>) -> Accepted {
        let agreed = wanted.and_then(|wanted| deflate::agree(self.headers, wanted));
        let offered = |name: &&str| self.subprotocols().any(|offered| offered == *name);
        Accepted {
            answer: key::answer(self.key),
            // One that the client did not offer would make it end the connection.
            subprotocol: subprotocol.filter(offered).map(str::to_owned),
            deflate: agreed.as_ref().map(|(deflate, _)| *deflate),
            extensions: agreed.map(|(_, answer)| answer),
        }
    }
}

impl Refusal {
    /// Headers that belong to the answer.
    pub fn headers(&self) -> impl Iterator<Item = (&'static [u8], &'static [u8])> {
        let upgrade = [(&b"upgrade"[..], &b"websocket"[..]), (b"connection", b"upgrade")];
        let version = (&b"sec-websocket-version"[..], &b"13"[..]);
        upgrade.into_iter().take(if self.status == 426 { 2 } else { 0 }).chain([version])
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.reason)
    }
}

impl error::Error for Refusal {}

impl Accepted {
    /// The headers of the answer.
    pub fn headers(&self) -> impl Iterator<Item = Field<'_>> {
        let subprotocol =
            self.subprotocol.as_ref().map(|name| (&b"sec-websocket-protocol"[..], name.as_bytes()));
        let extensions =
            self.extensions.as_ref().map(|text| (&b"sec-websocket-extensions"[..], text.as_bytes()));
        let always = [
            (&b"upgrade"[..], &b"websocket"[..]),
            (b"connection", b"upgrade"),
            (b"sec-websocket-accept", &self.answer),
        ];
        always.into_iter().chain(subprotocol).chain(extensions)
    }

    /// The subprotocol that is agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// What [`Connection::new`](crate::ws::Connection::new) is to be told of deflate.
    #[must_use]
    pub fn deflate(&self) -> Option<Deflate> {
        self.deflate
    }
}
