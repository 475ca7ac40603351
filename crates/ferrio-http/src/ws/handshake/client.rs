//! The client's side: the headers that ask for a WebSocket, and whether the answer gives one.

use std::{error, fmt};

use super::{Deflate, Field, deflate, fields, key};

/// A request for a WebSocket. Its key is new, from the system's random numbers.
///
/// ```
/// use ferrio_http::ws::handshake::Opening;
///
/// let opening = Opening::new(&["chat"], None);
/// let names: Vec<_> = opening.headers().map(|(name, _)| String::from_utf8_lossy(name)).collect();
/// assert_eq!(names, ["upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol"]);
/// ```
#[derive(Clone, Debug)]
pub struct Opening {
    key: [u8; 24],
    subprotocols: Option<String>,
    deflate: Option<Deflate>,
    extensions: Option<String>,
}

/// What the server agreed to.
///
/// ```
/// use ferrio_http::ws::handshake::{Offer, Opening};
/// use ferrio_http::ws::{Config, Connection, Role};
///
/// let opening = Opening::new(&[], None);
/// let request: Vec<_> = opening.headers().collect();
/// let accepted = Offer::read(b"GET", (1, 1), &request)?.accept(None, None);
/// let answer: Vec<_> = accepted.headers().collect();
/// let agreed = opening.check(101, &answer)?;
/// let connection = Connection::new(Role::Client, Config::default(), agreed.deflate);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed<'a> {
    /// The subprotocol, if the server chose one.
    pub subprotocol: Option<&'a str>,
    /// Whether, and how, messages are compressed.
    pub deflate: Option<Deflate>,
}

/// The answer gives no WebSocket: the connection has to be ended, unless the answer is one to be read as HTTP.
///
/// ```
/// use ferrio_http::ws::handshake::Opening;
///
/// let Err(unfit) = Opening::new(&[], None).check(403, &[]) else { panic!("not 101") };
/// assert_eq!(unfit.to_string(), "the status of the answer is not 101");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What is wrong.
    pub reason: &'static str,
}

impl Opening {
    /// A request that offers these subprotocols, best first, and deflate, if it is wanted.
    #[must_use]
    pub fn new(subprotocols: &[&str], deflate: Option<Deflate>) -> Self {
        Self {
            key: key::fresh(),
            subprotocols: (!subprotocols.is_empty()).then(|| subprotocols.join(", ")),
            deflate,
            extensions: deflate.map(Deflate::offer),
        }
    }

    /// The headers of the request. `Host`, `Origin` and others are the program's.
    pub fn headers(&self) -> impl Iterator<Item = Field<'_>> {
        let subprotocols =
            self.subprotocols.as_ref().map(|names| (&b"sec-websocket-protocol"[..], names.as_bytes()));
        let extensions =
            self.extensions.as_ref().map(|text| (&b"sec-websocket-extensions"[..], text.as_bytes()));
        let always = [
            (&b"upgrade"[..], &b"websocket"[..]),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-key", &self.key),
            (b"sec-websocket-version", b"13"),
        ];
        always.into_iter().chain(subprotocols).chain(extensions)
    }

    /// Checks the answer, given its status and headers.
    ///
    /// ```
    /// use ferrio_http::ws::handshake::Opening;
    ///
    /// let headers: [(&[u8], &[u8]); 3] =
    ///     [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Accept", b"guessed")];
    /// let Err(unfit) = Opening::new(&[], None).check(101, &headers) else { panic!("guessed") };
    /// assert_eq!(unfit.reason, "Sec-WebSocket-Accept does not belong to the key");
    /// ```
    ///
    /// # Errors
    ///
    /// Why it gives no WebSocket.
    pub fn check<'a>(&self, status: u16, headers: &[Field<'a>]) -> Result<Agreed<'a>, Unfit> {
        let unfit = |reason| Err(Unfit { reason });
        if status != 101 {
            return unfit("the status of the answer is not 101");
        }
        if !fields::lists(headers, "upgrade", "websocket") {
            return unfit("the answer has no Upgrade: websocket");
        }
        if !fields::lists(headers, "connection", "upgrade") {
            return unfit("the answer has no Connection: Upgrade");
        }
        if fields::one(headers, "sec-websocket-accept") != Ok(Some(&key::answer(&self.key))) {
            return unfit("Sec-WebSocket-Accept does not belong to the key");
        }
        let subprotocol = match fields::one(headers, "sec-websocket-protocol") {
            Ok(chosen) => chosen.map(fields::token),
            Err(()) => return unfit("the answer has more than one subprotocol"),
        };
        if subprotocol.is_some_and(|chosen| chosen.is_none_or(|chosen| !self.offers(chosen))) {
            return unfit("the server chose a subprotocol that was not offered");
        }
        let deflate = deflate::check(headers, self.deflate).map_err(|reason| Unfit { reason })?;
        Ok(Agreed { subprotocol: subprotocol.flatten(), deflate })
    }

    fn offers(&self, name: &str) -> bool {
        self.subprotocols.as_ref().is_some_and(|offered| offered.split(", ").any(|offered| offered == name))
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl error::Error for Unfit {}
