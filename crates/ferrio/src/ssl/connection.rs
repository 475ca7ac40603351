//! `TlsConnection`: the engine's TLS layer between a transport and a flow, on the loop's own thread.
//!
//! ```text
//! flow ◀── Above ── layer ── Below ── transport        both hold the connection weakly: the loop's table has it
//! ```

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::rc::{Rc, Weak};
use std::time::Duration;

use ferrio_engine::Direction;
use ferrio_engine::transport::{
    Activity, Channel, DeferredWork, Descriptor, Fault, Host, Layer, Limits, Plain, Protocol, Received,
    Session, Severity, Sides, Socket, TimeLimit, Transport, read_append,
};

use crate::JoinHandle;
use crate::events::LoopState;
use crate::futures::{Promise, create_future};
use crate::ssl::session::Rustls;
use crate::streams::{Flow, Link, StreamReader, StreamWriter, Watch, Wire};
use crate::tasks::create_task_on;
use crate::words::{Io, What};

/// How long the peer may take to shake hands, and to close; asyncio's figures.
const HANDSHAKE: Duration = Duration::from_secs(60);
const SHUTDOWN: Duration = Duration::from_secs(30);

/// How much ciphertext is read at once: four whole records.
const READ: usize = 64 * 1024;

/// See the module.
pub(crate) struct TlsConnection {
    transport: Transport<Socket, Below>,
    layer: Layer<Rustls, Above>,
}

impl TlsConnection {
    /// Shakes hands over `socket`, from which `early` was read already, and gives the two halves.
    pub(crate) async fn start(
        state: &Rc<LoopState>,
        socket: Socket,
        session: Rustls,
        is_client: bool,
        early: &[u8],
    ) -> io::Result<(StreamReader, StreamWriter)> {
        session.feed((), early)?;
        let flow = Rc::new(Flow::new());
        let (promise, promised) = create_future();
        let connection = state.ios.insert(|place| {
            Rc::new_cyclic(|weak: &Weak<TlsConnection>| {
                let watch = Watch::new(state.clone(), place, &socket.0);
                let above = Above {
                    connection: weak.clone(),
                    state: state.clone(),
                    flow: flow.clone(),
                    later: RefCell::default(),
                    timer: RefCell::default(),
                    made: Cell::new(Some(promise)),
                };
                TlsConnection {
                    transport: Transport::new(socket, Below { connection: weak.clone(), watch }),
                    layer: Layer::new(session, above, is_client, false),
                }
            })
        });
        // Whoever gives up waiting closes the connection by dropping this.
        let link = Link::new(flow, connection.clone());
        connection.transport.start(());
        drop(connection);
        match promised.await {
            Ok(made) => made.map(|()| link.halves()),
            Err(_) => {
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the loop closed in the TLS handshake"))
            }
        }
    }

    /// What the layer could not keep back is the end of the connection.
    fn check(&self, result: io::Result<()>) {
        if let Err(error) = result {
            self.transport.lose((), Some(error));
        }
    }

    fn run_later(&self) {
        let works = self.layer.sides().later.take();
        for work in works {
            self.check(self.layer.on_deferred((), work));
        }
    }
}

impl Io for TlsConnection {
    fn tell(&self, what: What) {
        let Ok(()) = match what {
            What::Readable => self.transport.on_readable(()),
            What::Writable => self.transport.on_writable(()),
            What::Deferred => self.transport.on_deferred(()),
            What::Later => {
                self.run_later();
                Ok(())
            }
        };
        if let Some(error) = self.transport.protocol().watch.refused() {
            self.transport.lose((), Some(error));
        }
        if self.layer.sides().flow.holds() {
            self.layer.pause_reading();
        }
    }
}

impl Wire for TlsConnection {
    fn write(&self, data: &[u8]) {
        if self.layer.may_write().is_err() {
            return self.layer.sides().flow.refuse();
        }
        self.check(self.layer.write((), data, || Ok(data.to_vec())));
    }

    fn write_eof(&self) -> io::Result<()> {
        let text = "with TLS one direction cannot end alone: close the connection instead";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    fn close(&self) {
        self.check(self.layer.close(()));
    }

    fn abort(&self) {
        self.layer.abort((), None);
    }

    fn is_closing(&self) -> bool {
        self.layer.is_closing()
    }

    fn pause_reading(&self, on: bool) {
        if on {
            self.layer.pause_reading();
        } else {
            self.layer.resume_reading(());
        }
    }

    fn unsent(&self) -> usize {
        self.layer.unsent(()) + self.transport.outgoing().size()
    }

    fn set_write_limits(&self, limits: Limits) {
        self.check(self.layer.set_write_limits((), limits));
    }

    fn descriptor(&self) -> &Descriptor {
        self.transport.channel().descriptor()
    }

    fn detach(&self) -> io::Result<std::os::fd::OwnedFd> {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "start_tls: the connection is encrypted already"))
    }

    fn alpn(&self) -> Option<Vec<u8>> {
        self.layer.session().alpn()
    }
}

/// Between the layer and the transport below it.
struct Below {
    connection: Weak<TlsConnection>,
    watch: Watch,
}

impl Below {
    /// The connection is there whenever it is told something: the loop's table has it.
    fn with<R>(&self, otherwise: R, call: impl FnOnce(&TlsConnection) -> R) -> R {
        self.connection.upgrade().map_or(otherwise, |connection| call(&connection))
    }
}

impl Host for Below {
    type Cx<'a> = ();

    fn watch(&self, (): (), direction: Direction, on: bool) {
        self.watch.set(direction, on);
    }

    fn defer(&self, (): ()) {
        self.watch.queue(What::Deferred);
    }
}

impl Protocol for Below {
    type Escape = Infallible;
    type Reason = io::Error;
    type Chunk = Vec<u8>;

    fn connection_made(&self, (): ()) -> Result<(), Infallible> {
        self.with((), |connection| connection.check(connection.layer.start(())));
        Ok(())
    }

    fn receive(&self, (): (), channel: &impl Channel) -> Result<Received, Fault<Infallible, io::Error>> {
        let mut ciphertext = self.watch.state().scratch.take();
        ciphertext.clear();
        let received = match read_append(channel, &mut ciphertext, READ) {
            Ok(0) => Ok(Received::End),
            Ok(_) => {
                let taken = self.with(Ok(()), |connection| connection.layer.received((), &ciphertext));
                taken.map(|()| Received::Data).map_err(Fault::Lose)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Received::Nothing)
            }
            Err(error) => Err(Fault::Lose(error)),
        };
        self.watch.state().scratch.set(ciphertext);
        received
    }

    fn eof_received(&self, (): ()) -> Result<bool, Fault<Infallible, io::Error>> {
        self.with(Ok(false), |connection| connection.layer.eof_received(())).map_err(Fault::Lose)
    }

    fn pause_writing(&self, (): ()) -> Result<(), Infallible> {
        self.with((), |connection| connection.layer.pause_writing());
        Ok(())
    }

    fn resume_writing(&self, (): ()) -> Result<(), Infallible> {
        self.with((), |connection| connection.check(connection.layer.resume_writing(())));
        Ok(())
    }

    fn drained(&self, (): (), _failure: Option<&io::Error>) {
        self.with((), |connection| connection.layer.sides().flow.drained());
    }

    fn connection_lost(&self, (): (), reason: Option<io::Error>) -> Result<(), Infallible> {
        self.with((), |connection| connection.layer.connection_lost((), reason));
        self.watch.leave();
        Ok(())
    }

    fn write_failed(&self, (): (), error: io::Error) -> io::Error {
        error
    }

    fn broken_pipe(&self, (): ()) -> io::Error {
        io::ErrorKind::BrokenPipe.into()
    }
}

/// Between the layer and the flow above it.
struct Above {
    connection: Weak<TlsConnection>,
    state: Rc<LoopState>,
    flow: Rc<Flow>,
    later: RefCell<Vec<DeferredWork>>,
    timer: RefCell<Option<JoinHandle<()>>>,
    /// Who waits for the handshake.
    made: Cell<Option<Promise<io::Result<()>>>>,
}

impl Above {
    fn with(&self, call: impl FnOnce(&TlsConnection)) {
        if let Some(connection) = self.connection.upgrade() {
            call(&connection);
        }
    }

    fn tell_made(&self, made: io::Result<()>) {
        if let Some(promise) = self.made.take() {
            promise.set_result(made);
        }
    }
}

impl Sides<Rustls> for Above {
    type Reason = io::Error;
    type Chunk = Vec<u8>;

    fn send(&self, (): (), ciphertext: Vec<u8>) -> io::Result<()> {
        self.with(|connection| {
            let Ok(_sent) = connection.transport.write_owned((), ciphertext);
        });
        Ok(())
    }

    fn hold(&self, (): (), on: bool) {
        self.with(|connection| {
            let transport = &connection.transport;
            let _changed = if on { transport.pause_reading(()) } else { transport.resume_reading(()) };
        });
    }

    fn close(&self, (): ()) {
        self.with(|connection| connection.transport.close(()));
    }

    fn lose(&self, (): (), reason: Option<io::Error>) {
        self.with(|connection| connection.transport.lose((), reason));
    }

    fn later(&self, (): (), what: DeferredWork) {
        self.later.borrow_mut().push(what);
        self.with(|connection| connection.transport.protocol().watch.queue(What::Later));
    }

    fn wait(&self, (): (), what: TimeLimit) {
        let connection = self.connection.clone();
        let limit = if what == TimeLimit::Handshake { HANDSHAKE } else { SHUTDOWN };
        let timer = create_task_on(&self.state, async move {
            crate::sleep(limit).await;
            if let Some(connection) = connection.upgrade() {
                connection.check(connection.layer.on_time((), what));
            }
        });
        self.forget_time(());
        self.timer.replace(Some(timer.named("a time limit of TLS")));
    }

    fn forget_time(&self, (): ()) {
        if let Some(timer) = self.timer.take() {
            timer.cancel();
        }
    }

    fn closes_below(&self, (): ()) {
        if self.timer.borrow().is_none() {
            self.wait((), TimeLimit::Shutdown);
        }
    }

    fn too_long(&self, (): (), what: TimeLimit) -> io::Error {
        let text = match what {
            TimeLimit::Handshake => format!("TLS handshake is taking longer than {HANDSHAKE:?}"),
            TimeLimit::Shutdown => format!("TLS shutdown is taking longer than {SHUTDOWN:?}"),
        };
        io::Error::new(io::ErrorKind::TimedOut, text)
    }

    fn hung_up(&self, (): ()) -> io::Error {
        io::Error::new(io::ErrorKind::ConnectionReset, "the peer hung up in the TLS handshake")
    }

    fn severity(&self, (): (), error: &io::Error) -> Severity {
        let by_rustls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some();
        if by_rustls { Severity::Tls } else { Severity::Ordinary }
    }

    fn fatal(&self, (): (), error: io::Error, _doing: Activity) -> io::Result<()> {
        self.flow.fail(&error);
        self.with(|connection| {
            // An alert that tells the peer why.
            if let Ok(last) = connection.layer.session().take(()) {
                let Ok(_sent) = connection.transport.write_owned((), last);
            }
        });
        self.tell_made(Err(error));
        self.with(|connection| connection.transport.lose((), None));
        Ok(())
    }

    fn established(&self, (): ()) -> io::Result<()> {
        Ok(())
    }

    fn connection_made(&self, (): (), _new: bool) -> io::Result<()> {
        self.tell_made(Ok(()));
        Ok(())
    }

    fn deliver(&self, (): (), session: &Rustls) -> io::Result<Plain> {
        loop {
            let plain = session.read_with(|data| self.flow.append(data))?;
            if self.flow.is_too_much() || !matches!(plain, Plain::Bytes(_)) {
                return Ok(plain);
            }
        }
    }

    /// A peer that has not said that no more comes may have been cut off by anybody: what came must not look whole. Where we close
    /// ourselves, nobody waits for more.
    fn eof_received(&self, (): ()) -> io::Result<()> {
        self.with(|connection| {
            let layer = &connection.layer;
            if !layer.is_closing() && !layer.session().has_heard_bye() {
                let text = "the peer hung up without ending TLS: what came may be cut short";
                self.flow.fail(&io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
        });
        self.flow.end();
        Ok(())
    }

    fn pause_writing(&self, (): ()) -> io::Result<()> {
        self.flow.set_full(true);
        Ok(())
    }

    fn resume_writing(&self, (): ()) -> io::Result<()> {
        self.flow.set_full(false);
        Ok(())
    }

    fn connection_lost(&self, (): (), reason: Option<io::Error>, _tell: bool) {
        let error =
            || io::Error::new(io::ErrorKind::ConnectionReset, "the connection was lost in the TLS handshake");
        if let Some(promise) = self.made.take() {
            promise.set_result(Err(reason.unwrap_or_else(error)));
            self.flow.lose(None);
        } else {
            self.flow.lose(reason);
        }
    }
}
