//! `Connection`: the engine's transport beneath a flow, on the loop's own thread.
//!
//! The loop knows it by its place in the table, and keeps it until the channel is closed: so what was written is still sent
//! when nobody refers to it any more.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;

use ferrio_engine::Direction;
use ferrio_engine::transport::{Channel, Descriptor, Fault, Host, Limits, Protocol, Received, Transport};

use crate::events::LoopState;
use crate::streams::flow::{Flow, Wire};
use crate::words::{Io, IoPlace, What};

/// See the module.
pub(crate) struct Connection<C: Channel> {
    transport: Transport<C, Ends>,
}

impl<C: Channel + 'static> Connection<C> {
    /// A connection that has begun to receive, and its flow.
    pub(crate) fn start(state: &Rc<LoopState>, channel: C) -> (Rc<Flow>, Rc<Self>) {
        let flow = Rc::new(Flow::new());
        let connection = state.ios.insert(|place| {
            let ends = Ends::new(state.clone(), place, channel.descriptor(), flow.clone());
            Rc::new(Connection { transport: Transport::new(channel, ends) })
        });
        connection.transport.start(());
        (flow, connection)
    }
}

impl<C: Channel> Io for Connection<C> {
    fn tell(&self, what: What) {
        let Ok(()) = match what {
            What::Readable => self.transport.on_readable(()),
            What::Writable => self.transport.on_writable(()),
            What::Deferred => self.transport.on_deferred(()),
        };
        let ends = self.transport.protocol();
        if let Some(error) = ends.refused.take() {
            self.transport.lose((), Some(error));
        }
        if ends.flow.is_too_much() && self.transport.pause_reading(()) {
            ends.flow.hold(true);
        }
    }
}

impl<C: Channel> Wire for Connection<C> {
    fn write(&self, data: &[u8]) {
        if self.transport.may_write().is_ok() {
            let Ok(()) = self.transport.write((), data, || Ok(data.to_vec()));
        }
    }

    fn write_eof(&self) -> io::Result<()> {
        self.transport.write_eof(())
    }

    fn close(&self) {
        self.transport.close(());
    }

    fn abort(&self) {
        self.transport.lose((), None);
    }

    fn is_closing(&self) -> bool {
        self.transport.is_closing()
    }

    fn pause_reading(&self, on: bool) {
        if on {
            self.transport.pause_reading(());
        } else {
            self.transport.resume_reading(());
        }
    }

    fn unsent(&self) -> usize {
        self.transport.outgoing().size()
    }

    fn set_write_limits(&self, limits: Limits) {
        let Ok(()) = self.transport.set_limits((), limits);
    }

    fn descriptor(&self) -> &Descriptor {
        self.transport.channel().descriptor()
    }
}

/// Both ends of a transport: the flow it serves, and the loop it is on.
pub(crate) struct Ends {
    state: Rc<LoopState>,
    place: IoPlace,
    fd: i32,
    flow: Rc<Flow>,
    /// The kernel would not watch the descriptor.
    refused: Cell<Option<io::Error>>,
}

impl Ends {
    fn new(state: Rc<LoopState>, place: IoPlace, descriptor: &Descriptor, flow: Rc<Flow>) -> Self {
        Ends { state, place, fd: descriptor.number(), flow, refused: Cell::new(None) }
    }
}

impl Host for Ends {
    type Cx<'a> = ();

    fn watch(&self, (): (), direction: Direction, on: bool) {
        let engine = &self.state.engine;
        if !on {
            // The descriptor is open for as long as the transport watches it.
            let _word = engine.unwatch(self.fd, direction);
            return;
        }
        let what = if direction == Direction::Read { What::Readable } else { What::Writable };
        if let Err(error) = engine.watch(self.fd, direction, self.place.word(what), false) {
            self.refused.set(Some(error));
            self.defer(());
        }
    }

    fn defer(&self, (): ()) {
        self.state.engine.call_soon(self.place.word(What::Deferred));
    }

    fn callback(&self, (): ()) -> Option<u64> {
        self.state.engine.note_write()
    }

    fn settle_later(&self, (): ()) {
        self.state.engine.callback().leave(self.place.word(What::Writable));
    }
}

impl Protocol for Ends {
    type Escape = Infallible;
    type Reason = io::Error;
    type Chunk = Vec<u8>;

    fn connection_made(&self, (): ()) -> Result<(), Infallible> {
        Ok(())
    }

    fn receive(&self, (): (), channel: &impl Channel) -> Result<Received, Fault<Infallible, io::Error>> {
        match self.flow.fill(channel) {
            Ok(0) => Ok(Received::End),
            Ok(_) => Ok(Received::Data),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Received::Nothing)
            }
            Err(error) => Err(Fault::Lose(error)),
        }
    }

    fn eof_received(&self, (): ()) -> Result<bool, Fault<Infallible, io::Error>> {
        self.flow.end();
        Ok(true)
    }

    fn pause_writing(&self, (): ()) -> Result<(), Infallible> {
        self.flow.set_full(true);
        Ok(())
    }

    fn resume_writing(&self, (): ()) -> Result<(), Infallible> {
        self.flow.set_full(false);
        Ok(())
    }

    fn drained(&self, (): (), _failure: Option<&io::Error>) {
        self.flow.drained();
    }

    fn connection_lost(&self, (): (), reason: Option<io::Error>) -> Result<(), Infallible> {
        self.flow.lose(reason);
        drop(self.state.ios.remove(self.place));
        Ok(())
    }

    fn write_failed(&self, (): (), error: io::Error) -> io::Error {
        error
    }

    fn broken_pipe(&self, (): ()) -> io::Error {
        io::ErrorKind::BrokenPipe.into()
    }
}
