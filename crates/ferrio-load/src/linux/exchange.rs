//! What a round trip consists of: what is sent, and what has to come back.
//!
//! An echo gives back what it got, bytes that tell a shifted or torn echo from a true one, or lines as in text protocols;
//! a WebSocket echo answers a masked frame with an unmasked one; an HTTP answer is as long as its head says.

use std::os::fd::OwnedFd;

use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::failure::{Named, Outcome, failed};

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    pub(crate) reply: Reply,
    opening: &'static [u8],
}

#[derive(Debug)]
pub(crate) enum Reply {
    /// These bytes.
    Exactly(Vec<u8>),
    /// Status 200, and as long as its `Content-Length` says.
    Http,
}

impl Exchange {
    /// Of that form, with messages of that size.
    pub(crate) fn new(form: &str, size: usize) -> Outcome<Self> {
        let echo =
            |request: Vec<u8>| Exchange { reply: Reply::Exactly(request.clone()), request, opening: b"" };
        match form {
            "bytes" => Ok(echo(bytes(size))),
            "lines" => Ok(echo(lines(size))),
            "http" => Ok(Exchange { request: GET.to_vec(), reply: Reply::Http, opening: b"" }),
            "websocket" => {
                let (request, reply) = (frame(&bytes(size), true)?, frame(&bytes(size), false)?);
                Ok(Exchange { request, reply: Reply::Exactly(reply), opening: UPGRADE })
            }
            _ => failed(format!("form={form}: neither bytes nor lines nor http nor websocket")),
        }
    }

    /// What comes before the first round trip, on a socket that still blocks.
    pub(crate) fn open(&self, socket: &OwnedFd) -> Outcome {
        if self.opening.is_empty() {
            return Ok(());
        }
        send(socket, self.opening, SendFlags::NOSIGNAL).named("send")?;
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

/// The length of the HTTP answer that these bytes begin with; `None` while its head is not complete.
pub(crate) fn answer_length(bytes: &[u8]) -> Outcome<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = bytes[..end].to_ascii_lowercase();
    if !head.starts_with(b"http/1.1 200 ") {
        return failed(format!("an answer that is not 200: {}", String::from_utf8_lossy(&head)));
    }
    let lines = head.split(|byte| *byte == b'\n');
    let length = lines
        .filter_map(|line| line.strip_prefix(b"content-length:"))
        .find_map(|value| std::str::from_utf8(value).ok().and_then(|text| text.trim().parse::<usize>().ok()));
    match length {
        Some(length) => Ok(Some(end + 4 + length)),
        None => failed("an answer without Content-Length"),
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
    fn an_answer_is_as_long_as_its_head_says() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(answer_length(answer).unwrap(), Some(answer.len()));
        assert_eq!(answer_length(&answer[..30]).unwrap(), None);
        assert!(answer_length(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n").is_err());
        assert!(answer_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
