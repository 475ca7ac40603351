//! `Datagrams` without a socket: a packet is sent whole or waits, a failed one is an event, and the rest is as with streams.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use ferrio_engine::Direction;
use ferrio_engine::transport::{Datagrams, Descriptor, Host, Limits, PacketProtocol};

/// What a packet counts beside its bytes.
const HEADER: usize = 8;

type Reaction = Box<dyn Fn(&str, &Datagrams<Script>)>;

/// The protocol, the host and the network.
#[derive(Default)]
struct Script {
    transport: RefCell<Weak<Datagrams<Script>>>,
    reaction: RefCell<Option<Reaction>>,
    said: RefCell<Vec<String>>,
    incoming: RefCell<VecDeque<&'static str>>,
    sent: RefCell<Vec<String>>,
    /// How many packets can be sent.
    room: Cell<usize>,
    watched: [Cell<bool>; 2],
    deferred: Cell<usize>,
}

impl Script {
    /// `raise` is raised.
    fn say(&self, what: &str) -> Result<(), &'static str> {
        self.said.borrow_mut().push(what.into());
        if let (Some(reaction), Some(transport)) =
            (&*self.reaction.borrow(), self.transport.borrow().upgrade())
        {
            reaction(what, &transport);
        }
        if what == "raise" { Err("raised") } else { Ok(()) }
    }
}

impl Host for Script {
    type Cx<'a> = ();

    fn watch(&self, (): (), direction: Direction, on: bool) {
        let watched = &self.watched[usize::from(direction == Direction::Write)];
        assert_ne!(watched.replace(on), on, "{direction:?} is watched {on} already");
    }

    fn defer(&self, (): ()) {
        self.deferred.set(self.deferred.get() + 1);
    }
}

impl PacketProtocol for Script {
    type Escape = &'static str;
    type Reason = &'static str;
    type Packet = &'static str;

    fn connection_made(&self, (): ()) -> Result<(), &'static str> {
        self.say("made")
    }

    fn receive(&self, (): (), _: &Descriptor) -> Result<(), &'static str> {
        let packet = self.incoming.borrow_mut().pop_front();
        packet.map_or(Ok(()), |packet| self.say(packet))
    }

    fn send(&self, (): (), _: &Descriptor, packet: &&'static str) -> Result<bool, &'static str> {
        if self.room.get() == 0 {
            return Ok(false);
        }
        self.room.set(self.room.get() - 1);
        if packet.starts_with("bad") {
            self.say("error")?;
        } else {
            self.sent.borrow_mut().push((*packet).into());
        }
        Ok(true)
    }

    fn size(packet: &&'static str) -> usize {
        packet.len()
    }

    fn pause_writing(&self, (): ()) -> Result<(), &'static str> {
        self.say("pause")
    }

    fn resume_writing(&self, (): ()) -> Result<(), &'static str> {
        self.say("resume")
    }

    fn connection_lost(&self, (): (), reason: Option<&'static str>) -> Result<(), &'static str> {
        self.say(reason.unwrap_or("lost"))
    }
}

struct End(Rc<Datagrams<Script>>);

impl End {
    fn new(room: usize) -> Self {
        let end = Self::unstarted(room);
        end.0.start(());
        assert_eq!(end.run(), ["made"]);
        end
    }

    fn unstarted(room: usize) -> Self {
        let script = Script { room: Cell::new(room), ..Script::default() };
        // Nobody's number: whatever would use it fails.
        let transport = Rc::new(Datagrams::new(Descriptor::lent(-1), script));
        *transport.protocol().transport.borrow_mut() = Rc::downgrade(&transport);
        End(transport)
    }

    fn script(&self) -> &Script {
        self.0.protocol()
    }

    fn react(&self, reaction: impl Fn(&str, &Datagrams<Script>) + 'static) {
        *self.script().reaction.borrow_mut() = Some(Box::new(reaction));
    }

    fn comes(&self, packet: &'static str) {
        self.script().incoming.borrow_mut().push_back(packet);
    }

    fn send(&self, packet: &'static str) {
        assert_eq!(self.0.send((), packet), Ok(()));
    }

    /// The network takes so many more packets.
    fn takes(&self, room: usize) -> Vec<String> {
        self.script().room.set(self.script().room.get() + room);
        self.run()
    }

    /// Runs turns until nothing is to be done; what was said since.
    fn run(&self) -> Vec<String> {
        assert_eq!(self.try_run(), Ok(()));
        self.script().said.take()
    }

    fn try_run(&self) -> Result<(), &'static str> {
        let script = self.script();
        loop {
            if script.deferred.get() > 0 {
                script.deferred.set(script.deferred.get() - 1);
                self.0.on_deferred(())?;
            } else if script.watched[1].get() && script.room.get() > 0 {
                self.0.on_writable(())?;
            } else if script.watched[0].get() && !script.incoming.borrow().is_empty() {
                self.0.on_readable(())?;
            } else {
                return Ok(());
            }
        }
    }

    fn sent(&self) -> Vec<String> {
        self.script().sent.take()
    }
}

#[test]
fn packets_come_after_connection_made_and_not_while_paused() {
    let end = End::unstarted(9);
    end.comes("a");
    end.comes("b");
    assert!(end.run().is_empty());
    assert!(end.0.pause_reading(()) && !end.0.pause_reading(()));
    end.0.start(());
    assert_eq!(end.run(), ["made"]);
    assert!(end.0.resume_reading(()) && !end.0.resume_reading(()));
    assert_eq!(end.run(), ["a", "b"]);
}

#[test]
fn what_finds_no_room_is_sent_in_order_and_the_protocol_is_paused_between_the_marks() {
    let end = End::new(1);
    end.0.set_limits((), Limits { high: 2 * (HEADER + 2), low: HEADER + 2 }).unwrap();
    for packet in ["p1", "p2", "p3"] {
        end.send(packet);
    }
    assert_eq!((end.sent(), end.0.size()), (vec!["p1".to_string()], 2 * (HEADER + 2)));
    assert!(end.run().is_empty(), "as much as the mark is not above it");
    end.send("p4");
    assert_eq!(end.run(), ["pause"]);
    assert!(end.0.marks().is_paused() && end.0.has_queued());
    assert!(end.takes(1).is_empty());
    assert_eq!(end.takes(1), ["resume"]);
    assert!(end.takes(9).is_empty());
    assert_eq!(end.sent(), ["p2", "p3", "p4"]);
    assert!(!end.script().watched[1].get() && end.0.size() == 0);
}

#[test]
fn a_packet_that_cannot_be_sent_is_no_end() {
    let end = End::new(0);
    for packet in ["p1", "bad", "p2"] {
        end.send(packet);
    }
    assert_eq!(end.takes(9), ["error"]);
    assert_eq!(end.sent(), ["p1", "p2"]);
}

#[test]
fn closing_sends_what_waits_and_aborting_does_not() {
    let end = End::new(0);
    end.send("last");
    end.0.close(());
    end.comes("ignored");
    assert!(end.run().is_empty() && end.0.is_closing() && end.0.losses() == 0);
    assert_eq!(end.takes(1), ["lost"]);
    assert!(end.sent() == ["last"] && end.0.is_gone() && end.0.is_abandoned());

    let end = End::new(0);
    end.send("never");
    end.0.lose((), Some("aborted"));
    assert_eq!((end.0.refuse(), end.0.refuse()), (1, 2));
    assert_eq!(end.takes(1), ["aborted"]);
    assert!(end.sent().is_empty() && end.0.size() == 0 && end.0.refuse() == 3);
}

#[test]
fn callbacks_may_send_close_and_abort() {
    let end = End::new(9);
    end.react(|said, transport| {
        if said == "ping" {
            transport.send((), "pong").unwrap();
        }
    });
    end.comes("ping");
    assert_eq!((end.run(), end.sent()), (vec!["ping".to_string()], vec!["pong".to_string()]));

    for abort in [false, true] {
        for moment in ["made", "data", "pause", "resume", "error"] {
            let end = End::unstarted(0);
            end.react(move |said, transport| match abort {
                _ if said != moment => {}
                true => transport.lose((), None),
                false => transport.close(()),
            });
            end.0.set_limits((), Limits { high: 0, low: 0 }).unwrap();
            end.0.start(());
            end.comes("data");
            end.run();
            if end.0.refuse() == 0 && !end.0.is_closing() {
                end.send("bad");
                end.send("good");
            }
            end.takes(9);
            end.0.close(());
            end.run();
            assert!(end.0.is_gone(), "{moment} {abort}");
            assert!(end.script().watched.iter().all(|watched| !watched.get()), "{moment} {abort}");
        }
    }
}

#[test]
fn what_leaves_the_loop_leaves_the_transport_as_it_is() {
    let end = End::new(9);
    end.comes("raise");
    end.comes("go on");
    assert_eq!(end.try_run(), Err("raised"));
    assert_eq!(end.run(), ["raise", "go on"]);
}

#[test]
fn a_socket_that_was_disowned_is_watched_no_more() {
    let end = End::new(0);
    end.0.pause_reading(());
    end.0.disown();
    end.0.resume_reading(());
    end.send("nowhere");
    assert!(end.script().watched.iter().all(|watched| !watched.get()));
    end.0.lose((), None);
    assert_eq!(end.run(), ["lost"]);

    let end = End::new(0);
    end.0.abandon();
    end.0.close(());
    assert!(end.0.is_gone() && end.run().is_empty(), "nobody is told");
}
