//! `Server`, and the ways to start one.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use http::Request;

use crate::http::body::Body;
use crate::http::clients::{ON_THEIR_WAY, Shared};
use crate::http::options::ServerBuilder;
use crate::http::response::IntoResponse;
use crate::signals::{SIGTERM, Signals, signal};

/// Serves `host` and `port`: an empty `host` means all interfaces, port 0 one that the system chooses. Each request is a call of
/// `service`, in the task of its connection.
///
/// A service that panics is answered for with 500, and told of on the standard error; its connection goes on.
///
/// # Errors
/// When the name cannot be resolved; what the system reports: `AddrInUse` for one.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// use ferrio::http::{self, Body, Request, Response};
///
/// ferrio::run(async {
///     let service = async |mut request: Request<Body>| {
///         let name = request.body_mut().text(100).await?;
///         Ok::<_, http::BodyError>(Response::new(format!("hello {name}")))
///     };
///     let server = http::start_server(service, "127.0.0.1", 0).await?;
///     let (mut reader, mut writer) = ferrio::open_connection("127.0.0.1", server.port()).await?;
///     writer.write(b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nAda");
///     assert!(reader.read_to_end().await?.ends_with(b"\r\n\r\nhello Ada"));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn start_server<S, R>(service: S, host: &str, port: u16) -> io::Result<Server>
where
    S: AsyncFn(Request<Body>) -> R + 'static,
    R: IntoResponse + 'static,
{
    ServerBuilder::default().start(service, host, port).await
}

/// The same for a Unix socket at `path`, where nothing may be yet. The path stays when the server closes.
///
/// # Errors
/// As `start_server`.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// use ferrio::http::{Response, start_unix_server};
///
/// ferrio::run(async {
///     let path = std::env::temp_dir().join(format!("hello-{}", std::process::id()));
///     let server = start_unix_server(async |_| Response::new("hello"), &path)?;
///     let (mut reader, mut writer) = ferrio::open_unix_connection(&path).await?;
///     writer.write(b"GET / HTTP/1.0\r\n\r\n");
///     assert!(reader.read_to_end().await?.ends_with(b"hello"));
///     drop(server);
///     std::fs::remove_file(path)
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn start_unix_server<S, R>(service: S, path: impl AsRef<Path>) -> io::Result<Server>
where
    S: AsyncFn(Request<Body>) -> R + 'static,
    R: IntoResponse + 'static,
{
    ServerBuilder::default().start_unix(service, path)
}

/// Serves until Ctrl-C or SIGTERM, then until the last answer is given; a second signal cuts off what is left.
///
/// # Errors
/// As `start_server`.
///
/// # Panics
/// Where no loop runs.
///
/// ```no_run
/// use ferrio::http::{self, Response};
///
/// #[ferrio::main]
/// async fn main() -> std::io::Result<()> {
///     http::serve(async |_| Response::new("hello"), "127.0.0.1", 8000).await
/// }
/// ```
pub async fn serve<S, R>(service: S, host: &str, port: u16) -> io::Result<()>
where
    S: AsyncFn(Request<Body>) -> R + 'static,
    R: IntoResponse + 'static,
{
    start_server(service, host, port).await?.serve().await
}

/// A server that listens. Dropping it closes it; requests that it is at are still answered.
///
/// ```
/// use std::time::Duration;
/// use ferrio::http::{Response, Server};
///
/// ferrio::run(async {
///     let builder = Server::builder().keep_alive(Duration::from_secs(60)).max_connections(10_000);
///     let mut server = builder.start(async |_| Response::new("hello"), "localhost", 0).await?;
///     assert!(server.is_serving());
///     server.close();
///     server.wait_closed().await;
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[must_use = "a server that is dropped listens no more"]
pub struct Server {
    streams: crate::Server,
    shared: Rc<Shared>,
}

impl Server {
    /// A server with other options than `start_server` gives it.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    pub(super) fn new(streams: crate::Server, shared: Rc<Shared>) -> Self {
        Server { streams, shared }
    }

    /// Where it listens, on the internet.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.streams.addresses()
    }

    /// The port of its first socket; 0 where there is none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.streams.port()
    }

    /// Whether it listens.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.streams.is_serving()
    }

    /// Listens no more. Connections between requests are closed, others once they have their answer, which says so; WebSockets are
    /// told that the service restarts (1012).
    pub fn close(&mut self) {
        self.streams.close();
        self.shared.close();
    }

    /// As `close`, in a moment: requests that are on their way by now are answered, each as the last of its connection. A good part
    /// of `grace` is left for connections to end in.
    async fn retire(&mut self, grace: Duration) {
        self.streams.close();
        self.shared.retire();
        let moment = ON_THEIR_WAY.min(grace / 2);
        if !moment.is_zero() {
            crate::sleep(moment).await;
        }
        self.close();
    }

    /// Closes all connections at once: services that are at work for them are dropped.
    pub fn abort_clients(&self) {
        self.streams.abort_clients();
    }

    /// Waits until every connection has ended.
    pub async fn wait_closed(&self) {
        self.streams.wait_closed().await;
    }

    /// Listens no more, closes in a moment, so that requests which are on their way are answered, waits as long as `grace`, and cuts
    /// off what is left then. Whether nothing was.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ferrio::http::{Response, start_server};
    ///
    /// ferrio::run(async {
    ///     let mut server = start_server(async |_| Response::new("hello"), "127.0.0.1", 0).await?;
    ///     assert!(server.shut_down(Duration::from_secs(10)).await);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub async fn shut_down(&mut self, grace: Duration) -> bool {
        let ends = async {
            self.retire(grace).await;
            self.wait_closed().await;
        };
        let in_time = crate::timeout(grace, ends).await.is_ok();
        if !in_time {
            self.close();
            self.abort_clients();
            self.wait_closed().await;
        }
        in_time
    }

    /// As [`serve`].
    ///
    /// # Errors
    /// When signals cannot be waited for.
    pub async fn serve(mut self) -> io::Result<()> {
        let mut terminate = signal(SIGTERM)?;
        asked_to_stop(&mut terminate).await?;
        let ends = async {
            self.retire(Duration::MAX).await;
            self.wait_closed().await;
        };
        crate::race!(async { drop(asked_to_stop(&mut terminate).await) }, ends).await;
        self.close();
        self.abort_clients();
        self.wait_closed().await;
        Ok(())
    }

    /// Serves until the future is dropped, or for ever.
    pub async fn serve_forever(&self) {
        self.streams.serve_forever().await;
    }
}

async fn asked_to_stop(terminate: &mut Signals) -> io::Result<()> {
    crate::race!(crate::ctrl_c(), async { terminate.recv().await.map(drop) }).await
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}
