//! What the tests share: frames made by hand, a connection driven to the end of its input, random numbers.

use ferrio_http::ws::handshake::Deflate;
use ferrio_http::ws::{Config, Connection, Event, Role, apply_mask};

/// An event that outlives its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    Failed(u16),
}

pub(crate) fn server() -> Connection {
    Connection::new(Role::Server, Config::default(), None)
}

pub(crate) fn client() -> Connection {
    Connection::new(Role::Client, Config::default(), None)
}

pub(crate) fn deflating(role: Role, config: Config) -> Connection {
    Connection::new(role, config, Some(Deflate::default()))
}

/// A frame as a server sends it. `first` is FIN, RSV and opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    framed(first, payload, None)
}

/// A frame as a client sends it.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    framed(first, payload, Some([0x37, 0xFA, 0x21, 0x3D]))
}

pub(crate) fn framed(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let bit = if key.is_some() { 0x80 } else { 0 };
    let length = payload.len();
    let mut out = match length {
        0..126 => vec![first, bit | u8::try_from(length).unwrap()],
        126..0x1_0000 => [&[first, bit + 126][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
        _ => [&[first, bit + 127][..], &(length as u64).to_be_bytes()].concat(),
    };
    out.extend_from_slice(&key.map(|key| key.to_vec()).unwrap_or_default());
    let begin = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        apply_mask(&mut out[begin..], key);
    }
    out
}

/// First byte and payload of the frames of a server's output.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(second & 0x80, 0, "a server masks nothing");
        let (length, rest) = match second {
            126 => (usize::from(u16::from_be_bytes(rest[..2].try_into().unwrap())), &rest[2..]),
            127 => (usize::try_from(u64::from_be_bytes(rest[..8].try_into().unwrap())).unwrap(), &rest[8..]),
            short => (usize::from(*short), rest),
        };
        found.push((*first, rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    found
}

/// All events of an input that comes at once, and what is answered.
pub(crate) fn events(connection: &mut Connection, bytes: &[u8]) -> (Vec<Seen>, Vec<u8>) {
    events_cut(connection, bytes, || usize::MAX)
}

/// The same of an input that comes in pieces of `next` bytes, as a transport would bring it: what was not used comes again.
pub(crate) fn events_cut(
    connection: &mut Connection,
    bytes: &[u8],
    mut next: impl FnMut() -> usize,
) -> (Vec<Seen>, Vec<u8>) {
    let (mut seen, mut out, mut buffer, mut coming) = (Vec::new(), Vec::new(), Vec::new(), bytes);
    while !coming.is_empty() {
        let (piece, rest) = coming.split_at(next().clamp(1, coming.len()));
        buffer.extend_from_slice(piece);
        coming = rest;
        let mut used = 0;
        loop {
            let (more, event) = connection.advance(&mut buffer[used..], &mut out);
            used += more;
            match event {
                Event::NeedMore => break,
                Event::Closed => {
                    assert_eq!(used, buffer.len(), "what comes after the end is dropped");
                    return (seen, out);
                }
                event => seen.push(Seen::from(event)),
            }
        }
        buffer.drain(..used);
        assert!(buffer.len() <= 130, "a control frame and its header is the most that waits");
    }
    (seen, out)
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.into_owned()),
            Event::Binary(data) => Self::Binary(data.into_owned()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close { code, reason } => Self::Close(code, reason.to_owned()),
            Event::Failed(failed) => Self::Failed(failed.code),
            Event::NeedMore | Event::Closed => unreachable!("no event of the peer's"),
        }
    }
}

/// `SplitMix64`: the same numbers in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((word ^ (word >> 31)) % limit as u64).unwrap()
    }

    /// Text that compresses about as well as JSON does, with characters of one to four bytes.
    pub(crate) fn text(&mut self, length: usize) -> String {
        const WORDS: [&str; 8] = ["{\"id\": ", "\"name\": ", "größe, ", "→", "𝄞", "null, ", "7", "5"];
        let mut text = String::with_capacity(length + 8);
        while text.len() < length {
            text += WORDS[self.below(WORDS.len())];
        }
        text
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}
