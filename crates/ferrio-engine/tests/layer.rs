//! The state machine of TLS, with a cipher that anybody can read: no OpenSSL, no sockets, no clock.
//!
//! Two layers face each other across two queues of bytes, which tests cut and hold back as they like.
//!
//! Over 500 lines because the fake cipher and the two sides, which every test needs, are half of it.

use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;
use std::rc::{Rc, Weak};

use ferrio_engine::transport::{
    Activity, DeferredWork, Layer, Limits, Plain, Progress, Session, Severity, Sides, TimeLimit, read_all,
};

const HELLO: u8 = b'H';
const DATA: u8 = b'D';
const BYE: u8 = b'C';

/// Records: `H`; `D`, a length of two bytes, and so many; `C`. Anything else is an error.
#[derive(Default)]
struct Readable {
    incoming: RefCell<Vec<u8>>,
    outgoing: RefCell<Vec<u8>>,
    greeted: Cell<bool>,
    said_bye: Cell<bool>,
    heard_bye: Cell<bool>,
    /// What was read of a record in part.
    rest: RefCell<Vec<u8>>,
    /// Nothing can be written now.
    waits: Cell<bool>,
    /// The number of writes before one fails.
    writes: Cell<Option<u32>>,
}

type Error = &'static str;

impl Readable {
    fn next(&self) -> Result<Option<(u8, Vec<u8>)>, Error> {
        let mut incoming = self.incoming.borrow_mut();
        let Some(&kind) = incoming.first() else { return Ok(None) };
        match kind {
            HELLO | BYE => {
                incoming.remove(0);
                Ok(Some((kind, Vec::new())))
            }
            DATA => {
                let Some(head) = incoming.get(1..3) else { return Ok(None) };
                let size = usize::from(u16::from_be_bytes([head[0], head[1]]));
                if incoming.len() < 3 + size {
                    return Ok(None);
                }
                let body = incoming[3..3 + size].to_vec();
                incoming.drain(..3 + size);
                Ok(Some((DATA, body)))
            }
            _ => Err("bad record"),
        }
    }
}

impl Session for Readable {
    type Cx<'a> = ();
    type Error = Error;
    type Ciphertext = Vec<u8>;

    fn feed(&self, (): (), ciphertext: &[u8]) -> Result<(), Error> {
        self.incoming.borrow_mut().extend_from_slice(ciphertext);
        Ok(())
    }

    fn unread(&self, (): ()) -> usize {
        self.incoming.borrow().len()
    }

    fn readable(&self, (): ()) -> usize {
        self.unread(()) + self.rest.borrow().len()
    }

    fn unsent(&self, (): ()) -> usize {
        self.outgoing.borrow().len()
    }

    fn take(&self, (): ()) -> Result<Vec<u8>, Error> {
        Ok(self.outgoing.take())
    }

    fn handshake(&self, (): ()) -> Result<Progress, Error> {
        if !self.greeted.replace(true) {
            self.outgoing.borrow_mut().push(HELLO);
        }
        match self.next()? {
            Some((HELLO, _)) => Ok(Progress::Done),
            Some(_) => Err("no hello"),
            None => Ok(Progress::Waiting),
        }
    }

    fn read(&self, (): (), buffer: &mut [MaybeUninit<u8>]) -> Result<Plain, Error> {
        if self.rest.borrow().is_empty() {
            match self.next()? {
                None => return Ok(Plain::Nothing),
                Some((DATA, body)) => *self.rest.borrow_mut() = body,
                Some((BYE, _)) => {
                    self.heard_bye.set(true);
                    return Ok(Plain::End);
                }
                Some(_) => return Err("hello again"),
            }
        }
        let mut rest = self.rest.borrow_mut();
        let count = rest.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(rest.drain(..count)) {
            place.write(byte);
        }
        Ok(if count == 0 { Plain::Nothing } else { Plain::Bytes(count) })
    }

    fn write(&self, (): (), data: &[u8]) -> Result<Option<usize>, Error> {
        if self.waits.get() {
            return Ok(None);
        }
        match self.writes.get() {
            Some(0) => return Err("broken"),
            left => self.writes.set(left.map(|left| left - 1)),
        }
        let size = data.len().min(usize::from(u16::MAX));
        let head = u16::try_from(size).unwrap().to_be_bytes();
        let mut outgoing = self.outgoing.borrow_mut();
        outgoing.extend_from_slice(&[DATA, head[0], head[1]]);
        outgoing.extend_from_slice(&data[..size]);
        Ok(Some(size))
    }

    fn close(&self, (): ()) -> Result<Progress, Error> {
        if !self.said_bye.replace(true) {
            self.outgoing.borrow_mut().push(BYE);
        }
        while !self.heard_bye.get() {
            match self.next()? {
                None => return Ok(Progress::Waiting),
                Some((BYE, _)) => self.heard_bye.set(true),
                Some(_) => return Err("data after the end"),
            }
        }
        Ok(Progress::Done)
    }
}

type Reaction = Box<dyn Fn(&str, &Layer<Readable, Test>)>;

/// What one side did, in order.
#[derive(Default)]
struct Record {
    /// What its protocol does about it.
    reaction: RefCell<Option<Reaction>>,
    said: RefCell<Vec<String>>,
    sent: RefCell<Vec<u8>>,
    /// How much was sent at a time.
    sends: RefCell<Vec<usize>>,
    /// There is no room after what is sent next.
    tight: Cell<bool>,
    layer: RefCell<Weak<Layer<Readable, Test>>>,
    got: RefCell<Vec<u8>>,
    later: RefCell<Vec<DeferredWork>>,
    waiting: Cell<Option<TimeLimit>>,
    held: Cell<bool>,
    /// The protocol raises this when data comes.
    raises: Cell<Option<Error>>,
    /// At most so many bytes are taken at a time.
    bite: Cell<usize>,
    /// The time limit for closing holds until the transport below is closed.
    patient: Cell<bool>,
}

impl Record {
    fn say(&self, what: impl Into<String>) {
        let what = what.into();
        self.said.borrow_mut().push(what.clone());
        let layer = self.layer.borrow().upgrade();
        if let (Some(reaction), Some(layer)) = (&*self.reaction.borrow(), layer) {
            reaction(&what, &layer);
        }
    }

    fn heard(&self) -> Vec<String> {
        self.said.take()
    }
}

struct Test(Rc<Record>);

impl Sides<Readable> for Test {
    type Reason = Error;
    type Chunk = Vec<u8>;

    fn send(&self, (): (), ciphertext: Vec<u8>) -> Result<(), Error> {
        self.0.sends.borrow_mut().push(ciphertext.len());
        if self.0.tight.get()
            && let Some(layer) = self.0.layer.borrow().upgrade()
        {
            layer.pause_writing();
        }
        self.0.sent.borrow_mut().extend(ciphertext);
        Ok(())
    }

    fn hold(&self, (): (), on: bool) {
        self.0.held.set(on);
    }

    fn close(&self, (): ()) {
        self.0.say("close");
    }

    fn lose(&self, (): (), reason: Option<Error>) {
        self.0.say(format!("lose {}", reason.unwrap_or("for nothing")));
    }

    fn later(&self, (): (), what: DeferredWork) {
        self.0.later.borrow_mut().push(what);
    }

    fn wait(&self, (): (), what: TimeLimit) {
        self.0.waiting.set(Some(what));
    }

    fn forget_time(&self, (): ()) {
        self.0.waiting.set(None);
    }

    fn closes_below(&self, (): ()) {
        if !self.0.patient.get() {
            self.0.waiting.set(None);
        } else if self.0.waiting.get().is_none() {
            self.0.waiting.set(Some(TimeLimit::Shutdown));
        }
    }

    fn too_long(&self, (): (), what: TimeLimit) -> Error {
        if what == TimeLimit::Handshake { "slow handshake" } else { "slow shutdown" }
    }

    fn hung_up(&self, (): ()) -> Error {
        "hung up"
    }

    fn severity(&self, (): (), error: &Error) -> Severity {
        match *error {
            "interrupt" => Severity::Escape,
            "protocol" => Severity::Ordinary,
            _ => Severity::Tls,
        }
    }

    fn fatal(&self, (): (), error: Error, doing: Activity) -> Result<(), Error> {
        self.0.say(format!("{doing:?}: {error}"));
        Ok(())
    }

    fn established(&self, (): ()) -> Result<(), Error> {
        Ok(())
    }

    fn connection_made(&self, (): (), new: bool) -> Result<(), Error> {
        self.0.say(if new { "made" } else { "ready" });
        Ok(())
    }

    fn deliver(&self, (): (), session: &Readable) -> Result<Plain, Error> {
        let mut buffer = vec![MaybeUninit::uninit(); self.0.bite.get().max(1)];
        if self.0.bite.get() == 0 {
            buffer.resize(session.readable(()) + 1, MaybeUninit::uninit());
        }
        let (count, last) = read_all(session, (), &mut buffer)?;
        if count > 0 {
            if let Some(error) = self.0.raises.get() {
                return Err(error);
            }
            // SAFETY: the first `count` bytes were written.
            self.0.got.borrow_mut().extend(buffer[..count].iter().map(|byte| unsafe { byte.assume_init() }));
        }
        Ok(last)
    }

    fn eof_received(&self, (): ()) -> Result<(), Error> {
        self.0.say("eof");
        Ok(())
    }

    fn pause_writing(&self, (): ()) -> Result<(), Error> {
        self.0.say("pause");
        Ok(())
    }

    fn resume_writing(&self, (): ()) -> Result<(), Error> {
        self.0.say("resume");
        Ok(())
    }

    fn connection_lost(&self, (): (), reason: Option<Error>, tell: bool) {
        self.0.say(format!("lost {} {tell}", reason.unwrap_or("for nothing")));
    }
}

struct End {
    layer: Rc<Layer<Readable, Test>>,
    record: Rc<Record>,
}

impl End {
    fn new(client: bool) -> Self {
        let record = Rc::new(Record::default());
        let layer = Rc::new(Layer::new(Readable::default(), Test(record.clone()), client, false));
        *record.layer.borrow_mut() = Rc::downgrade(&layer);
        End { layer, record }
    }

    fn write(&self, data: &[u8]) {
        self.layer.write((), data, || Ok(data.to_vec())).unwrap();
    }

    fn write_all(&self, chunks: Vec<Vec<u8>>) {
        self.layer.write_all((), chunks).unwrap();
    }

    fn take(&self) -> Vec<u8> {
        self.record.sent.take()
    }

    fn run_later(&self) {
        for what in self.record.later.take() {
            self.layer.on_deferred((), what).unwrap();
        }
    }
}

/// A client and a server that shook hands, with pieces of `size` bytes.
fn pair(size: usize) -> (End, End) {
    let (client, server) = (End::new(true), End::new(false));
    client.layer.start(()).unwrap();
    server.layer.start(()).unwrap();
    exchange(&client, &server, size);
    assert_eq!((client.record.heard(), server.record.heard()), (vec!["made".into()], vec!["made".into()]));
    assert_eq!((client.record.waiting.get(), server.record.waiting.get()), (None, None));
    (client, server)
}

/// Two ends between which much fits, nothing of it told as sent yet, and what the client may send.
fn pair_with_pieces(count: u8, size: usize) -> (End, End, Vec<Vec<u8>>) {
    let (client, server) = pair(1 << 20);
    client.record.sends.take();
    (client, server, (0..count).map(|each| vec![each; size]).collect())
}

/// Carries bytes both ways until there are none, in pieces of `size`.
fn exchange(near: &End, far: &End, size: usize) {
    loop {
        let (there, back) = (near.take(), far.take());
        if there.is_empty() && back.is_empty() {
            return;
        }
        there.chunks(size).for_each(|piece| far.layer.received((), piece).unwrap());
        back.chunks(size).for_each(|piece| near.layer.received((), piece).unwrap());
        near.run_later();
        far.run_later();
    }
}

#[test]
fn data_arrives_however_the_records_are_cut() {
    for size in [1, 2, 3, 7, 64, 100_000] {
        let (client, server) = pair(size);
        let data: Vec<u8> =
            (0..=255).cycle().take(if size < 64 || cfg!(miri) { 3_000 } else { 150_000 }).collect();
        client.write(&data);
        server.write(b"hello");
        exchange(&client, &server, size);
        assert_eq!(*server.record.got.borrow(), data);
        assert_eq!(*client.record.got.borrow(), b"hello");
    }
}

#[test]
fn an_orderly_end_is_told_to_both_sides() {
    let (client, server) = pair(100);
    client.write(b"last words");
    client.layer.close(()).unwrap();
    assert!(client.layer.is_closing() && client.record.waiting.get() == Some(TimeLimit::Shutdown));
    exchange(&client, &server, 100);
    assert_eq!(*server.record.got.borrow(), b"last words");
    assert_eq!(server.record.heard(), ["eof", "close"]);
    assert_eq!(client.record.heard(), ["eof", "close"]);
    assert_eq!((client.record.waiting.get(), server.record.waiting.get()), (None, None));
    client.layer.connection_lost((), None);
    assert_eq!(client.record.heard(), ["lost for nothing true"]);
    assert_eq!(client.layer.may_write(), Err(1));
}

#[test]
fn what_is_written_in_the_handshake_follows_it() {
    let (client, server) = (End::new(true), End::new(false));
    client.layer.start(()).unwrap();
    client.write(b"early");
    server.layer.start(()).unwrap();
    exchange(&client, &server, 10);
    assert_eq!(*server.record.got.borrow(), b"early");
}

#[test]
fn without_room_data_waits_as_plaintext_and_the_protocol_is_paused() {
    let (client, server) = pair(1000);
    client.layer.set_write_limits((), Limits { high: 10, low: 4 }).unwrap();
    client.layer.pause_writing();
    client.write(b"123456789");
    assert_eq!(client.record.heard(), [] as [&str; 0]);
    client.write(b"0");
    assert_eq!(client.record.heard(), ["pause"]);
    assert_eq!((client.layer.unsent(()), client.layer.session().unsent(())), (10, 0));
    client.layer.resume_writing(()).unwrap();
    assert_eq!(client.record.heard(), ["resume"]);
    exchange(&client, &server, 1000);
    assert_eq!(*server.record.got.borrow(), b"1234567890");
}

#[test]
fn many_small_pieces_are_few_records_and_one_send() {
    let (client, server, chunks) = pair_with_pieces(100, 1000);
    client.write_all(chunks.clone());
    // 65 of them fit into four records; a record's head has three bytes here.
    assert_eq!(client.record.sends.take(), [100_000 + 2 * 3]);
    exchange(&client, &server, 1 << 20);
    assert_eq!(*server.record.got.borrow(), chunks.concat());
}

#[test]
fn what_is_sent_at_a_time_is_bounded() {
    let (client, server, chunks) = pair_with_pieces(90, 20_000);
    client.write_all(chunks.clone());
    let sends = client.record.sends.take();
    assert!(sends.len() < 9 && sends.iter().all(|size| *size <= 257 * 1024), "{sends:?}");
    exchange(&client, &server, 1 << 20);
    assert_eq!(*server.record.got.borrow(), chunks.concat());
}

#[test]
fn without_room_no_more_is_encrypted_than_one_send() {
    let (client, server, chunks) = pair_with_pieces(90, 20_000);
    client.record.tight.set(true);
    client.write_all(chunks.clone());
    assert_eq!(client.record.sends.borrow().len(), 1);
    assert_eq!(client.layer.session().unsent(()), 0);
    assert_eq!(client.layer.unsent(()), 90 * 20_000 - 13 * 20_000);
    assert_eq!(client.record.heard(), ["pause"]);
    client.record.tight.set(false);
    client.layer.resume_writing(()).unwrap();
    assert_eq!(client.record.heard(), ["resume"]);
    exchange(&client, &server, 1 << 20);
    assert_eq!(*server.record.got.borrow(), chunks.concat());
}

#[test]
fn what_was_encrypted_before_a_failure_is_sent() {
    let (client, server) = pair(1000);
    client.layer.session().writes.set(Some(2));
    client.write_all(vec![vec![b'a'; 20_000], vec![b'b'; 20_000], vec![b'c'; 20_000]]);
    assert_eq!(client.record.heard(), ["Traffic: broken"]);
    exchange(&client, &server, 1000);
    assert_eq!(*server.record.got.borrow(), [vec![b'a'; 20_000], vec![b'b'; 20_000]].concat());
}

#[test]
fn a_write_that_must_wait_begins_with_the_same_data_again() {
    let (client, server) = pair(1000);
    client.layer.session().waits.set(true);
    client.write_all(vec![b"ab".to_vec(), b"cd".to_vec()]);
    client.write(b"ef");
    assert_eq!(client.layer.unsent(()), 6);
    client.layer.session().waits.set(false);
    client.layer.resume_writing(()).unwrap();
    exchange(&client, &server, 1000);
    assert_eq!(*server.record.got.borrow(), b"abcdef");
}

#[test]
fn closing_encrypts_what_waits_though_there_is_no_room() {
    let (client, server) = pair(1000);
    client.layer.pause_writing();
    client.write(b"kept back");
    client.layer.close(()).unwrap();
    assert_eq!(client.take(), b"");
    client.layer.resume_writing(()).unwrap();
    exchange(&client, &server, 1000);
    assert_eq!(*server.record.got.borrow(), b"kept back");
    assert_eq!(server.record.heard(), ["eof", "close"]);
}

#[test]
fn a_protocol_that_reads_nothing_has_the_transport_held() {
    let (client, server) = pair(1 << 20);
    server.layer.pause_reading();
    client.write(&vec![b'x'; 300 * 1024]);
    exchange(&client, &server, 1 << 20);
    assert!(server.record.held.get() && server.record.got.borrow().is_empty());
    server.layer.resume_reading(());
    server.run_later();
    assert!(!server.record.held.get());
    assert_eq!(server.record.got.borrow().len(), 300 * 1024);
}

#[test]
fn a_small_buffer_is_filled_again_and_again() {
    let (client, server) = pair(100);
    server.record.bite.set(3);
    client.write(b"abcdefghij");
    exchange(&client, &server, 100);
    for _ in 0..5 {
        server.run_later();
    }
    assert_eq!(*server.record.got.borrow(), b"abcdefghij");
}

#[test]
fn a_handshake_fails_in_these_ways() {
    let bad = End::new(true);
    bad.layer.start(()).unwrap();
    bad.layer.received((), b"GET / HTTP/1.1").unwrap();
    assert_eq!(bad.record.heard(), ["Handshake: bad record"]);
    bad.layer.connection_lost((), Some("bad record"));
    assert_eq!(bad.record.heard(), ["lost bad record false"]);

    let gone = End::new(false);
    gone.layer.start(()).unwrap();
    assert!(!gone.layer.eof_received(()).unwrap());
    assert_eq!(gone.record.heard(), ["Handshake: hung up"]);

    let slow = End::new(false);
    slow.layer.start(()).unwrap();
    assert_eq!(slow.record.waiting.get(), Some(TimeLimit::Handshake));
    slow.layer.on_time((), TimeLimit::Handshake).unwrap();
    assert_eq!(slow.record.heard(), ["Closing: slow handshake"]);

    let left = End::new(true);
    left.layer.start(()).unwrap();
    left.layer.close(()).unwrap();
    assert_eq!(left.record.heard(), ["lose for nothing"]);
    left.layer.received((), b"H").unwrap();
    assert!(left.layer.is_closed() && left.record.heard().is_empty());
}

#[test]
fn what_is_closed_before_it_begins_ends_when_it_begins() {
    for close in [|end: &End| end.layer.abort((), None), |end: &End| end.layer.close(()).unwrap()] {
        let end = End::new(true);
        close(&end);
        assert_eq!(end.record.heard(), ["lose for nothing"], "with nothing below yet");
        end.layer.start(()).unwrap();
        assert_eq!(end.record.heard(), ["lose for nothing"]);
        assert!(end.take().is_empty() && end.record.waiting.get().is_none());
    }
}

#[test]
fn a_peer_that_does_not_answer_the_end_is_lost() {
    let (client, _) = pair(100);
    client.layer.close(()).unwrap();
    client.layer.on_time((), TimeLimit::Shutdown).unwrap();
    assert_eq!(client.record.heard(), ["lose slow shutdown"]);
    let (client, _) = pair(100);
    client.layer.on_time((), TimeLimit::Shutdown).unwrap();
    assert!(client.record.heard().is_empty(), "it was not closing");
}

#[test]
fn the_time_for_closing_may_hold_until_the_transport_below_is_closed() {
    let (client, server) = pair(100);
    for end in [&client, &server] {
        end.record.patient.set(true);
    }
    client.layer.close(()).unwrap();
    exchange(&client, &server, 100);
    // The one that began, and the one that only answered.
    for end in [&client, &server] {
        assert_eq!(end.record.heard(), ["eof", "close"]);
        assert_eq!(end.record.waiting.get(), Some(TimeLimit::Shutdown));
        end.layer.on_time((), TimeLimit::Shutdown).unwrap();
        assert_eq!(end.record.heard(), ["lose slow shutdown"]);
        end.layer.connection_lost((), None);
        assert_eq!(end.record.waiting.get(), None);
    }
}

#[test]
fn the_end_of_the_stream_is_the_end() {
    let (client, _) = pair(100);
    assert!(!client.layer.eof_received(()).unwrap());
    client.run_later();
    assert_eq!(client.record.heard(), ["eof", "close"]);

    let (client, server) = pair(100);
    server.layer.pause_reading();
    client.write(b"unread");
    exchange(&client, &server, 100);
    assert!(server.layer.eof_received(()).unwrap(), "somebody still wants to read");
    server.layer.resume_reading(());
    server.run_later();
    server.run_later();
    assert_eq!(*server.record.got.borrow(), b"unread");
    assert_eq!(server.record.heard(), ["eof", "close"]);
}

#[test]
fn errors_end_the_connection_or_leave() {
    let (client, server) = pair(100);
    server.record.raises.set(Some("protocol"));
    client.write(b"data");
    exchange(&client, &server, 100);
    assert_eq!(server.record.heard(), ["Traffic: protocol"]);

    let (client, server) = pair(100);
    server.record.raises.set(Some("interrupt"));
    client.write(b"data");
    assert_eq!(server.layer.received((), &client.take()), Err("interrupt"));

    let (_, server) = pair(100);
    server.layer.received((), b"X").unwrap();
    assert_eq!(server.record.heard(), ["Traffic: bad record"]);
}

#[test]
fn the_marks_of_both_directions_are_reached_once_and_left_once() {
    let (client, server) = pair(1 << 20);
    client.layer.set_write_limits((), Limits { high: 4, low: 2 }).unwrap();
    client.layer.pause_writing();
    client.write(b"abc");
    assert!(client.record.heard().is_empty());
    client.write(b"d");
    client.write(b"e");
    assert_eq!(client.record.heard(), ["pause"]);
    assert!(client.layer.is_full());
    client.layer.resume_writing(()).unwrap();
    assert_eq!(client.record.heard(), ["resume"]);

    server.layer.set_read_limits((), Limits { high: 14, low: 13 });
    server.layer.pause_reading();
    let records = client.take();
    assert_eq!(records.len(), 3 + 5, "what waits is one record");
    server.layer.received((), &records).unwrap();
    client.write(b"fg");
    server.layer.received((), &client.take()).unwrap();
    assert!(!server.record.held.get());
    server.layer.set_read_limits((), Limits { high: 13, low: 12 });
    assert!(server.record.held.get());
    server.layer.resume_reading(());
    server.run_later();
    assert!(!server.record.held.get() && *server.record.got.borrow() == b"abcdefg");
}

#[test]
fn callbacks_may_write_close_and_abort() {
    for moment in ["made", "pause", "resume", "eof"] {
        for deed in ["write", "close", "abort"] {
            let (client, server) = (End::new(true), End::new(false));
            *client.record.reaction.borrow_mut() = Some(Box::new(move |said, layer| match deed {
                _ if said != moment => {}
                "write" => layer.write((), b"!", || Ok(b"!".to_vec())).unwrap(),
                "close" => layer.close(()).unwrap(),
                _ => layer.abort((), None),
            }));
            client.layer.start(()).unwrap();
            server.layer.start(()).unwrap();
            exchange(&client, &server, 1000);
            client.layer.set_write_limits((), Limits { high: 2, low: 1 }).unwrap();
            client.layer.pause_writing();
            client.write(b"abc");
            client.layer.resume_writing(()).unwrap();
            server.layer.close(()).unwrap();
            exchange(&client, &server, 1000);
            let got = server.record.got.borrow();
            let written: Vec<u8> = got.iter().copied().filter(|byte| *byte != b'!').collect();
            assert!(b"abc".starts_with(&written[..]), "{moment} {deed}: {got:?}");
            assert!(client.layer.is_closing(), "{moment} {deed}");
        }
    }
}

#[test]
fn nonsense_never_panics_and_never_is_data() {
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..2000 {
        let (client, server) = pair(100);
        client.write(b"some data");
        let mut bytes = client.take();
        for _ in 0..random() % 4 {
            let place = usize::try_from(random()).unwrap_or(0) % bytes.len();
            bytes[place] = u8::try_from(random() % 256).unwrap();
        }
        let step = 1 + usize::try_from(random() % 7).unwrap();
        for piece in bytes.chunks(step) {
            server.layer.received((), piece).unwrap();
            match random() % 12 {
                0 => server.layer.pause_reading(),
                1 => server.layer.resume_reading(()),
                2 => server.layer.pause_writing(),
                3 => server.layer.resume_writing(()).unwrap(),
                4 => server.layer.close(()).unwrap(),
                5 => server.write(b"answer"),
                6 => drop(server.layer.eof_received(()).unwrap()),
                7 => server.run_later(),
                8 => server.layer.abort((), None),
                _ => {}
            }
        }
        server.layer.connection_lost((), None);
        server.run_later();
    }
}
