//! The bare servers of connections. Level-triggered; one read, write or accept a turn, as the fastest loops have it.
//! What the socket does not take is kept and sent first when it has room again; reading stops meanwhile.

use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::failure::{Named, Outcome};
use super::serve::accepted;

const EVENTS: usize = 256;
const PIECE: usize = 256 * 1024;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// What comes in goes out again.
    Echo,
    /// What comes in is taken for a request, and answered the same each time.
    Answer,
    /// Pieces of 256 KiB as fast as the socket takes them.
    Send,
    /// What comes in is dropped.
    Drop,
    /// Closed as soon as accepted.
    HangUp,
}

struct Server {
    poll: OwnedFd,
    listener: OwnedFd,
    work: Work,
    peers: HashMap<u64, Peer>,
    scratch: Vec<u8>,
}

struct Peer {
    socket: OwnedFd,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
}

pub(crate) fn run(listener: OwnedFd, work: Work) -> Outcome {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).named("epoll_create")?;
    epoll::add(&poll, &listener, name(&listener), EventFlags::IN).named("epoll_ctl")?;
    let mut server = Server { poll, listener, work, peers: HashMap::new(), scratch: vec![b'x'; PIECE] };
    let mut buffer = [const { std::mem::MaybeUninit::uninit() }; EVENTS];
    loop {
        let (events, _) = epoll::wait(&server.poll, &mut buffer[..], None).named("epoll_wait")?;
        for event in events {
            server.handle(event.data.u64())?;
        }
    }
}

impl Server {
    fn handle(&mut self, place: u64) -> Outcome {
        if place == name(&self.listener).u64() {
            return self.accept();
        }
        let Some(peer) = self.peers.get_mut(&place) else { return Ok(()) };
        let is_alive = match self.work {
            Work::Echo if peer.unsent.is_empty() => peer.echo(&self.poll, &mut self.scratch),
            Work::Echo => peer.flush(&self.poll),
            Work::Answer => matches!(peer.take(&mut self.scratch), Some(1..)) && peer.push(ANSWER),
            Work::Send => peer.push_all(&self.scratch),
            Work::Drop | Work::HangUp => matches!(peer.take(&mut self.scratch), Some(1..)),
        };
        if !is_alive {
            self.peers.remove(&place);
        }
        Ok(())
    }

    /// One a turn: to be refused at the end of a batch costs more than the wait that tells of the next one.
    fn accept(&mut self) -> Outcome {
        let Some(socket) = accepted(&self.listener) else { return Ok(()) };
        if self.work == Work::HangUp {
            return Ok(());
        }
        let flags = if self.work == Work::Send { EventFlags::OUT } else { EventFlags::IN };
        epoll::add(&self.poll, &socket, name(&socket), flags).named("epoll_ctl")?;
        self.peers.insert(name(&socket).u64(), Peer { socket, unsent: Vec::new() });
        Ok(())
    }
}

impl Peer {
    fn echo(&mut self, poll: &OwnedFd, scratch: &mut [u8]) -> bool {
        let Some(length) = self.take(scratch) else { return false };
        let Some(sent) = self.give(&scratch[..length]) else { return false };
        if sent < length {
            self.unsent.extend_from_slice(&scratch[sent..length]);
            return epoll::modify(poll, &self.socket, name(&self.socket), EventFlags::OUT).is_ok();
        }
        length > 0
    }

    fn flush(&mut self, poll: &OwnedFd) -> bool {
        let Some(sent) = self.give(&self.unsent) else { return false };
        self.unsent.drain(..sent);
        !self.unsent.is_empty()
            || epoll::modify(poll, &self.socket, name(&self.socket), EventFlags::IN).is_ok()
    }

    /// As much as the socket takes, at once: the receiver is then woken once for all of it.
    fn push_all(&self, piece: &[u8]) -> bool {
        loop {
            match self.give(piece) {
                Some(sent) if sent == piece.len() => {}
                given => return given.is_some(),
            }
        }
    }

    fn push(&self, piece: &[u8]) -> bool {
        self.give(piece).is_some()
    }

    /// Bytes received, 0 at the end of the stream; `None`: the connection is gone.
    fn take(&self, scratch: &mut [u8]) -> Option<usize> {
        recv(&self.socket, scratch, RecvFlags::empty()).ok().map(|(_, length)| length)
    }

    /// Bytes that the socket took; `None`: the connection is gone.
    fn give(&self, bytes: &[u8]) -> Option<usize> {
        match send(&self.socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => Some(sent),
            Err(Errno::AGAIN) => Some(0),
            Err(_) => None,
        }
    }
}

fn name(socket: &OwnedFd) -> EventData {
    EventData::new_u64(u64::from(socket.as_raw_fd().unsigned_abs()))
}
