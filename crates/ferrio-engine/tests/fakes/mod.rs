//! What stands around a `Transport` in tests: a channel without a descriptor, a host without a loop, a protocol that writes
//! down what it is told and may do something about it.
//!
//! `End::run` is the loop: it calls what the transport asked for, as long as that does anything, in the order of a turn.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::rc::{Rc, Weak};

use ferrio_engine::Direction;
use ferrio_engine::transport::{Channel, Descriptor, Fault, Host, Kind, Protocol, Received, Transport};

pub(crate) const DUPLEX: u8 = 0;
pub(crate) const READ_ONLY: u8 = 1;
pub(crate) const WRITE_ONLY: u8 = 2;

/// Bytes in memory, which flow in the ways that `WAY` says.
pub(crate) struct Wire<const WAY: u8> {
    descriptor: Descriptor,
    /// What comes from the peer, piece by piece; an empty piece is the end of the stream.
    pub(crate) incoming: RefCell<VecDeque<Result<Vec<u8>, ErrorKind>>>,
    /// How much can be written.
    pub(crate) room: Cell<usize>,
    /// What a write fails with.
    pub(crate) broken: Cell<Option<ErrorKind>>,
    pub(crate) written: RefCell<Vec<u8>>,
    /// How many writes there were, whether or not they found room.
    pub(crate) writes: Cell<usize>,
    pub(crate) ended: Cell<bool>,
}

impl<const WAY: u8> Wire<WAY> {
    fn new(room: usize) -> Self {
        Wire {
            // Nobody's number: whatever would use it fails.
            descriptor: Descriptor::lent(-1),
            incoming: RefCell::default(),
            room: Cell::new(room),
            broken: Cell::default(),
            written: RefCell::default(),
            writes: Cell::default(),
            ended: Cell::default(),
        }
    }

    pub(crate) fn take_written(&self) -> String {
        String::from_utf8(self.written.take()).unwrap()
    }
}

impl<const WAY: u8> Channel for Wire<WAY> {
    const KIND: Kind = match WAY {
        DUPLEX => Kind::Duplex,
        READ_ONLY => Kind::ReadOnly,
        _ => Kind::WriteOnly,
    };

    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        let mut incoming = self.incoming.borrow_mut();
        let mut piece = incoming.pop_front().ok_or(ErrorKind::WouldBlock)??;
        let count = piece.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(piece.drain(..count)) {
            place.write(byte);
        }
        if !piece.is_empty() {
            incoming.push_front(Ok(piece));
        }
        Ok(count)
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(data)])
    }

    fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writes.set(self.writes.get() + 1);
        if let Some(kind) = self.broken.get() {
            return Err(kind.into());
        }
        let data: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        let count = data.len().min(self.room.get());
        if count == 0 && !data.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.room.set(self.room.get() - count);
        self.written.borrow_mut().extend_from_slice(&data[..count]);
        Ok(count)
    }

    fn end(&self) -> io::Result<()> {
        self.ended.set(true);
        Ok(())
    }
}

/// What a protocol does when it is told something: `name` is that of the callback, or the data that came.
pub(crate) type Reaction<const WAY: u8> = Box<dyn Fn(&str, &End<WAY>) -> Result<(), &'static str>>;

/// The protocol and the host of one transport.
pub(crate) struct Script<const WAY: u8> {
    end: RefCell<Weak<End<WAY>>>,
    said: RefCell<Vec<String>>,
    pub(crate) reaction: RefCell<Option<Rc<Reaction<WAY>>>>,
    /// Whether it wants to write on after the end of the stream.
    pub(crate) half_open: Cell<bool>,
    /// The number of the callback that runs.
    pub(crate) callback: Cell<Option<u64>>,
    /// Whether others run after it.
    pub(crate) others: Cell<bool>,
    pub(crate) watched: [Cell<bool>; 2],
    deferred: Cell<usize>,
    settles: Cell<bool>,
}

impl<const WAY: u8> Script<WAY> {
    fn say(&self, what: impl Into<String>) -> Result<(), &'static str> {
        let what = what.into();
        self.said.borrow_mut().push(what.clone());
        let reaction = self.reaction.borrow().clone();
        match (reaction, self.end.borrow().upgrade()) {
            (Some(reaction), Some(end)) => reaction(&what, &end),
            _ => Ok(()),
        }
    }
}

impl<const WAY: u8> Host for Script<WAY> {
    type Cx<'a> = ();

    fn watch(&self, (): (), direction: Direction, on: bool) {
        let watched = &self.watched[usize::from(direction == Direction::Write)];
        assert_ne!(watched.replace(on), on, "{direction:?} is watched {on} already");
    }

    fn defer(&self, (): ()) {
        self.deferred.set(self.deferred.get() + 1);
    }

    fn callback(&self, (): ()) -> Option<u64> {
        self.callback.get()
    }

    fn others_wait(&self, (): ()) -> bool {
        self.others.get()
    }

    fn settle_later(&self, (): ()) {
        self.settles.set(true);
    }
}

impl<const WAY: u8> Protocol for Script<WAY> {
    type Escape = &'static str;
    type Reason = String;
    type Chunk = Vec<u8>;

    fn connection_made(&self, (): ()) -> Result<(), &'static str> {
        self.say("made")
    }

    fn receive(&self, (): (), channel: &impl Channel) -> Result<Received, Fault<&'static str, String>> {
        let mut space = [MaybeUninit::uninit(); 8];
        match channel.read(&mut space) {
            Ok(0) => Ok(Received::End),
            Ok(count) => {
                // SAFETY: the channel has written so many bytes.
                let data: Vec<u8> = space[..count].iter().map(|byte| unsafe { byte.assume_init() }).collect();
                self.say(String::from_utf8(data).unwrap()).map_err(Fault::Escape)?;
                Ok(Received::Data)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Received::Nothing),
            Err(error) => Err(Fault::Lose(error.kind().to_string())),
        }
    }

    fn eof_received(&self, (): ()) -> Result<bool, Fault<&'static str, String>> {
        self.say("eof").map_err(Fault::Escape)?;
        Ok(self.half_open.get())
    }

    fn pause_writing(&self, (): ()) -> Result<(), &'static str> {
        self.say("pause")
    }

    fn resume_writing(&self, (): ()) -> Result<(), &'static str> {
        self.say("resume")
    }

    fn drained(&self, (): (), failure: Option<&String>) {
        let told = self.say(failure.map_or("drained".into(), |failure| format!("not drained: {failure}")));
        assert_eq!(told, Ok(()), "it cannot fail");
    }

    fn connection_lost(&self, (): (), reason: Option<String>) -> Result<(), &'static str> {
        self.say(reason.map_or("lost".into(), |reason| format!("lost: {reason}")))
    }

    fn write_failed(&self, (): (), error: io::Error) -> String {
        error.kind().to_string()
    }

    fn broken_pipe(&self, (): ()) -> String {
        "broken pipe".into()
    }
}

/// A transport between a wire and a script.
pub(crate) struct End<const WAY: u8> {
    pub(crate) transport: Transport<Wire<WAY>, Script<WAY>>,
}

impl<const WAY: u8> End<WAY> {
    /// One that has begun, and was told so.
    pub(crate) fn new(room: usize) -> Rc<Self> {
        let end = Self::unstarted(room);
        end.transport.start(());
        assert_eq!(end.run(), ["made"]);
        end
    }

    pub(crate) fn unstarted(room: usize) -> Rc<Self> {
        let script = Script {
            end: RefCell::default(),
            said: RefCell::default(),
            reaction: RefCell::default(),
            half_open: Cell::default(),
            callback: Cell::default(),
            others: Cell::default(),
            watched: Default::default(),
            deferred: Cell::default(),
            settles: Cell::default(),
        };
        let end = Rc::new(End { transport: Transport::new(Wire::new(room), script) });
        *end.script().end.borrow_mut() = Rc::downgrade(&end);
        end
    }

    pub(crate) fn script(&self) -> &Script<WAY> {
        self.transport.protocol()
    }

    pub(crate) fn wire(&self) -> &Wire<WAY> {
        self.transport.channel()
    }

    /// Has the protocol do this when it is told something.
    pub(crate) fn react(&self, reaction: impl Fn(&str, &End<WAY>) -> Result<(), &'static str> + 'static) {
        *self.script().reaction.borrow_mut() = Some(Rc::new(Box::new(reaction)));
    }

    pub(crate) fn write(&self, data: &str) -> Result<(), &'static str> {
        self.transport.write((), data.as_bytes(), || Ok(data.as_bytes().to_vec()))
    }

    /// The peer sends this; nothing at all is the end of the stream.
    pub(crate) fn comes(&self, data: &str) {
        self.wire().incoming.borrow_mut().push_back(Ok(data.as_bytes().to_vec()));
    }

    pub(crate) fn fails_to_read(&self, kind: ErrorKind) {
        self.wire().incoming.borrow_mut().push_back(Err(kind));
    }

    /// The peer takes so much more. What the transport says about it.
    pub(crate) fn takes(&self, room: usize) -> Vec<String> {
        self.wire().room.set(self.wire().room.get() + room);
        self.run()
    }

    /// Runs turns until nothing is to be done; what the protocol was told since.
    pub(crate) fn run(&self) -> Vec<String> {
        assert_eq!(self.try_run(), Ok(()));
        self.heard()
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.script().said.take()
    }

    /// As `run`, up to a failure that leaves the loop.
    pub(crate) fn try_run(&self) -> Result<(), &'static str> {
        let script = self.script();
        loop {
            let (has_data, has_room) = (
                !self.wire().incoming.borrow().is_empty(),
                self.wire().room.get() > 0 || self.wire().broken.get().is_some(),
            );
            if script.deferred.get() > 0 {
                script.deferred.set(script.deferred.get() - 1);
                self.transport.on_deferred(())?;
            } else if script.settles.take() || (script.watched[1].get() && has_room) {
                self.transport.on_writable(())?;
            } else if script.watched[0].get() && has_data {
                self.transport.on_readable(())?;
            } else {
                return Ok(());
            }
        }
    }
}
