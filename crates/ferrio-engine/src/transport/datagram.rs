//! `Datagrams`: the sibling of `Transport` for packets. A packet is sent whole or not at all, and a failed one is an
//! event, not an end.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::io::{Descriptor, Host, Limits, Watermarks};
use crate::transport::ending::Ending;
use crate::transport::state::{Deferred, State};
use crate::transport::stream::WRITE_HIGH;

/// What asyncio counts for a queued packet beside its bytes.
const HEADER: usize = 8;

/// The other side of a datagram transport; see `Protocol`, whose rules hold here.
pub trait PacketProtocol: Host {
    /// What leaves the loop.
    type Escape;
    /// Why the transport was lost.
    type Reason;
    /// A packet kept until it can be sent.
    type Packet;

    /// The transport is ready for use.
    ///
    /// # Errors
    /// `Escape` only, here and below.
    fn connection_made(&self, cx: Self::Cx<'_>) -> Result<(), Self::Escape>;
    /// Receives one packet from `descriptor` and hands it on, or the error instead of it.
    ///
    /// # Errors
    /// See above.
    fn receive(&self, cx: Self::Cx<'_>, descriptor: &Descriptor) -> Result<(), Self::Escape>;
    /// Tries to send `packet`; false when it has to wait. A failure is handed on and counts as sent.
    ///
    /// # Errors
    /// See above.
    fn send(
        &self,
        cx: Self::Cx<'_>,
        descriptor: &Descriptor,
        packet: &Self::Packet,
    ) -> Result<bool, Self::Escape>;
    /// The bytes of `packet`.
    fn size(packet: &Self::Packet) -> usize;
    /// More waits to be sent than should.
    ///
    /// # Errors
    /// See above.
    fn pause_writing(&self, cx: Self::Cx<'_>) -> Result<(), Self::Escape>;
    /// Enough of it was sent.
    ///
    /// # Errors
    /// See above.
    fn resume_writing(&self, cx: Self::Cx<'_>) -> Result<(), Self::Escape>;
    /// The last call.
    ///
    /// # Errors
    /// See above.
    fn connection_lost(&self, cx: Self::Cx<'_>, reason: Option<Self::Reason>) -> Result<(), Self::Escape>;
}

/// See the module.
#[derive(Debug)]
pub struct Datagrams<P: PacketProtocol> {
    descriptor: Descriptor,
    protocol: P,
    queue: RefCell<VecDeque<P::Packet>>,
    size: Cell<usize>,
    marks: Watermarks,
    state: State,
    ending: Ending<P::Reason>,
}

impl<P: PacketProtocol> Datagrams<P> {
    /// A transport that does nothing until it is started.
    pub fn new(descriptor: Descriptor, protocol: P) -> Self {
        Datagrams {
            descriptor,
            protocol,
            queue: RefCell::default(),
            size: Cell::new(0),
            marks: Watermarks::new(Limits::below(WRITE_HIGH)),
            state: State::default(),
            ending: Ending::new(),
        }
    }

    /// The socket.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The door's side.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }

    /// Bytes that wait, with asyncio's allowance for headers.
    pub fn size(&self) -> usize {
        self.size.get()
    }

    /// As `Transport::marks`.
    pub fn marks(&self) -> &Watermarks {
        &self.marks
    }

    /// Whether it is closing or closed.
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

    /// Above zero once `connection_lost` is on its way; counts the packets offered since.
    pub fn losses(&self) -> u32 {
        self.state.losses()
    }

    /// Shows what waits, packet by packet. `show` must not touch the queue.
    pub fn for_each(&self, show: impl FnMut(&P::Packet)) {
        self.queue.borrow().iter().for_each(show);
    }

    /// Whether `connection_lost` ran and the socket is closed.
    pub fn is_gone(&self) -> bool {
        self.state.is_gone()
    }

    /// Whether packets wait to be sent.
    pub fn has_queued(&self) -> bool {
        !self.queue.borrow().is_empty()
    }

    /// Counts a packet that is offered after the end; says how many were before. Zero: it is not the end.
    pub fn refuse(&self) -> u32 {
        self.state.count_write()
    }

    /// Has `connection_made` called and begins to receive after it.
    pub fn start(&self, cx: P::Cx<'_>) {
        self.protocol.defer(cx);
    }

    /// The deferred call: the first begins, the last ends.
    ///
    /// # Errors
    /// What a callback wants to leave the loop.
    pub fn on_deferred(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        if self.state.take_deferred() == Deferred::Begin {
            let result = self.protocol.connection_made(cx);
            if self.is_reading() {
                self.read(cx, true);
            }
            return result;
        }
        if self.state.is_lost() { self.finish(cx) } else { Ok(()) }
    }

    /// A packet can be received.
    ///
    /// # Errors
    /// As `on_deferred`.
    pub fn on_readable(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        if self.state.is_lost() || !self.state.is_watched() {
            return Ok(());
        }
        self.protocol.receive(cx, &self.descriptor)
    }

    /// A packet can be sent.
    ///
    /// # Errors
    /// As `on_deferred`.
    pub fn on_writable(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        while !self.state.is_lost() {
            let Some(packet) = self.queue.borrow_mut().pop_front() else { break };
            let size = P::size(&packet) + HEADER;
            self.size.set(self.size.get().saturating_sub(size));
            if !self.protocol.send(cx, &self.descriptor, &packet)? {
                self.size.set(self.size.get() + size);
                self.queue.borrow_mut().push_front(packet);
                break;
            }
        }
        if self.marks.receded(self.size.get()) {
            self.protocol.resume_writing(cx)?;
        }
        if self.queue.borrow().is_empty() && !self.state.is_lost() {
            self.room(cx, false);
            if self.is_closing() {
                self.state.lose();
                return self.finish(cx);
            }
        }
        Ok(())
    }

    /// Sends `packet`, now if possible.
    ///
    /// # Errors
    /// As `on_deferred`.
    pub fn send(&self, cx: P::Cx<'_>, packet: P::Packet) -> Result<(), P::Escape> {
        if self.queue.borrow().is_empty() {
            if self.protocol.send(cx, &self.descriptor, &packet)? {
                return Ok(());
            }
            self.room(cx, true);
        }
        self.size.set(self.size.get() + P::size(&packet) + HEADER);
        self.queue.borrow_mut().push_back(packet);
        self.pause_writing(cx)
    }

    /// Closes in order: what waits is still sent.
    pub fn close(&self, cx: P::Cx<'_>) {
        if !self.state.close() {
            return;
        }
        self.read(cx, false);
        if self.queue.borrow().is_empty() {
            self.lost(cx);
        }
    }

    /// Closes at once.
    pub fn lose(&self, cx: P::Cx<'_>, reason: Option<P::Reason>) {
        if self.state.is_lost() {
            return;
        }
        let queue = self.queue.take();
        if !queue.is_empty() {
            self.size.set(0);
        }
        drop(queue);
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
        self.marks.set_limits(limits);
        self.pause_writing(cx)
    }

    /// Why the end that is on its way came.
    pub fn ending(&self) -> &Ending<P::Reason> {
        &self.ending
    }

    /// Closes the socket without a word to the protocol: nobody refers to the transport any more.
    pub fn abandon(&self) {
        self.state.end();
        self.disown();
    }

    /// As `Transport::disown`.
    pub fn disown(&self) {
        self.state.disown();
        self.descriptor.close();
        self.descriptor.void();
    }

    /// Whether the socket was closed: its number may be another's by now.
    pub fn is_abandoned(&self) -> bool {
        self.state.is_disowned()
    }

    fn lost(&self, cx: P::Cx<'_>) {
        self.state.lose();
        // A callback may have closed us while the last packet was being sent.
        self.room(cx, false);
        self.protocol.defer(cx);
    }

    fn finish(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        if !self.state.end() {
            return Ok(());
        }
        // What was sent after the end, and found no room, is not sent.
        self.room(cx, false);
        let reason = self.ending.take();
        let result = self.protocol.connection_lost(cx, reason);
        self.state.disown();
        self.descriptor.close();
        result
    }

    fn read(&self, cx: P::Cx<'_>, on: bool) {
        self.state.read(&self.protocol, cx, on);
    }

    fn room(&self, cx: P::Cx<'_>, on: bool) {
        self.state.room(&self.protocol, cx, on);
    }

    fn pause_writing(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        if self.marks.exceeded(self.size.get()) { self.protocol.pause_writing(cx) } else { Ok(()) }
    }
}
