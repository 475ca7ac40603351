//! The header of a frame: reading it with all that RFC 6455 (5.2, 5.5) demands of a frame by itself, and writing it.
//!
//! What depends on the frames before it, such as whether a message may begin, is `receiving`'s.

use std::ops::Deref;

use super::Failed;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// The longest header: two bytes, eight of length, four of mask.
pub(super) const LONGEST: usize = 14;
const FIN: u8 = 0x80;
const COMPRESSED: u8 = 0x40;
const RESERVED: u8 = 0x30;
const MASKED: u8 = 0x80;

/// A header that was read.
pub(super) struct Header {
    pub(super) last: bool,
    pub(super) compressed: bool,
    pub(super) opcode: Opcode,
    pub(super) key: Option<[u8; 4]>,
    pub(super) length: u64,
    /// How many bytes the header itself has.
    pub(super) size: usize,
}

/// The header at the beginning of the input, or `None` where it is not all there.
pub(super) fn read(input: &[u8], masked: bool) -> Result<Option<Header>, Failed> {
    let [first, second, rest @ ..] = input else { return Ok(None) };
    let opcode = opcode(*first)?;
    let (last, short) = (first & FIN != 0, second & !MASKED);
    if opcode as u8 >= Opcode::Close as u8 {
        check_control(*first, short)?;
    }
    if (second & MASKED != 0) != masked {
        return Err(Failed::protocol(if masked {
            "a client's frame is not masked"
        } else {
            "a server's frame is masked"
        }));
    }
    let Some((length, rest)) = length(short, rest)? else { return Ok(None) };
    let (key, rest) = match rest.split_first_chunk::<4>() {
        Some((key, rest)) if masked => (Some(*key), rest),
        None if masked => return Ok(None),
        _ => (None, rest),
    };
    let compressed = first & COMPRESSED != 0;
    Ok(Some(Header { last, compressed, opcode, key, length, size: input.len() - rest.len() }))
}

/// A frame's header, as bytes that are sent before the payload.
///
/// ```
/// use ferrio_http::ws::{Config, Connection, Kind, Role};
///
/// let mut server = Connection::new(Role::Server, Config::default(), None);
/// let head = server.message_head(Kind::Binary, 1 << 20)?;
/// assert_eq!(&*head, [0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0]);
/// # Ok::<(), ferrio_http::ws::Misuse>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Head {
    bytes: [u8; LONGEST],
    size: usize,
}

impl Head {
    /// Of a frame that is a whole message or a control frame.
    #[inline]
    pub(super) fn new(opcode: Opcode, compressed: bool, length: usize, key: Option<[u8; 4]>) -> Self {
        let mut head = Self { bytes: [0; LONGEST], size: 2 };
        let masked = if key.is_some() { MASKED } else { 0 };
        head.bytes[0] = FIN | if compressed { COMPRESSED } else { 0 } | opcode as u8;
        let wide = (length as u64).to_be_bytes();
        head.bytes[1] = masked
            | match length {
                0..126 => wide[7],
                126..0x1_0000 => {
                    head.bytes[2..4].copy_from_slice(&wide[6..]);
                    head.size = 4;
                    126
                }
                _ => {
                    head.bytes[2..10].copy_from_slice(&wide);
                    head.size = 10;
                    127
                }
            };
        if let Some(key) = key {
            head.bytes[head.size..head.size + 4].copy_from_slice(&key);
            head.size += 4;
        }
        head
    }

    /// Appends it. A copy of a fixed length needs no call, so the longest is made and cut.
    #[inline]
    pub(super) fn append(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&self.bytes);
        out.truncate(begin + self.size);
    }
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.size]
    }
}

fn opcode(first: u8) -> Result<Opcode, Failed> {
    if first & RESERVED != 0 {
        return Err(Failed::protocol("a reserved bit is set"));
    }
    Ok(match first & 0x0F {
        0 => Opcode::Continuation,
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => return Err(Failed::protocol("the opcode is reserved")),
    })
}

fn check_control(first: u8, short: u8) -> Result<(), Failed> {
    Err(Failed::protocol(if first & FIN == 0 {
        "a control frame is fragmented"
    } else if first & COMPRESSED != 0 {
        "a control frame is compressed"
    } else if short > 125 {
        "a control frame is longer than 125 bytes"
    } else {
        return Ok(());
    }))
}

/// The length of the payload, in its shortest form, and what follows it.
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Failed> {
    const LONG: Failed = Failed::protocol("the length of a frame is not in its shortest form");
    match short {
        126 => {
            let Some((bytes, rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
            let length = u64::from(u16::from_be_bytes(*bytes));
            if length < 126 { Err(LONG) } else { Ok(Some((length, rest))) }
        }
        127 => {
            let Some((bytes, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
            match u64::from_be_bytes(*bytes) {
                0..0x1_0000 => Err(LONG),
                length if length >> 63 != 0 => {
                    Err(Failed::protocol("the length of a frame has its highest bit set"))
                }
                length => Ok(Some((length, rest))),
            }
        }
        short => Ok(Some((u64::from(short), rest))),
    }
}
