//! `Connection`: the engine's transport beneath a flow, on the loop's own thread.
//!
//! The loop knows it by its place in the table, and keeps it until the channel is closed: so what was written is still sent
//! when nobody refers to it any more.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
#[cfg(feature = "tls")]
use std::os::fd::OwnedFd;
use std::rc::Rc;

use ferrio_engine::Direction;
use ferrio_engine::transport::{Channel, Descriptor, Fault, Host, Limits, Protocol, Received, Transport};

use crate::events::LoopState;
use crate::streams::flow::{Flow, Wire};
use crate::streams::watch::Watch;
use crate::words::{Io, What};

/// See the module.
pub(crate) struct Connection<C: Channel> {
    transport: Transport<C, Ends>,
}

impl<C: Channel + 'static> Connection<C> {
    /// A connection that has begun to receive, and its flow.
    pub(crate) fn start(state: &Rc<LoopState>, channel: C) -> (Rc<Flow>, Rc<Self>) {
        let flow = Rc::new(Flow::new());
        let connection = state.ios.insert(|place| {
            let watch = Watch::new(state.clone(), place, channel.descriptor());
            let ends = Ends { watch, flow: flow.clone(), broken: Cell::new(false) };
            Rc::new(Connection { transport: Transport::new(channel, ends) })
        });
        connection.transport.start(());
        (flow, connection)
    }
}

impl<C: Channel> Connection<C> {
    /// A peer that takes no more may have said why before, such as a server that refuses a body: that is read before the end is told.
    fn salvage(&self) {
        let Ends { flow, broken, .. } = self.transport.protocol();
        if broken.take() && !flow.has_ended() {
            while !flow.is_too_much() && flow.fill(self.transport.channel()).is_ok_and(|count| count > 0) {}
        }
    }
}

impl<C: Channel> Io for Connection<C> {
    fn tell(&self, what: What) {
        let Ok(()) = match what {
            What::Readable => self.transport.on_readable(()),
            What::Writable => self.transport.on_writable(()),
            What::Deferred => {
                self.salvage();
                self.transport.on_deferred(())
            }
            #[cfg(feature = "tls")]
            What::Later => Ok(()),
        };
        let ends = self.transport.protocol();
        if let Some(error) = ends.watch.refused() {
            self.transport.lose((), Some(error));
        }
        if ends.flow.holds() {
            self.transport.pause_reading(());
        }
    }
}

impl<C: Channel> Wire for Connection<C> {
    fn write(&self, data: &[u8]) {
        if self.transport.may_write().is_err() {
            return self.transport.protocol().flow.refuse();
        }
        let Ok(()) = self.transport.write((), data, || Ok(data.to_vec()));
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

    #[cfg(feature = "http")]
    fn gather(&self) {
        self.transport.gather();
    }

    fn pause_reading(&self, on: bool) {
        if on {
            self.transport.pause_reading(());
        } else {
            self.transport.resume_reading(());
        }
    }

    fn unsent(&self) -> usize {
        self.transport.settle(());
        self.transport.outgoing().size()
    }

    fn set_write_limits(&self, limits: Limits) {
        let Ok(()) = self.transport.set_limits((), limits);
    }

    fn descriptor(&self) -> &Descriptor {
        self.transport.channel().descriptor()
    }

    #[cfg(feature = "tls")]
    fn detach(&self) -> io::Result<OwnedFd> {
        let twin = self.descriptor().borrow().try_clone_to_owned()?;
        self.transport.pause_reading(());
        self.transport.abandon();
        self.transport.protocol().watch.leave();
        Ok(twin)
    }
}

/// Both ends of a transport: the flow it serves, and the loop it is on.
pub(crate) struct Ends {
    watch: Watch,
    flow: Rc<Flow>,
    /// A write failed, and the news that the connection is lost is on its way.
    broken: Cell<bool>,
}

impl Host for Ends {
    type Cx<'a> = ();

    fn watch(&self, (): (), direction: Direction, on: bool) {
        self.watch.set(direction, on);
    }

    fn defer(&self, (): ()) {
        self.watch.queue(What::Deferred);
    }

    fn callback(&self, (): ()) -> Option<u64> {
        self.watch.state.engine.note_write()
    }

    fn others_wait(&self, (): ()) -> bool {
        self.watch.state.engine.others_wait()
    }

    fn settle_later(&self, (): ()) {
        self.watch.state.engine.callback().leave(self.watch.place.word(What::Writable));
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
        self.watch.leave();
        Ok(())
    }

    fn write_failed(&self, (): (), error: io::Error) -> io::Error {
        self.broken.set(true);
        error
    }

    fn broken_pipe(&self, (): ()) -> io::Error {
        io::ErrorKind::BrokenPipe.into()
    }
}
