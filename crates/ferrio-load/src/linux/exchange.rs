//! What a round trip consists of: what is sent, and what has to come back.
//!
//! An echo gives back what it got, bytes that tell a shifted or torn echo from a true one, or lines as in text protocols;
//! a WebSocket echo answers a masked frame with an unmasked one; HTTP answers, and frames that a server deflates as it
//! likes, are as long as they say (length.rs). Such a frame comes ready-made, as this crate does not deflate.

use std::os::fd::OwnedFd;

use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::failure::{Named, Outcome, failed};
use super::length::{LengthOf, answer_length, frame_length, number};
use super::options::Options;

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const UPGRADE: &str = "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    pub(crate) reply: Reply,
    opening: Vec<u8>,
}

#[derive(Debug)]
pub(crate) enum Reply {
    /// These bytes.
    Exactly(Vec<u8>),
    /// As long as it says by itself.
    Framed(LengthOf),
}

impl Exchange {
    /// Of the form that the options name.
    pub(crate) fn new(options: &Options) -> Outcome<Self> {
        let (path, size) = (&options.path, options.size);
        let upgrade = |more| format!("GET {path} HTTP/1.1\r\n{UPGRADE}{more}\r\n").into_bytes();
        let exchange = |request, reply, opening| Ok(Exchange { request, reply, opening });
        let echo = |request: Vec<u8>| exchange(request.clone(), Reply::Exactly(request), Vec::new());
        let answered = |request| exchange(request, Reply::Framed(answer_length), Vec::new());
        match options.form.as_str() {
            "bytes" => echo(bytes(size)),
            "lines" => echo(lines(size)),
            "http" => answered(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()),
            "post" => {
                let head =
                    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n");
                answered([head.into_bytes(), bytes(size)].concat())
            }
            "websocket" => {
                exchange(frame(&bytes(size), true)?, Reply::Exactly(frame(&bytes(size), false)?), upgrade(""))
            }
            "frame" => {
                exchange(from_hexadecimal(&options.message)?, Reply::Framed(frame_length), upgrade(DEFLATE))
            }
            form => failed(format!(
                "form={form}: neither bytes nor lines nor http nor post nor websocket nor frame"
            )),
        }
    }

    /// What comes before the first round trip, on a socket that still blocks.
    pub(crate) fn open(&self, socket: &OwnedFd) -> Outcome {
        if self.opening.is_empty() {
            return Ok(());
        }
        send(socket, &self.opening, SendFlags::NOSIGNAL).named("send")?;
        let (mut head, mut piece) = (Vec::new(), [0; 1024]);
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            match recv(socket, &mut piece[..], RecvFlags::empty()).named("the upgrade")? {
                (_, 0) => return failed("the server closed instead of upgrading"),
                (_, length) => head.extend_from_slice(&piece[..length]),
            }
        }
        if head.starts_with(b"HTTP/1.1 101 ") {
            Ok(())
        } else {
            failed("the server does not speak WebSocket")
        }
    }
}

impl Reply {
    /// The length of the reply that these bytes begin with; `None` while they do not tell.
    pub(crate) fn length(&self, begun: &[u8]) -> Outcome<Option<usize>> {
        match self {
            Reply::Exactly(expected) => Ok(Some(expected.len())),
            Reply::Framed(length_of) => length_of(begun),
        }
    }
}

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place.wrapping_mul(31) + place / 251).to_le_bytes()[0]).collect()
}

/// Lines are of 64 bytes; what is left is one less, and the last one is empty.
fn lines(size: usize) -> Vec<u8> {
    let ends = |place: usize| place % 64 == 63 || place + 2 >= size;
    (0..size).map(|place| if ends(place) { b'\n' } else { LETTERS[place % LETTERS.len()] }).collect()
}

/// A binary frame. The mask is zero, which leaves the bytes as they are and is as dear to undo as any other.
fn frame(payload: &[u8], masked: bool) -> Outcome<Vec<u8>> {
    const BINARY: u8 = 0x82;
    const LENGTH_FOLLOWS: u8 = 0x7e;
    let mask_bit = if masked { 0x80 } else { 0 };
    let mut frame = vec![BINARY];
    match payload.len() {
        length @ 0..126 => frame.push(mask_bit | u8::try_from(length).named("a length")?),
        length => {
            let length =
                u16::try_from(length).named("a message of form=websocket has at most 65,535 bytes")?;
            frame.push(mask_bit | LENGTH_FOLLOWS);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    if masked {
        frame.extend_from_slice(&[0; 4]);
    }
    frame.extend_from_slice(payload);
    Ok(frame)
}

fn from_hexadecimal(text: &str) -> Outcome<Vec<u8>> {
    let byte =
        |pair: &[u8]| number(pair, 16).filter(|_| pair.len() == 2).and_then(|byte| u8::try_from(byte).ok());
    match text.as_bytes().chunks(2).map(byte).collect() {
        Some(bytes) => Ok(bytes),
        None => failed(format!("message={text}: not hexadecimal")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_an_empty_one() {
        let message = lines(1024);
        assert_eq!(message.len(), 1024);
        assert!(message.ends_with(b"\n\n") && !message[..1022].windows(2).any(|pair| pair == b"\n\n"));
    }

    #[test]
    fn frames_have_the_head_that_their_length_asks_for() {
        assert_eq!(frame(b"ab", false).unwrap(), b"\x82\x02ab");
        assert_eq!(frame(&[7; 300], true).unwrap()[..8], [0x82, 0xfe, 1, 44, 0, 0, 0, 0]);
        assert!(frame(&vec![0; 70_000], true).is_err());
    }

    #[test]
    fn hexadecimal_is_read_in_pairs() {
        assert_eq!(from_hexadecimal("c10fA0").unwrap(), [0xc1, 0x0f, 0xa0]);
        assert!(from_hexadecimal("c1f").is_err() && from_hexadecimal("zz").is_err());
    }
}
