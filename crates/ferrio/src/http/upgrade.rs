//! From a request to a WebSocket: the handshake and its answer.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use ferrio_http::ws::Config;
use ferrio_http::ws::handshake::{Deflate, Offer};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};

use crate::futures::create_future;
use crate::http::body::{Body, Kind};
use crate::http::response::{IntoResponse, text};
use crate::http::switch::Switch;
use crate::http::websocket::{Settings, WebSocket};

/// Answers a request that asks for a WebSocket, and gives the WebSocket once the answer is sent. As [`Upgrade`] with its defaults.
///
/// # Errors
/// When the request asks for none, or wrongly: as an answer that is 426 or 400.
///
/// ```
/// use ferrio::http::{self, Body, Message, Request, UpgradeError};
///
/// ferrio::run(async {
///     let service = async |request: Request<Body>| {
///         let (response, socket) = http::upgrade(request)?;
///         ferrio::create_task(async move {
///             let Ok(mut socket) = socket.await else { return };
///             while let Some(Message::Text(text)) = socket.recv().await {
///                 let _gone = socket.send_text(&text).await;
///             }
///         })
///         .detach();
///         Ok::<_, UpgradeError>(response)
///     };
///     let server = http::start_server(service, "127.0.0.1", 0).await?;
///     let (mut reader, mut writer) = ferrio::open_connection("127.0.0.1", server.port()).await?;
///     writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
///     writer.write(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
///     assert!(reader.read_until(b"\r\n\r\n").await.unwrap().starts_with(b"HTTP/1.1 101 "));
///     writer.write(b"\x81\x82\0\0\0\0hi"); // a text, masked by zeros
///     assert_eq!(reader.read_exact(4).await.unwrap(), b"\x81\x02hi");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn upgrade(
    request: Request<Body>,
) -> Result<(Response<Body>, impl Future<Output = Result<WebSocket, NotUpgraded>>), UpgradeError> {
    Upgrade::new().upgrade(request)
}

/// What a WebSocket is to be like.
///
/// ```
/// use ferrio::http::{Body, Request, Upgrade};
///
/// let upgrade = Upgrade::new().protocols(&["chat.v2", "chat"]).max_message_size(64 * 1024).deflate(false);
/// let error = upgrade.upgrade(Request::new(Body::empty())).err().unwrap();
/// assert_eq!(error.to_string(), "426: the request has no Upgrade: websocket");
/// ```
#[derive(Clone, Debug)]
pub struct Upgrade {
    pub(super) protocols: Vec<String>,
    pub(super) deflate: Option<Deflate>,
    pub(super) settings: Settings,
}

impl Default for Upgrade {
    fn default() -> Self {
        // uvicorn's and websockets' figures.
        let twenty = Duration::from_secs(20);
        Upgrade {
            protocols: Vec::new(),
            deflate: Some(Deflate::default()),
            settings: Settings {
                config: Config::default(),
                ping_interval: Some(twenty),
                ping_timeout: twenty,
            },
        }
    }
}

impl Upgrade {
    /// With deflate, messages of at most 16 MiB, a ping after 20 silent seconds, and no subprotocol.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The subprotocols that are spoken, best first: the first that the client offers is chosen.
    #[must_use]
    pub fn protocols(mut self, names: &[&str]) -> Self {
        self.protocols = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// Whether messages are compressed (permessage-deflate) where the client can.
    #[must_use]
    pub fn deflate(mut self, on: bool) -> Self {
        self.deflate = on.then(Deflate::default);
        self
    }

    /// The largest message that is taken, in bytes: a longer one closes the WebSocket with 1009.
    #[must_use]
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.settings.config.max_message_size = bytes;
        self
    }

    /// After how long of silence the client is pinged while somebody waits in `recv`; `None`: never. A client that does not answer
    /// for as long as `timeout` is gone.
    #[must_use]
    pub fn pings(mut self, interval: Option<Duration>, timeout: Duration) -> Self {
        self.settings.ping_interval = interval;
        self.settings.ping_timeout = timeout;
        self
    }

    /// As [`upgrade`].
    ///
    /// # Errors
    /// As `upgrade`.
    pub fn upgrade(
        &self,
        request: Request<Body>,
    ) -> Result<(Response<Body>, impl Future<Output = Result<WebSocket, NotUpgraded>> + use<>), UpgradeError>
    {
        let (parts, _body) = request.into_parts();
        let fields: Vec<_> =
            parts.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
        let version = if parts.version == Version::HTTP_10 { (1, 0) } else { (1, 1) };
        let offer = Offer::read(parts.method.as_str().as_bytes(), version, &fields).map_err(UpgradeError)?;
        let offered = |name: &&String| offer.subprotocols().any(|offered| offered == name.as_str());
        let protocol = self.protocols.iter().find(offered).map(String::as_str);
        let accepted = offer.accept(protocol, self.deflate);
        let (promise, promised) = create_future();
        let switch = Switch { promise, deflate: accepted.deflate(), settings: self.settings };
        let mut response = Response::new(Body::new(Kind::Switch(Box::new(switch))));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        for (name, value) in accepted.headers() {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                response.headers_mut().append(name, value);
            }
        }
        Ok((response, async move { promised.await.map_err(|_| NotUpgraded) }))
    }
}

/// Why a request does not become a WebSocket. As an answer: 426 or 400, with the reason.
///
/// ```
/// use ferrio::http::{Body, IntoResponse, Request, upgrade};
///
/// let error = upgrade(Request::new(Body::empty())).err().unwrap();
/// assert_eq!(error.into_response().status(), 426);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct UpgradeError(ferrio_http::ws::handshake::Refusal);

impl IntoResponse for UpgradeError {
    fn into_response(self) -> Response<Body> {
        let mut response = text(self.0.status, self.0.reason);
        for (name, value) in self.0.headers() {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for UpgradeError {}

/// The answer that begins the WebSocket was not sent: the client went away, or the service gave another one.
///
/// ```
/// use ferrio::http::NotUpgraded;
///
/// assert_eq!(NotUpgraded.to_string(), "the request was not answered by a WebSocket");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUpgraded;

impl fmt::Display for NotUpgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was not answered by a WebSocket")
    }
}

impl std::error::Error for NotUpgraded {}
