//! `start_server` and `Server`: each connection that comes is a task of its own.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use ferrio_engine::net;
use ferrio_engine::transport::{Descriptor, Socket};
use slab::Slab;

use crate::events::LoopState;
use crate::streams::listening::Listening;
use crate::streams::reader::StreamReader;
use crate::streams::stream::{Link, PeerAddress};
use crate::streams::writer::StreamWriter;
use crate::tasks::create_task_on;

/// Serves `host` and `port` on a socket for each address of `host`; an empty `host` means all interfaces, port 0 one that the
/// system chooses. For each connection `callback` makes a future, which runs as a task.
///
/// # Errors
/// When the name cannot be resolved; what the system reports: `AddrInUse` for one.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     let server = ferrio::start_server(
///         async |mut reader: ferrio::StreamReader, mut writer: ferrio::StreamWriter| {
///             let name = reader.readline().await.unwrap_or_default();
///             writer.write(&[b"hello ", name.as_slice()].concat());
///         },
///         "localhost",
///         0,
///     )
///     .await?;
///     let (mut reader, mut writer) = ferrio::open_connection("localhost", server.port()).await?;
///     writer.write(b"world\n");
///     assert_eq!(reader.readline().await?, b"hello world\n");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn start_server<F>(callback: F, host: &str, port: u16) -> io::Result<Server>
where
    F: AsyncFn(StreamReader, StreamWriter) + 'static,
{
    ServerBuilder::default().start(callback, host, port).await
}

/// The same for a Unix socket at `path`, where nothing may be yet. The path stays when the server closes.
///
/// # Errors
/// As `start_server`.
///
/// # Panics
/// Where no loop runs.
pub fn start_unix_server<F>(callback: F, path: impl AsRef<Path>) -> io::Result<Server>
where
    F: AsyncFn(StreamReader, StreamWriter) + 'static,
{
    ServerBuilder::default().start_unix(callback, path)
}

/// How a server is to be made. See [`Server::builder`].
#[derive(Clone, Debug)]
pub struct ServerBuilder {
    backlog: i32,
    reuse_port: bool,
    limit: usize,
    #[cfg(feature = "tls")]
    tls: Option<crate::ssl::ServerContext>,
}

impl Default for ServerBuilder {
    fn default() -> Self {
        ServerBuilder {
            backlog: 100,
            reuse_port: false,
            limit: super::LIMIT,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl ServerBuilder {
    /// How many connections may wait to be accepted. 100 by default.
    #[must_use]
    pub fn backlog(mut self, backlog: u16) -> Self {
        self.backlog = i32::from(backlog);
        self
    }

    /// Lets other loops and processes serve the same address, if they say so, too: the kernel shares connections out.
    #[must_use]
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.reuse_port = on;
        self
    }

    /// The limit of each connection's reader: see [`StreamReader::set_limit`].
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Encrypts all connections. One that does not get through the handshake is closed, and the callback not called.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, context: crate::ssl::ServerContext) -> Self {
        self.tls = Some(context);
        self
    }

    /// As [`start_server`].
    ///
    /// # Errors
    /// As `start_server`.
    ///
    /// # Panics
    /// Where no loop runs.
    pub async fn start<F>(self, callback: F, host: &str, port: u16) -> io::Result<Server>
    where
        F: AsyncFn(StreamReader, StreamWriter) + 'static,
    {
        let state = LoopState::require("start_server");
        let addresses = match host {
            "" => vec![([0, 0, 0, 0], port).into(), ([0_u16; 8], port).into()],
            _ => net::resolve(host, port).await?,
        };
        let mut sockets = Vec::new();
        for address in &addresses {
            match net::listen(*address, self.backlog, self.reuse_port) {
                Ok(socket) => sockets.push(socket),
                // A machine without IPv6 can be asked for all interfaces, too.
                Err(_) if host.is_empty() && address.is_ipv6() && !sockets.is_empty() => {}
                Err(error) => {
                    let text = format!("cannot listen on {address}: {error}");
                    return Err(io::Error::new(error.kind(), text));
                }
            }
        }
        self.serve(&state, callback, sockets)
    }

    /// As [`start_unix_server`].
    ///
    /// # Errors
    /// As `start_unix_server`.
    ///
    /// # Panics
    /// Where no loop runs.
    pub fn start_unix<F>(self, callback: F, path: impl AsRef<Path>) -> io::Result<Server>
    where
        F: AsyncFn(StreamReader, StreamWriter) + 'static,
    {
        let state = LoopState::require("start_unix_server");
        let socket = net::listen_unix(path, self.backlog)?;
        self.serve(&state, callback, vec![socket])
    }

    fn serve<F>(&self, state: &Rc<LoopState>, callback: F, sockets: Vec<OwnedFd>) -> io::Result<Server>
    where
        F: AsyncFn(StreamReader, StreamWriter) + 'static,
    {
        let clients = Rc::new(Clients::default());
        let (callback, options) = (Rc::new(callback), self.clone());
        let serve = {
            let (state, clients) = (state.clone(), clients.clone());
            Rc::new(move |socket: OwnedFd| {
                let descriptor = Descriptor::owned(socket);
                descriptor.set_no_delay();
                options.connect(&state, &clients, callback.clone(), Socket(descriptor));
            })
        };
        let mut server = Server { listening: Vec::new(), clients };
        for socket in sockets {
            server.listening.push(Listening::start(state, socket, serve.clone())?);
        }
        Ok(server)
    }

    /// Starts the task of a connection that was accepted.
    fn connect<F>(&self, state: &Rc<LoopState>, clients: &Rc<Clients>, callback: Rc<F>, socket: Socket)
    where
        F: AsyncFn(StreamReader, StreamWriter) + 'static,
    {
        #[cfg(feature = "tls")]
        if let Some(context) = &self.tls {
            let (session, limit) = (context.session(), self.limit);
            let (owner, clients) = (state.clone(), clients.clone());
            let task = create_task_on(state, async move {
                let Ok(session) = session else { return };
                let made = crate::ssl::TlsConnection::start(&owner, socket, session, false, &[]).await;
                // Who did not get through was told why, if that can be told.
                let Ok((mut reader, writer)) = made else { return };
                reader.set_limit(limit);
                let _client = Clients::enter(&clients, Rc::downgrade(&reader.0));
                callback(reader, writer).await;
            });
            return task.detach();
        }
        let link = Link::over(state, socket);
        link.flow.set_limit(self.limit);
        let client = Clients::enter(clients, Rc::downgrade(&link));
        let (reader, writer) = link.halves();
        let task = create_task_on(state, async move {
            let _client = client;
            callback(reader, writer).await;
        });
        task.detach();
    }
}

/// A server that listens. Dropping it closes it; connections that it has accepted go on.
#[must_use = "a server that is dropped listens no more"]
pub struct Server {
    listening: Vec<Rc<Listening>>,
    clients: Rc<Clients>,
}

impl Server {
    /// A server with other options than `start_server` gives it.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let server = ferrio::Server::builder().backlog(1000).start(async |_, _| {}, "127.0.0.1", 0).await?;
    ///     assert_eq!(server.addresses().len(), 1);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Where it listens, on the internet.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let addresses =
            self.listening.iter().map(|one| ferrio_engine::transport::local_address(one.descriptor()));
        addresses.filter_map(|address| PeerAddress::from(address.ok()?).inet()).collect()
    }

    /// The port of its first socket; 0 where there is none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses().first().map_or(0, SocketAddr::port)
    }

    /// Whether it listens.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        !self.listening.is_empty()
    }

    /// Listens no more. Connections that it has accepted go on.
    pub fn close(&mut self) {
        self.listening.drain(..).for_each(|one| one.close());
        self.clients.tell_if_none();
    }

    /// Closes all connections in order.
    pub fn close_clients(&self) {
        self.clients.each(|link| link.wire.close());
    }

    /// Closes all connections at once.
    pub fn abort_clients(&self) {
        self.clients.each(|link| link.wire.abort());
    }

    /// Waits until the task of every connection has ended.
    pub async fn wait_closed(&self) {
        poll_fn(|context| self.clients.poll_none(context.waker())).await;
    }

    /// Serves until the future is dropped, or for ever.
    pub async fn serve_forever(&self) {
        std::future::pending::<()>().await;
    }
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

/// The connections of one server whose tasks have not ended.
#[derive(Default)]
struct Clients {
    links: RefCell<Slab<Weak<Link>>>,
    waiting: Cell<Vec<Waker>>,
}

impl Clients {
    fn enter(clients: &Rc<Self>, link: Weak<Link>) -> Client {
        Client { key: clients.links.borrow_mut().insert(link), clients: clients.clone() }
    }

    fn each(&self, call: impl Fn(&Link)) {
        let links: Vec<_> = self.links.borrow().iter().filter_map(|(_, link)| link.upgrade()).collect();
        for link in &links {
            call(link);
        }
    }

    fn tell_if_none(&self) {
        if self.links.borrow().is_empty() {
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
    }

    fn poll_none(&self, waker: &Waker) -> Poll<()> {
        if self.links.borrow().is_empty() {
            return Poll::Ready(());
        }
        let waker = waker.clone();
        let mut waiting = self.waiting.take();
        waiting.push(waker);
        self.waiting.set(waiting);
        Poll::Pending
    }
}

/// One of them; dropped when its task ends.
struct Client {
    clients: Rc<Clients>,
    key: usize,
}

impl Drop for Client {
    fn drop(&mut self) {
        let link = self.clients.links.borrow_mut().try_remove(self.key);
        drop(link);
        self.clients.tell_if_none();
    }
}
