//! A client for HTTP/1.1 and WebSocket, on the running loop.
//!
//! * `options`, `settings`: what a client is told, and goes by; `request`, `forms`: a request as it is put together; `address`: URLs
//! * `sending`: from there to the answer, by redirects, proxies and second tries; `shared`: connections in use and idle
//! * `sockets`: connections as they are opened; `exchange`: one request and its answer on one of them
//! * `response`: an answer; `errors`: why there is none; `websocket`: WebSockets

mod address;
mod errors;
mod exchange;
mod forms;
mod options;
mod request;
mod response;
mod sending;
mod settings;
mod shared;
mod sockets;
mod websocket;

use std::fmt;
use std::rc::Rc;

use http::Method;

use self::shared::Shared;

pub use self::errors::{Error, Phase};
pub use self::forms::Multipart;
pub use self::options::ClientBuilder;
pub use self::request::RequestBuilder;
pub use self::response::Response;
pub use self::websocket::WebSocketBuilder;
#[cfg(feature = "public-suffixes")]
pub use ferrio_http::cookies::is_public_suffix;
pub use ferrio_http::cookies::{Cookie, Jar, is_top_level};
pub use ferrio_http::multipart::Part;
pub use ferrio_http::proxies::{Kind as ProxyKind, Proxy, Rules as ProxyRules};

/// A client. Clones share connections and cookies: a program mostly has one.
///
/// It runs on the loop's own thread, in the task of whoever asks. Connections are kept for the next request, and never shared by two;
/// who waits for one is served in order. A request that is dropped takes its connection with it.
///
/// ```
/// use ferrio::http::{self, Client, Response};
///
/// ferrio::run(async {
///     let server = http::start_server(async |_| Response::new("hello"), "127.0.0.1", 0).await?;
///     let url = format!("http://127.0.0.1:{}/", server.port());
///     let client = Client::new();
///     let texts = ferrio::gather((0..3).map(async |_| client.get(&url).send().await?.text().await)).await;
///     for text in texts {
///         assert_eq!(text?, "hello");
///     }
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct Client(Rc<Shared>);

impl Client {
    /// A client with the defaults of [`ClientBuilder`].
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A client that is told how to be.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A request with any method. What is wrong with the address is told when it is sent.
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::new(&self.0, method, url.as_ref())
    }

    /// A GET.
    pub fn get(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// A HEAD.
    pub fn head(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// A POST.
    pub fn post(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// A PUT.
    pub fn put(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// A PATCH.
    pub fn patch(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// A DELETE.
    pub fn delete(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// A WebSocket, to an address that begins with `ws://` or `wss://`. Its connection counts as in use until it is open.
    ///
    /// ```
    /// use ferrio::http::{self, Body, Client, Message, Request, UpgradeError};
    ///
    /// ferrio::run(async {
    ///     let service = async |request: Request<Body>| {
    ///         let (response, socket) = http::upgrade(request)?;
    ///         ferrio::create_task(async move {
    ///             let Ok(mut socket) = socket.await else { return };
    ///             while let Some(Message::Text(text)) = socket.recv().await {
    ///                 let _gone = socket.send_text(&format!("you said {text}")).await;
    ///             }
    ///         })
    ///         .detach();
    ///         Ok::<_, UpgradeError>(response)
    ///     };
    ///     let server = http::start_server(service, "127.0.0.1", 0).await?;
    ///     let mut socket = Client::new().websocket(format!("ws://127.0.0.1:{}/", server.port())).connect().await?;
    ///     socket.send_text("hi").await?;
    ///     assert_eq!(socket.recv().await, Some(Message::Text("you said hi".into())));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn websocket(&self, url: impl AsRef<str>) -> WebSocketBuilder {
        WebSocketBuilder::new(self.get(url))
    }

    /// Closes the connections that nobody uses. Those in use go on.
    pub fn close_idle(&self) {
        self.0.close_idle();
    }

    /// How many connections are in use, and how many are idle.
    ///
    /// ```
    /// assert_eq!(ferrio::http::Client::new().connections(), (0, 0));
    /// ```
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        self.0.counts()
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, idle) = self.connections();
        f.debug_struct("Client").field("in_use", &used).field("idle", &idle).finish()
    }
}
