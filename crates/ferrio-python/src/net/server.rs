//! `ListeningSocket`: accepts connections without a Python frame, a task or a waiter for each; and how transports are made.
//!
//! It does not own the socket, which belongs to the Server. It calls the protocol factory and makes a transport for each
//! connection, and a TLS layer above the transport if the server has an SSL context.

use std::os::fd::OwnedFd;

use ferrio_engine::Direction;
use ferrio_engine::transport::{
    Accepted, Descriptor, ReadPipe, Socket, WritePipe, accept, is_worth_accepting,
};
use pyo3::types::{PyDict, PyType};

use crate::compat;
use crate::event_loop::exceptions::{leaves_the_loop, os_error};
use crate::event_loop::state::BaseLoop;
use crate::event_loop::support;
use crate::ffi::call::{copy_context, copy_of, in_context, in_shared_context};
use crate::ffi::names::SELECTOR_EVENTS;
use crate::ffi::prelude::*;
use crate::ffi::socket::number;
use crate::net::channels::WithOwner;
use crate::net::clients;
use crate::net::protocols::transport_class::TransportClass;
use crate::net::protocols::{Options, PyProtocol};
use crate::net::sockets::{Addresses, is_plain};
use crate::net::transports::{StreamTransport, lent};
use crate::net::watching::displace;

/// The Python class of socket transports.
static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// See the module.
#[repr(C)]
pub(crate) struct ListeningSocket {
    head: Head,
    descriptor: Descriptor,
    event_loop: Py<PyAny>,
    factory: Py<PyAny>,
    socket: Py<PyAny>,
    server: Option<Py<PyAny>>,
    /// A copy of the context in which serving was started. Connections are accepted in it.
    context: Ref,
    /// The server's context, if it has one. Each connection has a copy of it, or of `context`.
    offered: Option<Ref>,
    /// The arguments of `_start_serving`, which is called again after a pause.
    arguments: Py<PyAny>,
    backlog: usize,
    /// A function that makes a TLS layer for a protocol, if the server uses TLS.
    tls: Option<Py<PyAny>>,
    active: Cell<bool>,
}

impl ListeningSocket {
    /// Accepts the connections of one turn: at most as many as the backlog, so that the loop goes on.
    fn accept_all(&self, py: Python<'_>) -> PyResult<()> {
        for taken in 0..self.backlog.max(1) {
            if !self.active.get() || !is_worth_accepting(&self.descriptor, taken) {
                break;
            }
            if number(self.socket.bind(py)) != self.descriptor.number() {
                // The program closed the socket: somebody else may have its number.
                return Err(os_error(&rustix::io::Errno::BADF.into()));
            }
            match accept(&self.descriptor).map_err(|error| os_error(&error))? {
                Accepted::Nobody => break,
                Accepted::Exhausted(error) => return self.pause(py, &os_error(&error)),
                Accepted::Connection(connection, peer) => {
                    self.connect(py, connection, Addresses::accepted(peer.as_ref()))?;
                }
            }
        }
        Ok(())
    }

    /// Makes the protocol and the transport. If the factory fails, only this connection is lost; debug mode reports the error.
    fn connect(&self, py: Python<'_>, connection: OwnedFd, addresses: Addresses) -> PyResult<()> {
        let event_loop = self.event_loop.bind(py);
        let context = copy_of(&self.offered.as_ref().unwrap_or(&self.context).bind(py))?;
        let made = in_context(&context.bind(py), || {
            let mut protocol = self.factory.bind(py).call0()?;
            if let Some(tls) = &self.tls {
                protocol = tls.bind(py).call1((protocol, &context))?;
            }
            let options = Options {
                waiter: None,
                server: self.server.as_ref().map(|server| server.bind(py).clone()),
                context: Some(context.clone_ref(py)),
            };
            stream(event_loop, Descriptor::owned(connection), addresses, &protocol, None, options)
        });
        let Err(error) = made else { return Ok(()) };
        if leaves_the_loop(py, &error) {
            return Err(error);
        }
        if support::is_debug(event_loop)? {
            let message = "Error on transport creation for incoming connection";
            support::report(event_loop, message, &error, &[])?;
        }
        Ok(())
    }

    /// No descriptor or memory is left: reports that, and accepts again in a while.
    fn pause(&self, py: Python<'_>, error: &PyErr) -> PyResult<()> {
        let helper = SELECTOR_EVENTS.helper(py, intern!(py, "accept_exhausted"))?;
        let error = raised::value(py, error);
        let told = (&self.event_loop, &self.socket, &error, &self.arguments);
        raised::handling(&error, || helper.call1(told)).map(drop)
    }
}

impl Io for ListeningSocket {
    fn turn(&self, this: &Bound<'_, PyAny>, _: Turn) -> PyResult<()> {
        let py = this.py();
        match in_shared_context(&self.context.bind(py), || self.accept_all(py)) {
            Err(error) if !leaves_the_loop(py, &error) => {
                support::report(self.event_loop.bind(py), "Exception in accepting a connection", &error, &[])
            }
            result => result,
        }
    }

    fn displaced(&self) {
        self.active.set(false);
    }
}

impl Native for ListeningSocket {
    const NAME: &'static CStr = c"ferrio._ferrio.ListeningSocket";
    const DOC: &'static CStr = c"A listening socket at work.";

    // None of them is emptied: they cannot change, and the loop drops the object.
    holds!(event_loop, factory, socket, server, context, offered, arguments, tls);

    fn members() -> Members {
        Members::default()
    }
}

impl BaseLoop {
    pub(crate) fn server_members() -> Members {
        members! { BaseLoop;
            method c"_listen" c"Accept connections of sock until _stop_serving(); False where its methods are replaced." => listen;
            method c"_make_socket_transport" c"A transport over a connected socket." => make_socket_transport;
            method c"_read_pipe" c"A transport of a class over the reading end of a pipe." => read_pipe;
            method c"_write_pipe" c"A transport of a class over the writing end of a pipe." => write_pipe;
        }
    }

    /// False if the program replaced methods of the socket: then these methods have to be called.
    fn listen(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        let [factory, socket, server, backlog, arguments, tls, context] = args.all(
            "_listen",
            ["protocol_factory", "sock", "server", "backlog", "arguments", "tls", "context"],
        )?;
        if !is_plain(&socket)? {
            return Ok(false);
        }
        let py = this.py();
        let descriptor = lent(&socket)?;
        let number = descriptor.number();
        let listener = ListeningSocket {
            head: Head::new::<ListeningSocket>(),
            descriptor,
            event_loop: this.clone().unbind(),
            factory: factory.to_owned().unbind(),
            socket: socket.to_owned().unbind(),
            server: given(server).map(Bound::unbind),
            context: copy_context(py)?,
            offered: given(context).map(Into::into),
            arguments: arguments.to_owned().unbind(),
            backlog: backlog.extract::<i64>().map_or(1, |backlog| usize::try_from(backlog).unwrap_or(1)),
            tls: given(tls).map(Bound::unbind),
            active: Cell::new(true),
        };
        let listener = alloc(&type_object::<ListeningSocket>(py)?, listener)?;
        let word = Word::io::<ListeningSocket>(&listener, Turn::Readable);
        let engine = self.engine()?;
        let old = engine.watch(number, Direction::Read, word, false).map_err(|error| os_error(&error))?;
        displace(py, old)?;
        Ok(true)
    }

    fn make_socket_transport(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let ([socket, protocol], [waiter, extra, server, context]) = args.bind(
            "_make_socket_transport",
            ["sock", "protocol"],
            ["waiter", "extra", "server", "context"],
        )?;
        let py = this.py();
        this.call_method1(intern!(py, "_ensure_fd_no_transport"), (socket,))?;
        if !is_plain(&socket)? {
            static ASKING: PyOnceLock<Py<PyType>> = PyOnceLock::new();
            let class = ASKING.known(py, "ferrio.selector_events", "AskingSocketTransport")?;
            let (waiter, extra, server) = (given(waiter), given(extra), given(server));
            let made = if compat::SERVER_CONTEXTS {
                class.call1((this, socket, protocol, waiter, extra, server, given(context)))
            } else {
                class.call1((this, socket, protocol, waiter, extra, server))
            };
            return made.map(Bound::unbind);
        }
        let descriptor = lent(&socket)?;
        let mut addresses = Addresses::default();
        // Now, since the program may close the socket later.
        addresses.learn(&descriptor);
        // Names of Unix sockets are kept in the dictionary of get_extra_info().
        let is_nameless = addresses.sockname().is_none();
        let context = given(context).map(Into::into);
        let options = Options { waiter: given(waiter), server: given(server), context };
        let transport = stream(this, descriptor, addresses, &protocol, Some(&socket), options)?;
        if let Some(extra) = given(extra) {
            transport.setattr(intern!(py, "_given_extra"), extra)?;
        }
        if is_nameless {
            transport.getattr(intern!(py, "_extra"))?;
        }
        Ok(transport.unbind())
    }
}

impl BaseLoop {
    fn read_pipe(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        pipe(this, args, ReadPipe)
    }

    fn write_pipe(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        pipe(this, args, WritePipe)
    }
}

/// A started pipe transport.
fn pipe<C: TransportClass>(
    this: &Bound<'_, PyAny>,
    args: Args<'_, '_>,
    channel: impl FnOnce(Descriptor) -> C,
) -> PyResult<Py<PyAny>> {
    let ([class, pipe, protocol], [waiter, extra]) =
        args.bind("_pipe", ["cls", "pipe", "protocol"], ["waiter", "extra"])?;
    let options = Options { waiter: given(waiter), ..Options::default() };
    let protocol = PyProtocol::new(this, &protocol, Addresses::default(), options)?;
    let channel = WithOwner::new(channel(lent(&pipe)?), Some(&pipe));
    let transport = StreamTransport::create(&*class.cast::<PyType>()?, channel, protocol)?;
    let known = PyDict::new(this.py());
    if let Some(extra) = given(extra) {
        known.update(extra.cast()?)?;
    }
    known.set_item(intern!(this.py(), "pipe"), pipe)?;
    transport.setattr(intern!(this.py(), "_stored_extra"), known)?;
    Ok(transport.unbind())
}

/// A started socket transport, which its server counts.
pub(crate) fn stream<'py>(
    event_loop: &Bound<'py, PyAny>,
    descriptor: Descriptor,
    addresses: Addresses,
    protocol: &Bound<'py, PyAny>,
    owner: Option<&Bound<'py, PyAny>>,
    options: Options<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = event_loop.py();
    // The kernel sends small writes at once. Unix sockets do so anyway.
    descriptor.set_no_delay();
    let class = CLASS.known(py, "ferrio.selector_events", "SocketTransport")?;
    let server = options.server.clone();
    let protocol = PyProtocol::new(event_loop, protocol, addresses, options)?;
    let transport = StreamTransport::create(class, WithOwner::new(Socket(descriptor), owner), protocol)?;
    let attached = server.map_or(Ok(()), |server| clients::attach(&server, &transport));
    if attached.is_err()
        && let Some(state) = try_state::<StreamTransport<Socket>>(&transport)
    {
        // The server was closed meanwhile. The protocol knows of no connection yet, and is not told.
        state.abandon(&transport)?;
    }
    attached.map(|()| transport)
}
