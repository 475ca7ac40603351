//! The parameters of permessage-deflate: reading, offering, agreeing (RFC 7692, 7.1).
//!
//! What a server agrees to bounds its memory: a client that does not say that its window can be smaller has to begin each
//! message anew, so that no history of 32 KiB is kept for it.

use std::mem;

use super::{Field, fields};

/// Windows and takeover of permessage-deflate: what a side wants, or what both agreed on.
///
/// ```
/// use ferrio_http::ws::handshake::Deflate;
///
/// let wanted = Deflate::default();
/// assert_eq!((wanted.server_max_window_bits, wanted.client_max_window_bits), (12, 12));
/// assert!(!wanted.server_no_context_takeover && !wanted.client_no_context_takeover);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// The server begins each message anew: larger messages, no memory between them.
    pub server_no_context_takeover: bool,
    /// The client does.
    pub client_no_context_takeover: bool,
    /// The server refers to at most 2 to this power of bytes back, 8 to 15; each connection keeps as many. 12, so 4 KiB.
    pub server_max_window_bits: u8,
    /// The client does. 12.
    pub client_max_window_bits: u8,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 12,
            client_max_window_bits: 12,
        }
    }
}

const NAME: &[u8] = b"permessage-deflate";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";
const SERVER_FRESH: &str = "server_no_context_takeover";
const CLIENT_FRESH: &str = "client_no_context_takeover";

/// The parameters of one element of `Sec-WebSocket-Extensions`.
#[derive(Default)]
struct Parameters {
    server_fresh: bool,
    client_fresh: bool,
    server_bits: Option<u8>,
    client_named: bool,
    client_bits: Option<u8>,
}

/// A server's answer to the first offer that it can take: what is agreed, and how that is written.
pub(super) fn agree(headers: &[Field<'_>], wanted: Deflate) -> Option<(Deflate, String)> {
    let wanted = wanted.within_bounds();
    fields::all(headers, "sec-websocket-extensions").flat_map(fields::elements).find_map(|element| {
        let offered = Parameters::read(parameters(element)?)?;
        let named = offered.client_named;
        let client_bits = offered.client_bits.unwrap_or(15);
        let smaller = named || wanted.client_max_window_bits == 15;
        let agreed = Deflate {
            server_no_context_takeover: wanted.server_no_context_takeover || offered.server_fresh,
            client_no_context_takeover: wanted.client_no_context_takeover || offered.client_fresh || !smaller,
            server_max_window_bits: wanted.server_max_window_bits.min(offered.server_bits.unwrap_or(15)),
            client_max_window_bits: if named { wanted.client_max_window_bits.min(client_bits) } else { 15 },
        };
        let mut answer = String::from("permessage-deflate");
        // A window that the client named has to be named, a client's that it did not name must not be.
        let server_bits = offered.server_bits.is_some() || agreed.server_max_window_bits < 15;
        agreed.append(&mut answer, named && agreed.client_max_window_bits < 15, server_bits);
        Some((agreed, answer))
    })
}

/// What a client may go on with, of a server's answer to its offer. `Err` if the server agreed to what was not offered.
pub(super) fn check(
    headers: &[Field<'_>],
    offered: Option<Deflate>,
) -> Result<Option<Deflate>, &'static str> {
    let mut agreed = None;
    for element in fields::all(headers, "sec-websocket-extensions").flat_map(fields::elements) {
        let (Some(rest), Some(offered)) = (parameters(element), offered) else {
            return Err("the server agreed to an extension that was not offered");
        };
        if agreed.is_some() {
            return Err("the server agreed to permessage-deflate twice");
        }
        agreed = Some(answered(rest, offered.within_bounds())?);
    }
    Ok(agreed)
}

impl Deflate {
    /// What a client writes into its request.
    pub(super) fn offer(self) -> String {
        let wanted = self.within_bounds();
        // Named even at 15: it tells the server that it may ask for less.
        let bits = wanted.client_max_window_bits;
        let value = if bits < 15 { format!("={bits}") } else { String::new() };
        let mut text = format!("permessage-deflate; {CLIENT_BITS}{value}");
        wanted.append(&mut text, false, wanted.server_max_window_bits < 15);
        text
    }

    fn append(self, text: &mut String, client_bits: bool, server_bits: bool) {
        let mut parameter = |there: bool, name: &str, bits: Option<u8>| {
            if there {
                *text += "; ";
                *text += name;
                *text += &bits.map_or(String::new(), |bits| format!("={bits}"));
            }
        };
        parameter(client_bits, CLIENT_BITS, Some(self.client_max_window_bits));
        parameter(server_bits, SERVER_BITS, Some(self.server_max_window_bits));
        parameter(self.server_no_context_takeover, SERVER_FRESH, None);
        parameter(self.client_no_context_takeover, CLIENT_FRESH, None);
    }

    fn within_bounds(mut self) -> Self {
        self.server_max_window_bits = self.server_max_window_bits.clamp(8, 15);
        self.client_max_window_bits = self.client_max_window_bits.clamp(8, 15);
        self
    }
}

impl Parameters {
    /// `None` if one is unknown, has a value that is none of its own, or stands twice.
    fn read(text: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        for parameter in text.split(|&byte| byte == b';').skip(1) {
            let mut sides = parameter.splitn(2, |&byte| byte == b'=').map(<[u8]>::trim_ascii);
            let (name, value) = (fields::token(sides.next()?)?, sides.next());
            let name = name.to_ascii_lowercase();
            let twice = match name.as_str() {
                SERVER_FRESH => mem::replace(&mut read.server_fresh, true),
                CLIENT_FRESH => mem::replace(&mut read.client_fresh, true),
                SERVER_BITS => read.server_bits.is_some(),
                CLIENT_BITS => mem::replace(&mut read.client_named, true),
                _ => return None,
            };
            match (name.as_str(), value) {
                (SERVER_BITS, Some(value)) => read.server_bits = Some(bits(value)?),
                (CLIENT_BITS, Some(value)) => read.client_bits = Some(bits(value)?),
                (SERVER_BITS, None) | (_, Some(_)) => return None,
                _ => {}
            }
            if twice {
                return None;
            }
        }
        Some(read)
    }
}

/// The parameters of the element, from the first `;`, if it is permessage-deflate.
fn parameters(element: &[u8]) -> Option<&[u8]> {
    let end = element.iter().position(|&byte| byte == b';').unwrap_or(element.len());
    let (name, rest) = element.split_at(end);
    name.trim_ascii().eq_ignore_ascii_case(NAME).then_some(rest)
}

fn answered(rest: &[u8], offered: Deflate) -> Result<Deflate, &'static str> {
    let answer = Parameters::read(rest).ok_or("the server's permessage-deflate has a bad parameter")?;
    if answer.client_named && answer.client_bits.is_none() {
        return Err("the server named client_max_window_bits without a value");
    }
    let server_bits = answer.server_bits.unwrap_or(15);
    if server_bits > offered.server_max_window_bits {
        return Err("the server's window is larger than was offered");
    }
    if offered.server_no_context_takeover && !answer.server_fresh {
        return Err("the server keeps its context, which was not offered");
    }
    Ok(Deflate {
        server_no_context_takeover: answer.server_fresh,
        client_no_context_takeover: answer.client_fresh || offered.client_no_context_takeover,
        server_max_window_bits: server_bits,
        client_max_window_bits: answer.client_bits.unwrap_or(15).min(offered.client_max_window_bits),
    })
}

/// 8 to 15, without leading zeros, perhaps in quotes.
fn bits(value: &[u8]) -> Option<u8> {
    let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    match value {
        [digit @ (b'8' | b'9')] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}
