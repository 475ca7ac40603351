//! What a server is told, with its defaults, and how one is started with it.

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use ferrio_http::h1::{Defaults, Limits};
use http::Request;

use crate::http::body::Body;
use crate::http::clients::{Settings, Shared};
use crate::http::connection::callback;
use crate::http::response::IntoResponse;
use crate::http::server::Server;

/// How a server is to be made. See [`Server::builder`].
///
/// ```
/// use std::time::Duration;
/// use ferrio::http::{Limits, Response, Server};
///
/// ferrio::run(async {
///     let server = Server::builder()
///         .limits(Limits { head: 16 << 10, body: Some(1 << 20), ..Limits::default() })
///         .keep_alive(Duration::from_secs(60))
///         .head_timeout(Duration::from_secs(10))
///         .max_connections(10_000)
///         .backlog(100)
///         .dated(false)
///         .start(async |_| Response::new("hello"), "127.0.0.1", 0)
///         .await?;
///     let (mut reader, mut writer) = ferrio::open_connection("127.0.0.1", server.port()).await?;
///     writer.write(b"GET / HTTP/1.0\r\n\r\n");
///     assert!(reader.read_to_end().await?.starts_with(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerBuilder {
    streams: crate::ServerBuilder,
    settings: Settings,
}

impl Default for ServerBuilder {
    fn default() -> Self {
        ServerBuilder {
            // uvicorn's figures.
            streams: crate::ServerBuilder::default().backlog(2048),
            settings: Settings {
                keep_alive: Duration::from_secs(5),
                head_timeout: Duration::from_secs(30),
                limits: Limits::default(),
                max_connections: usize::MAX,
                dated: true,
                defaults: Defaults::new(),
            },
        }
    }
}

impl ServerBuilder {
    /// How much a client may ask for: bytes of a head and of a body, headers, and more. Beyond: 413, 414 or 431.
    ///
    /// ```
    /// use ferrio::http::{Limits, Server};
    ///
    /// let builder = Server::builder().limits(Limits { body: Some(1 << 20), ..Limits::default() });
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// How long a connection is kept between two requests: 5 seconds by default.
    #[must_use]
    pub fn keep_alive(mut self, limit: Duration) -> Self {
        self.settings.keep_alive = limit;
        self
    }

    /// How long a client may take to send a head: 30 seconds by default. Beyond: 408.
    #[must_use]
    pub fn head_timeout(mut self, limit: Duration) -> Self {
        self.settings.head_timeout = limit;
        self
    }

    /// How many connections are served at once, WebSockets included. One more is answered 503. As many as come by default.
    #[must_use]
    pub fn max_connections(mut self, limit: usize) -> Self {
        self.settings.max_connections = limit;
        self
    }

    /// A header that every answer has which has none of this name. There may be 63.
    ///
    /// # Panics
    /// For one of a connection's own, such as Content-Length, and for the 64th.
    ///
    /// ```
    /// let builder = ferrio::http::Server::builder().default_header("server", "mine");
    /// ```
    #[must_use]
    pub fn default_header(mut self, name: &str, value: &str) -> Self {
        if let Err(misuse) = self.settings.defaults.add(name.as_bytes(), value.as_bytes()) {
            // Bad use.
            panic!("default_header: {misuse}");
        }
        self
    }

    /// Whether answers have a Date: they do by default.
    #[must_use]
    pub fn dated(mut self, on: bool) -> Self {
        self.settings.dated = on;
        self
    }

    /// How many connections may wait to be accepted. 2048 by default.
    #[must_use]
    pub fn backlog(mut self, backlog: u16) -> Self {
        self.streams = self.streams.backlog(backlog);
        self
    }

    /// Lets other loops and processes serve the same address, if they say so, too: the kernel shares connections out.
    #[must_use]
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.streams = self.streams.reuse_port(on);
        self
    }

    /// Encrypts all connections: HTTPS. Clients are told of `http/1.1` by ALPN.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, context: crate::ssl::ServerContext) -> Self {
        self.streams = self.streams.tls(context.alpn(&["http/1.1"]));
        self
    }

    /// As [`start_server`](crate::http::start_server).
    ///
    /// # Errors
    /// As `start_server`.
    ///
    /// # Panics
    /// Where no loop runs.
    pub async fn start<S, R>(self, service: S, host: &str, port: u16) -> io::Result<Server>
    where
        S: AsyncFn(Request<Body>) -> R + 'static,
        R: IntoResponse + 'static,
    {
        let shared = Rc::new(Shared::new(self.settings));
        let streams = self.streams.start(callback(shared.clone(), service), host, port).await?;
        Ok(Server::new(streams, shared))
    }

    /// As [`start_unix_server`](crate::http::start_unix_server).
    ///
    /// # Errors
    /// As `start_unix_server`.
    ///
    /// # Panics
    /// Where no loop runs.
    pub fn start_unix<S, R>(self, service: S, path: impl AsRef<Path>) -> io::Result<Server>
    where
        S: AsyncFn(Request<Body>) -> R + 'static,
        R: IntoResponse + 'static,
    {
        let shared = Rc::new(Shared::new(self.settings));
        let streams = self.streams.start_unix(callback(shared.clone(), service), path)?;
        Ok(Server::new(streams, shared))
    }
}
