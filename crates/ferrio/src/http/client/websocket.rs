//! `WebSocketBuilder`: from an address to a WebSocket.

use std::fmt;
use std::time::Duration;

use ferrio_http::ws::handshake::Opening;
use ferrio_http::ws::{Connection, Role};

use crate::futures::create_future;
use crate::http::client::errors::{Error, Phase, Why};
use crate::http::client::request::RequestBuilder;
use crate::http::client::sending;
use crate::http::upgrade::Upgrade;
use crate::http::websocket::{WebSocket, Whose};

/// A WebSocket to be opened. See [`Client::websocket`](crate::http::Client::websocket).
///
/// ```
/// use std::time::Duration;
/// use ferrio::http::Client;
///
/// let socket = Client::new()
///     .websocket("wss://example.org/chat")
///     .protocols(&["chat.v2", "chat"])
///     .header("origin", "https://example.org")
///     .max_message_size(64 * 1024)
///     .pings(Some(Duration::from_secs(30)), Duration::from_secs(10));
/// ```
#[must_use = "a WebSocket is not opened before `connect`"]
pub struct WebSocketBuilder {
    request: RequestBuilder,
    how: Upgrade,
}

impl WebSocketBuilder {
    pub(super) fn new(request: RequestBuilder) -> Self {
        WebSocketBuilder { request, how: Upgrade::new() }
    }

    /// The subprotocols that are offered, best first.
    pub fn protocols(mut self, names: &[&str]) -> Self {
        self.how = self.how.protocols(names);
        self
    }

    /// Whether compression is offered: it is by default.
    pub fn deflate(mut self, on: bool) -> Self {
        self.how = self.how.deflate(on);
        self
    }

    /// The largest message that is taken, in bytes. As [`Upgrade::max_message_size`].
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.how = self.how.max_message_size(bytes);
        self
    }

    /// After how long of silence the server is pinged. As [`Upgrade::pings`].
    pub fn pings(mut self, interval: Option<Duration>, timeout: Duration) -> Self {
        self.how = self.how.pings(interval, timeout);
        self
    }

    /// Adds a header to the request.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// How long opening it may take.
    pub fn timeout(mut self, limit: Option<Duration>) -> Self {
        self.request = self.request.timeout(limit);
        self
    }

    /// Opens it.
    ///
    /// # Errors
    /// As [`send`](RequestBuilder::send); when the server answers otherwise, with the status of its answer.
    ///
    /// # Panics
    /// Where no loop runs.
    pub async fn connect(self) -> Result<WebSocket, Error> {
        let WebSocketBuilder { mut request, how } = self;
        let names: Vec<&str> = how.protocols.iter().map(String::as_str).collect();
        let opening = Opening::new(&names, how.deflate);
        for (name, value) in opening.headers() {
            request = request.header(&String::from_utf8_lossy(name), value);
        }
        let method = request.method.clone();
        let ((head, _, incoming), address) = sending::switch(request).await?;
        let failed = |why| Error::new(&method, Some(&address), Phase::Status, why);
        let status = head.status();
        if status.as_u16() != 101 {
            return Err(failed(Why::Status(status)));
        }
        let fields: Vec<_> =
            head.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
        let agreed = opening.check(101, &fields).map_err(|unfit| failed(Why::Text(unfit.reason)))?;
        let live = incoming.into_lease().and_then(|mut lease| lease.live.take());
        let live = live.ok_or_else(|| failed(Why::Text("the connection is gone")))?;
        let protocol = Connection::new(Role::Client, how.settings.config, agreed.deflate);
        // Nobody waits for its end.
        let (gone, _) = create_future();
        let socket = WebSocket::new(live.link.clone(), protocol, &how.settings, gone, Whose::Clients);
        Ok(socket.speaking(agreed.subprotocol))
    }
}

impl fmt::Debug for WebSocketBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketBuilder").field("how", &self.how).finish_non_exhaustive()
    }
}
