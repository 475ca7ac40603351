//! One connection of the echo load: at most one message under way, the first echo compared byte by byte.
//! Knows the socket and the exchange; when a message is due, and what a round trip counts for, is echo.rs's.

use std::os::fd::OwnedFd;

use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::exchange::{Exchange, Reply};
use super::failure::{Named, Outcome, failed};
use super::length::LengthOf;

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: OwnedFd,
    /// When the message under way was sent, or meant to be.
    pub(crate) asked: u64,
    pub(crate) is_busy: bool,
    place: u64,
    sent: usize,
    got: usize,
    /// Of a reply that tells its own length, what came so far.
    begun: Vec<u8>,
    is_verified: bool,
    wants_write: bool,
}

impl Connection {
    /// Watched from now on; `place` is what epoll gives back.
    pub(crate) fn new(socket: OwnedFd, poll: &OwnedFd, place: u64) -> Outcome<Self> {
        epoll::add(poll, &socket, epoll::EventData::new_u64(place), epoll::EventFlags::IN)
            .named("epoll_ctl")?;
        Ok(Connection {
            socket,
            asked: 0,
            is_busy: false,
            place,
            sent: 0,
            got: 0,
            begun: Vec::new(),
            is_verified: false,
            wants_write: false,
        })
    }

    /// Begins a round trip that counts from `asked`.
    pub(crate) fn ask(&mut self, poll: &OwnedFd, exchange: &Exchange, asked: u64) -> Outcome {
        (self.sent, self.got, self.asked, self.is_busy) = (0, 0, asked, true);
        self.push(poll, exchange)
    }

    /// Sends what the socket takes, and waits for room if it did not take all.
    pub(crate) fn push(&mut self, poll: &OwnedFd, exchange: &Exchange) -> Outcome {
        let message = &exchange.request;
        while self.sent < message.len() {
            match send(&self.socket, &message[self.sent..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) => self.sent += sent,
                Err(Errno::AGAIN) => break,
                error => error.map(drop).named("send")?,
            }
        }
        let wants_write = self.sent < message.len();
        if wants_write != self.wants_write {
            let flags = if wants_write {
                epoll::EventFlags::IN | epoll::EventFlags::OUT
            } else {
                epoll::EventFlags::IN
            };
            epoll::modify(poll, &self.socket, epoll::EventData::new_u64(self.place), flags)
                .named("epoll_ctl")?;
            self.wants_write = wants_write;
        }
        Ok(())
    }

    /// Takes what arrived, which is a part of the reply, whatever the pieces; true when the round trip is complete.
    pub(crate) fn pull(&mut self, scratch: &mut [u8], exchange: &Exchange) -> Outcome<bool> {
        let piece = match recv(&self.socket, &mut *scratch, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return failed("the server closed an echo connection"),
            Ok((_, length)) => &scratch[..length],
            Err(Errno::AGAIN) => return Ok(false),
            error => return error.map(|_| false).named("the echo connection"),
        };
        if !self.is_busy {
            return failed("more came back than was sent");
        }
        self.is_busy = !match &exchange.reply {
            Reply::Exactly(expected) => self.compare(piece, expected)?,
            Reply::Framed(length_of) => self.measure(piece, *length_of)?,
        };
        Ok(!self.is_busy)
    }

    /// Whether it is the whole of what was expected. Compared the first time, then only counted.
    fn compare(&mut self, piece: &[u8], expected: &[u8]) -> Outcome<bool> {
        let Some(part) = expected.get(self.got..self.got + piece.len()) else {
            return failed("more came back than was sent");
        };
        if !self.is_verified && piece != part {
            return failed("the echo differs from what was sent");
        }
        self.got += piece.len();
        let is_complete = self.got == expected.len();
        self.is_verified |= is_complete;
        Ok(is_complete)
    }

    /// Whether it is the whole of the answer.
    fn measure(&mut self, piece: &[u8], length_of: LengthOf) -> Outcome<bool> {
        if self.begun.is_empty() && length_of(piece)? == Some(piece.len()) {
            return Ok(true);
        }
        self.begun.extend_from_slice(piece);
        match length_of(&self.begun)? {
            Some(length) if length < self.begun.len() => failed("more came back than an answer"),
            Some(length) if length == self.begun.len() => {
                self.begun.clear();
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
