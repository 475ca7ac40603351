//! `Transport<C, P>`: the only state machine of reading, writing and closing. How data is written is in `writing`.
//!
//! How far it has come is in `state`, with a diagram.
//!
//! Events may arrive after the state they were meant for: each handler looks at the state first. Callbacks may call
//! any method here, so no borrow is held across one, and the state is looked at again after each.

use std::cell::Cell;
use std::io;

use crate::io::{Channel, ChunkQueue, Kind, Limits, Watermarks};
use crate::transport::ending::Ending;
use crate::transport::held_writes::HeldWrites;
use crate::transport::protocol::{Fault, Protocol, Received};
use crate::transport::state::{Deferred, State};

/// Why `write` did not take the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `write_eof` was called.
    AfterEof,
    /// The connection is lost; the number of writes since then, this one included.
    Lost(u32),
}

/// See the module.
#[derive(Debug)]
pub struct Transport<C, P: Protocol> {
    pub(super) channel: C,
    pub(super) protocol: P,
    pub(super) outgoing: ChunkQueue<P::Chunk>,
    pub(super) marks: Watermarks,
    pub(super) held_writes: HeldWrites,
    state: State,
    /// `write_eof` was called: no more is to be written.
    ended: Cell<bool>,
    ending: Ending<P::Reason>,
}

/// Bytes that wait to be written above which the protocol is told to pause; asyncio's default.
pub(super) const WRITE_HIGH: usize = 64 * 1024;

impl<C: Channel, P: Protocol> Transport<C, P> {
    /// A transport that does nothing until it is started.
    pub fn new(channel: C, protocol: P) -> Self {
        Transport {
            channel,
            protocol,
            outgoing: ChunkQueue::new(),
            marks: Watermarks::new(Limits::below(WRITE_HIGH)),
            held_writes: HeldWrites::default(),
            state: State::default(),
            ended: Cell::new(false),
            ending: Ending::new(),
        }
    }

    /// The bytes' side.
    pub fn channel(&self) -> &C {
        &self.channel
    }

    /// The door's side.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }

    /// What waits to be written.
    pub fn outgoing(&self) -> &ChunkQueue<P::Chunk> {
        &self.outgoing
    }

    /// When the protocol is told to pause, and whether it was. `set_limits` moves them.
    pub fn marks(&self) -> &Watermarks {
        &self.marks
    }

    /// Whether `close`, `abort` or a failure began to close it.
    pub fn is_closing(&self) -> bool {
        self.state.is_closing()
    }

    /// Whether it receives.
    pub fn is_reading(&self) -> bool {
        self.state.is_reading()
    }

    /// Whether it was told to receive no more for now.
    pub fn is_paused(&self) -> bool {
        self.state.is_paused()
    }

    /// Above zero once `connection_lost` is on its way; counts the writes since.
    pub fn losses(&self) -> u32 {
        self.state.losses()
    }

    /// Whether the channel is watched for reading.
    pub fn is_polling(&self) -> bool {
        self.state.is_watched()
    }

    /// Whether `connection_lost` ran, or is on its way.
    pub(super) fn is_lost(&self) -> bool {
        self.state.is_lost()
    }

    /// Whether `connection_lost` ran and the channel is closed.
    pub fn is_gone(&self) -> bool {
        self.state.is_gone()
    }

    /// Whether the channel was closed: its number may be another's by now.
    pub fn is_abandoned(&self) -> bool {
        self.state.is_disowned()
    }

    /// Whether `write_eof` was called.
    pub fn is_ended(&self) -> bool {
        self.ended.get()
    }

    /// Has `connection_made` called and begins to read after it.
    pub fn start(&self, cx: P::Cx<'_>) {
        self.protocol.defer(cx);
    }

    /// The deferred call: the first begins, the last ends.
    ///
    /// # Errors
    /// What a callback wants to leave the loop.
    pub fn on_deferred(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        if self.state.is_gone() {
            return Ok(());
        }
        match self.state.take_deferred() {
            Deferred::Begin => {
                let result = self.protocol.connection_made(cx);
                if self.channel.shows_hang_up() && self.is_reading() {
                    self.read(cx, true);
                }
                result
            }
            Deferred::Eof => {
                let told = self.protocol.eof_received(cx);
                told.map(drop).or_else(|fault| self.fail(cx, fault))
            }
            Deferred::End if self.is_lost() => self.finish(cx),
            Deferred::End => Ok(()),
        }
    }

    /// The channel can be read.
    ///
    /// # Errors
    /// As `on_deferred`.
    pub fn on_readable(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        if self.is_lost() || !self.state.is_watched() {
            return Ok(());
        }
        if C::KIND == Kind::WriteOnly {
            self.settle(cx);
            let reason = (!self.outgoing.is_empty()).then(|| self.protocol.broken_pipe(cx));
            self.lose(cx, reason);
            return Ok(());
        }
        match self.protocol.receive(cx, &self.channel) {
            Ok(Received::Data | Received::Nothing) => Ok(()),
            Ok(Received::End) => self.on_end(cx),
            Err(fault) => self.fail(cx, fault),
        }
    }

    /// Whether data may be written, and why not. Each refused write counts.
    ///
    /// # Errors
    /// Why not.
    pub fn may_write(&self) -> Result<(), Refused> {
        if self.ended.get() && C::KIND == Kind::Duplex {
            return Err(Refused::AfterEof);
        }
        if self.is_lost() || (C::KIND == Kind::WriteOnly && self.is_closing()) {
            return Err(Refused::Lost(self.state.count_write()));
        }
        Ok(())
    }

    /// No more will be written. A channel of one way is closed by it.
    ///
    /// # Errors
    /// The system's, when the peer is gone.
    pub fn write_eof(&self, cx: P::Cx<'_>) -> io::Result<()> {
        self.settle(cx);
        if self.is_closing() || self.ended.replace(true) {
            return Ok(());
        }
        if C::KIND == Kind::WriteOnly {
            self.close(cx);
            return Ok(());
        }
        if self.outgoing.is_empty() { self.channel.end() } else { Ok(()) }
    }

    /// Closes in order: nothing more is received, everything is still written.
    pub fn close(&self, cx: P::Cx<'_>) {
        self.settle(cx);
        if !self.state.close() {
            return;
        }
        if C::KIND != Kind::WriteOnly || self.outgoing.is_empty() {
            self.read(cx, false);
        }
        if self.outgoing.is_empty() {
            self.lost(cx);
        }
    }

    /// Closes at once: what there was no room for is never written.
    pub fn lose(&self, cx: P::Cx<'_>, reason: Option<P::Reason>) {
        self.settle(cx);
        if self.is_lost() {
            return;
        }
        if !self.outgoing.is_empty() {
            self.outgoing.clear();
            self.room(cx, false);
        }
        self.state.close();
        self.read(cx, false);
        self.ending.set(reason);
        self.lost(cx);
    }

    /// Receives no more for now.
    pub fn pause_reading(&self, cx: P::Cx<'_>) -> bool {
        self.state.pause(&self.protocol, cx)
    }

    /// Receives again.
    pub fn resume_reading(&self, cx: P::Cx<'_>) -> bool {
        self.state.resume(&self.protocol, cx)
    }

    /// Moves the marks of flow control, which may pause at once.
    ///
    /// # Errors
    /// As `on_deferred`.
    pub fn set_limits(&self, cx: P::Cx<'_>, limits: Limits) -> Result<(), P::Escape> {
        self.settle(cx);
        self.marks.set_limits(limits);
        self.pause_writing(cx)
    }

    /// Why the end that is on its way came.
    pub fn ending(&self) -> &Ending<P::Reason> {
        &self.ending
    }

    /// Closes the channel without a word to the protocol: nobody refers to the transport any more, or nobody ever will.
    pub fn abandon(&self) {
        self.state.end();
        self.disown();
    }

    /// Closes the channel, whose number is not touched any more. Whoever still refers to the transport may close it, and the
    /// protocol be told.
    pub fn disown(&self) {
        self.state.disown();
        self.channel.descriptor().close();
        self.channel.descriptor().void();
    }

    fn on_end(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        if C::KIND == Kind::ReadOnly {
            // Two calls, as with asyncio: each may leave the loop.
            self.state.defer_eof();
            self.protocol.defer(cx);
            self.close(cx);
            return Ok(());
        }
        match self.protocol.eof_received(cx) {
            Ok(true) => self.read(cx, false),
            Ok(false) => self.close(cx),
            Err(fault) => return self.fail(cx, fault),
        }
        Ok(())
    }

    pub(super) fn all_written(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        self.room(cx, false);
        self.protocol.drained(cx, None);
        if self.is_closing() {
            self.read(cx, false);
            self.state.lose();
            return self.finish(cx);
        }
        if self.ended.get()
            && let Err(error) = self.channel.end()
        {
            self.write_failed(cx, error);
        }
        Ok(())
    }

    /// The one place where `connection_lost` is called and the channel closed.
    fn finish(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        if !self.state.end() {
            return Ok(());
        }
        let reason = self.ending.take();
        let result = self.protocol.connection_lost(cx, reason);
        self.state.disown();
        self.channel.descriptor().close();
        result
    }

    fn fail(&self, cx: P::Cx<'_>, fault: Fault<P::Escape, P::Reason>) -> Result<(), P::Escape> {
        match fault {
            Fault::Escape(error) => Err(error),
            Fault::Lose(reason) => {
                self.lose(cx, Some(reason));
                Ok(())
            }
        }
    }

    pub(super) fn write_failed(&self, cx: P::Cx<'_>, error: io::Error) {
        let waited = !self.outgoing.is_empty();
        if waited {
            self.room(cx, false);
            self.outgoing.clear();
        }
        let reason = self.protocol.write_failed(cx, error);
        if waited {
            self.protocol.drained(cx, Some(&reason));
        }
        if C::KIND == Kind::WriteOnly && !waited {
            self.read(cx, false);
        }
        self.lose(cx, Some(reason));
    }

    fn lost(&self, cx: P::Cx<'_>) {
        self.state.lose();
        // `resume_writing` may have closed us before the last flush was through with its own bookkeeping.
        self.room(cx, false);
        self.protocol.defer(cx);
    }

    fn read(&self, cx: P::Cx<'_>, on: bool) {
        self.state.read(&self.protocol, cx, on);
    }

    pub(super) fn room(&self, cx: P::Cx<'_>, on: bool) {
        self.state.room(&self.protocol, cx, on);
    }
}
