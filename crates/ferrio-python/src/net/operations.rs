//! `loop.sock_recv()`, `sock_recv_into()` and `sock_sendall()`: socket operations as native coroutines.
//!
//! ```text
//! New ── first step: try ──▶ Done(result)
//!  └─────── would block ───▶ Waiting ── ready: try again ──▶ Done(result), the future wakes the task
//!                               └───── throw, close ───────▶ Done, nothing was read or written
//! ```
//!
//! A step that waits yields a future. When the descriptor is ready and the future is not cancelled, the bytes are moved: a
//! cancelled operation loses none. Each attempt asks the socket for its number, since the program may have closed it. If
//! somebody else watches the descriptor, the operation waits for ever, as in asyncio. Sockets whose methods the program
//! replaced, and wrong arguments, are left to asyncio's own coroutines. The watch ends with the first event, so that a wait
//! costs one system call and not two.

use std::io;
use std::os::fd::RawFd;

use ferrio_engine::Direction;
use ferrio_engine::transport::{Channel, Descriptor, Socket};
use pyo3::exceptions::PyValueError;
use pyo3::types::PyString;

use crate::event_loop::exceptions::os_error;
use crate::event_loop::state::BaseLoop;
use crate::ffi::buffers::{Exported, bytes_filled_by};
use crate::ffi::coroutine::Life;
use crate::ffi::names::SELECTOR_EVENTS;
use crate::ffi::prelude::*;
use crate::ffi::socket::number;
use crate::net::scratch::{SCRATCH, with_scratch};
use crate::net::sockets::is_plain;
use crate::net::watching::{displace, unwatch};

enum Action {
    Recv { size: usize },
    RecvInto { buffer: Exported },
    SendAll { data: Exported, sent: usize },
}

impl Action {
    fn name(&self) -> &'static str {
        match self {
            Action::Recv { .. } => "Loop.sock_recv",
            Action::RecvInto { .. } => "Loop.sock_recv_into",
            Action::SendAll { .. } => "Loop.sock_sendall",
        }
    }

    fn direction(&self) -> Direction {
        match self {
            Action::SendAll { .. } => Direction::Write,
            _ => Direction::Read,
        }
    }
}

/// See the module.
#[repr(C)]
pub(crate) struct Operation {
    head: Head,
    name: &'static str,
    action: RefCell<Option<Action>>,
    /// The descriptor that is watched; -1 before.
    watched: Cell<RawFd>,
    /// Somebody else watches the descriptor: as in asyncio, the operation is not continued.
    displaced: Cell<bool>,
    owner: Py<PyAny>,
    event_loop: Py<PyAny>,
    future: RefCell<Option<Py<PyAny>>>,
    result: RefCell<Option<Py<PyAny>>>,
}

impl Operation {
    fn create(this: &Bound<'_, PyAny>, owner: &Bound<'_, PyAny>, action: Action) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let operation = Operation {
            head: Head::new::<Coroutine<Self>>(),
            name: action.name(),
            action: RefCell::new(Some(action)),
            watched: Cell::new(-1),
            displaced: Cell::new(false),
            owner: owner.clone().unbind(),
            event_loop: this.clone().unbind(),
            future: RefCell::default(),
            result: RefCell::default(),
        };
        Ok(alloc(&type_object::<Coroutine<Operation>>(py)?, Coroutine::new(operation))?.unbind())
    }

    /// asyncio's check before the first attempt.
    fn check(&self, py: Python<'_>, state: &BaseLoop) -> PyResult<()> {
        if state.is_debug()
            && self.owner.call_method0(py, intern!(py, "gettimeout"))?.extract::<Option<f64>>(py)?
                != Some(0.0)
        {
            return Err(PyValueError::new_err("the socket must be non-blocking"));
        }
        Ok(())
    }

    /// The socket, by the number that it has now.
    fn socket(&self, py: Python<'_>) -> Socket {
        Socket(Descriptor::lent(number(self.owner.bind(py))))
    }

    /// Tries once; `None` if that would block.
    fn attempt(&self, py: Python<'_>, state: &BaseLoop) -> PyResult<Option<Py<PyAny>>> {
        let socket = self.socket(py);
        let mut action = self.action.borrow_mut();
        let Some(action) = action.as_mut() else { return Ok(Some(py.None())) };
        let result = match action {
            Action::Recv { size } => recv(py, &socket, *size)?,
            Action::RecvInto { buffer } => match socket.read(buffer.for_filling()) {
                Ok(count) => Ok(count.into_py_any(py)?),
                Err(error) => Err(error),
            },
            Action::SendAll { data, sent } => {
                if let Ok(engine) = state.engine() {
                    engine.note_write();
                }
                // Once a turn: otherwise a peer that reads fast could keep the loop here.
                socket.write(&data.as_ref()[*sent..]).and_then(|count| {
                    *sent += count;
                    if *sent == data.len() { Ok(py.None()) } else { Err(io::ErrorKind::WouldBlock.into()) }
                })
            }
        };
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(None)
            }
            Err(error) => Err(os_error(&error)),
        }
    }

    fn wait<'py>(&self, this: &Bound<'py, PyAny>, state: &BaseLoop) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let number = number(self.owner.bind(py));
        if number < 0 {
            return Err(PyValueError::new_err(format!("Invalid file descriptor: {number}")));
        }
        if state.transports.find(py, number).is_some() {
            self.event_loop.call_method1(py, intern!(py, "_ensure_fd_no_transport"), (number,))?;
        }
        self.watched.set(number);
        let future = self.event_loop.bind(py).call_method0(intern!(py, "create_future"))?;
        self.watch(this, state)?;
        future.setattr(intern!(py, "_asyncio_future_blocking"), true)?;
        self.future.replace(Some(future.clone().unbind()));
        Ok(future)
    }

    fn watch(&self, this: &Bound<'_, PyAny>, state: &BaseLoop) -> PyResult<()> {
        let Some(direction) = self.action.borrow().as_ref().map(Action::direction) else { return Ok(()) };
        let word = Word::io::<Coroutine<Operation>>(this, Turn::Readable);
        let watched = state.engine()?.watch(self.watched.get(), direction, word, true);
        let old = watched.map_err(|error| os_error(&error))?;
        displace(this.py(), old.filter(|old| !self.is_mine(old)))
    }

    /// Frees the place in the loop's table after the last event.
    fn release(&self, state: &BaseLoop) {
        let direction = self.action.borrow().as_ref().map(Action::direction);
        if let (Ok(engine), Some(direction)) = (state.engine(), direction) {
            drop(engine.release(self.watched.get(), direction, |word| self.is_mine(word)));
        }
    }

    fn is_mine(&self, word: &Word) -> bool {
        word.is_of(self.head.object())
    }
}

impl Coroutine<Operation> {
    fn target_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(self.steps.owner.clone_ref(this.py()))
    }
}

/// Its socket and its loop it keeps until it dies.
impl Held for Operation {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.owner.show(visitor);
        self.event_loop.show(visitor);
        self.future.show(visitor);
        self.result.show(visitor);
    }

    fn empty(&self) {
        drop(self.action.take());
        drop(self.future.take());
        drop(self.result.take());
    }
}

kind!(Operation, c"ferrio._ferrio.SocketOperation", c"A socket operation, to be awaited.", LIGHT: bool = false);

impl Steps for Operation {
    fn name(&self) -> &'static str {
        self.name
    }

    fn begin<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        let Some(state) = try_state::<BaseLoop>(self.event_loop.bind(py)) else {
            return Ok(Step::Return(py.None().into_bound(py)));
        };
        self.check(py, state)?;
        match self.attempt(py, state)? {
            Some(value) => Ok(Step::Return(value.into_bound(py))),
            None => self.wait(this, state).map(Step::Yield),
        }
    }

    fn go_on<'py>(&self, this: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = this.py();
        if let Some(result) = self.result.take() {
            return Ok(Step::Return(result.into_bound(py)));
        }
        let Some(future) = self.future.take() else { return Ok(Step::Return(py.None().into_bound(py))) };
        // Raises what the attempt raised, or that nothing came yet.
        let outcome = future.call_method0(py, intern!(py, "result"));
        self.leave(py)?;
        outcome.map(|value| Step::Return(value.into_bound(py)))
    }

    /// Watches the descriptor no more, unless another operation has taken the place meanwhile.
    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        let direction = self.action.borrow().as_ref().map(Action::direction);
        if self.result.borrow().is_none()
            && let Some(state) = try_state::<BaseLoop>(self.event_loop.bind(py))
            && let (Ok(engine), Some(direction)) = (state.engine(), direction)
        {
            drop(unwatch(py, &engine, self.watched.get(), direction, |word| self.is_mine(word)));
        }
        Ok(())
    }

    fn members() -> Members {
        members! { Coroutine<Operation>;
            attribute c"_target" => target_attribute;
        }
    }
}

impl Io for Coroutine<Operation> {
    fn turn(&self, this: &Bound<'_, PyAny>, _: Turn) -> PyResult<()> {
        if self.life() == Life::Waiting { self.steps.ready(this) } else { Ok(()) }
    }

    fn displaced(&self) {
        self.steps.displaced.set(true);
    }
}

impl Operation {
    /// The descriptor is ready: the bytes move now, if somebody still wants them.
    fn ready(&self, this: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let Some(future) = self.future.borrow().as_ref().map(|future| future.bind(py).clone()) else {
            return Ok(());
        };
        if self.displaced.get() || future.call_method0(intern!(py, "done"))?.is_truthy()? {
            return Ok(());
        }
        let Some(state) = try_state::<BaseLoop>(self.event_loop.bind(py)) else { return Ok(()) };
        match self.attempt(py, state) {
            Ok(None) => self.watch(this, state),
            Ok(Some(value)) => {
                self.release(state);
                self.result.replace(Some(value));
                future.call_method1(intern!(py, "set_result"), (py.None(),)).map(drop)
            }
            Err(error) => {
                future.call_method1(intern!(py, "set_exception"), (raised::value(py, &error),)).map(drop)
            }
        }
    }
}

impl BaseLoop {
    pub(crate) fn operation_members() -> Members {
        members! { BaseLoop;
            method c"sock_recv" c"Receive at most n bytes. A coroutine." => sock_recv;
            method c"sock_recv_into" c"Receive into a writable buffer; gives the number of bytes. A coroutine." => sock_recv_into;
            method c"sock_sendall" c"Send all of data. A coroutine." => sock_sendall;
            method c"_sock_connect" c"Begin to connect, as asyncio does." => sock_connect;
        }
    }

    fn sock_recv(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [sock, size] = args.all("sock_recv", ["sock", "n"])?;
        match size.extract::<usize>() {
            Ok(size) if is_plain(&sock)? => Operation::create(this, &sock, Action::Recv { size }),
            _ => asyncio_coroutine(this, intern!(this.py(), "sock_recv"), sock, size),
        }
    }

    fn sock_recv_into(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [sock, buffer] = args.all("sock_recv_into", ["sock", "buf"])?;
        match Exported::new(&buffer, true) {
            Ok(buffer) if is_plain(&sock)? => Operation::create(this, &sock, Action::RecvInto { buffer }),
            _ => asyncio_coroutine(this, intern!(this.py(), "sock_recv_into"), sock, buffer),
        }
    }

    fn sock_sendall(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let [sock, data] = args.all("sock_sendall", ["sock", "data"])?;
        match Exported::new(&data, false) {
            Ok(exported) if is_plain(&sock)? => {
                Operation::create(this, &sock, Action::SendAll { data: exported, sent: 0 })
            }
            _ => asyncio_coroutine(this, intern!(this.py(), "sock_sendall"), sock, data),
        }
    }

    /// Begins a connection. The listening socket may be watched by this loop, so that the loop must look at descriptors.
    fn sock_connect(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let [future, sock, address] = args.all("_sock_connect", ["fut", "sock", "address"])?;
        if let Ok(engine) = self.engine() {
            engine.note_write();
        }
        let begin = SELECTOR_EVENTS.helper(py, intern!(py, "sock_connect"))?;
        begin.call1((this, future, sock, address)).map(Bound::unbind)
    }
}

fn recv(py: Python<'_>, socket: &Socket, size: usize) -> PyResult<io::Result<Py<PyAny>>> {
    let read = if size > SCRATCH {
        bytes_filled_by(py, size, |buffer| socket.read(buffer))?
    } else {
        with_scratch(|space| match socket.read(&mut space[..size]) {
            Ok(count) => bytes_filled_by(py, count, |buffer| {
                buffer.copy_from_slice(&space[..count]);
                Ok(count)
            }),
            Err(error) => Ok(Err(error)),
        })?
    };
    Ok(read.map(|bytes| bytes.into_any().unbind()))
}

/// Calls asyncio's own coroutine function of that name.
fn asyncio_coroutine(
    this: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    sock: Borrowed<'_, '_, PyAny>,
    argument: Borrowed<'_, '_, PyAny>,
) -> PyResult<Py<PyAny>> {
    SELECTOR_EVENTS.helper(this.py(), name)?.call1((this, sock, argument)).map(Bound::unbind)
}
