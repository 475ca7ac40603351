//! What comes: frames become messages, and control frames are answered.
//!
//! Invariant: events depend on the bytes that came, not on how they were cut. So each rule is checked where the bytes that
//! break it are known to be there: a header's once it is whole, a text's as its bytes come, a control frame's once it is whole.

use std::borrow::Cow;

use super::connection::{Frame, State};
use super::deflate::Deflating;
use super::frame::{Header, Opcode};
use super::message::{Body, Message};
use super::{Connection, Event, Failed, Kind, Role, close, frame, mask, text};

/// What a look at the input gave.
enum Step<'a> {
    /// An event, and how much of the input is left after it.
    Event(Event<'a>, usize),
    /// A part of a message: go on with the rest of the input.
    Onward(&'a mut [u8]),
    /// That much of the input cannot be used yet.
    Wait(usize),
}

impl Connection {
    /// Reads the next event out of the input, and says how many bytes were used. What has to be answered is appended to `out`.
    ///
    /// The input is unmasked in place. Call again with what was not used, until [`Event::NeedMore`]. A peer that sends pings
    /// without reading the pongs makes `out` grow: send it, and read no more while it cannot be sent.
    ///
    /// ```
    /// use ferrio_http::ws::{Config, Connection, Event, Role};
    ///
    /// let mut client = Connection::new(Role::Client, Config::default(), None);
    /// let (mut input, mut out) = (*b"\x89\x02hi\x81\x05he", Vec::new());
    /// let (used, event) = client.advance(&mut input, &mut out);
    /// assert_eq!((used, event), (4, Event::Ping(b"hi")));
    /// assert_eq!(out[..2], [0x8A, 0x82]); // the pong, masked
    /// // Half a message is used, too.
    /// assert_eq!(client.advance(&mut input[used..], &mut out), (4, Event::NeedMore));
    /// assert_eq!(client.advance(&mut *b"llo".to_vec(), &mut out), (3, Event::Text("hello".into())));
    /// ```
    #[inline]
    pub fn advance<'a>(&mut self, input: &'a mut [u8], out: &mut Vec<u8>) -> (usize, Event<'a>) {
        let total = input.len();
        if self.state == State::Closed {
            return (total, Event::Closed);
        }
        let mut input = input;
        loop {
            match self.step(input, out) {
                Ok(Step::Event(event, left)) => return (total - left, event),
                Ok(Step::Onward(rest)) => input = rest,
                Ok(Step::Wait(left)) => return (total - left, Event::NeedMore),
                Err(failed) => {
                    self.fail(failed, out);
                    return (total, Event::Failed(failed));
                }
            }
        }
    }

    fn step<'a>(&mut self, input: &'a mut [u8], out: &mut Vec<u8>) -> Result<Step<'a>, Failed> {
        if let Some(frame) = self.frame {
            return self.payload(frame, input);
        }
        let Some(header) = frame::read(input, self.role == Role::Server)? else {
            return Ok(Step::Wait(input.len()));
        };
        let kind = match header.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => return self.control(&header, input, out),
            Opcode::Text => Some(Kind::Text),
            Opcode::Binary => Some(Kind::Binary),
            Opcode::Continuation => None,
        };
        self.check_order(&header, kind)?;
        let begun = self.message.as_ref().map_or(0, |message| message.promised);
        let promised = self.within_limit(begun, &header)?;
        let body = &mut input[header.size..];
        if let Some(kind) = kind
            && header.last
            && header.length <= body.len() as u64
        {
            let (payload, rest) = split(body, header.length);
            unmask(payload, header.key);
            return Ok(Step::Event(self.whole(kind, header.compressed, payload)?, rest.len()));
        }
        self.begin(&header, kind, promised);
        Ok(Step::Onward(body))
    }

    /// A message in one frame that is all there: the quick way, without a copy unless it is compressed.
    fn whole<'a>(&mut self, kind: Kind, compressed: bool, payload: &'a [u8]) -> Result<Event<'a>, Failed> {
        match (&mut self.deflating, kind) {
            (Some(deflating), _) if compressed => inflated(deflating, kind, payload, self.limit),
            (_, Kind::Text) => Ok(Event::Text(Cow::Borrowed(text::whole(payload)?))),
            (_, Kind::Binary) => Ok(Event::Binary(Cow::Borrowed(payload))),
        }
    }

    fn begin(&mut self, header: &Header, kind: Option<Kind>, promised: u64) {
        self.frame =
            Some(Frame { left: header.length, key: header.key.unwrap_or_default(), last: header.last });
        if let Some(kind) = kind {
            let body = if header.compressed { Body::Packed(kind, Vec::new()) } else { Body::new(kind) };
            self.message = Some(Message { body, promised });
        }
        if let Some(message) = &mut self.message {
            message.promised = promised;
            message.body.reserve(header.length);
        }
    }

    /// Takes what is there of a frame's payload.
    fn payload<'a>(&mut self, frame: Frame, input: &'a mut [u8]) -> Result<Step<'a>, Failed> {
        let (piece, rest) = split(input, frame.left);
        if self.role == Role::Server {
            mask::apply(piece, frame.key);
        }
        if let Some(message) = &mut self.message {
            message.body.push(piece)?;
        }
        let left = frame.left - piece.len() as u64;
        if left > 0 {
            self.frame = Some(Frame { left, key: mask::rotated(frame.key, piece.len()), ..frame });
            return Ok(Step::Wait(0));
        }
        self.frame = None;
        if !frame.last {
            return Ok(Step::Onward(rest));
        }
        let event = match (self.message.take(), &mut self.deflating) {
            (Some(Message { body: Body::Packed(kind, packed), .. }), Some(deflating)) => {
                inflated(deflating, kind, &packed, self.limit)?
            }
            (Some(message), _) => message.body.finish()?,
            (None, _) => return Ok(Step::Onward(rest)),
        };
        Ok(Step::Event(event, rest.len()))
    }

    fn control<'a>(
        &mut self,
        header: &Header,
        input: &'a mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Step<'a>, Failed> {
        let waiting = input.len();
        let body = &mut input[header.size..];
        if header.length > body.len() as u64 {
            return Ok(Step::Wait(waiting));
        }
        let (payload, rest) = split(body, header.length);
        unmask(payload, header.key);
        let payload = &*payload;
        let event = match header.opcode {
            Opcode::Ping => {
                if self.state == State::Open {
                    self.write(Opcode::Pong, payload, out);
                }
                Event::Ping(payload)
            }
            Opcode::Close => {
                let (code, reason) = close::read(payload)?;
                if self.state == State::Open {
                    self.write(Opcode::Close, payload, out);
                }
                self.end();
                Event::Close { code, reason }
            }
            _ => Event::Pong(payload),
        };
        Ok(Step::Event(event, rest.len()))
    }

    fn check_order(&self, header: &Header, kind: Option<Kind>) -> Result<(), Failed> {
        Err(Failed::protocol(match (kind, &self.message) {
            (Some(_), Some(_)) => "a message begins before the last one is complete",
            (None, None) => "a continuation without a message that it continues",
            (None, Some(_)) if header.compressed => "only a message's first frame says that it is compressed",
            _ if header.compressed && self.deflating.is_none() => "compression was not agreed on",
            _ => return Ok(()),
        }))
    }

    /// How long the message is with this frame, if that is allowed.
    fn within_limit(&self, begun: u64, header: &Header) -> Result<u64, Failed> {
        let packed = match &self.message {
            Some(message) => matches!(message.body, Body::Packed(..)),
            None => header.compressed,
        };
        // What cannot be compressed grows by its blocks' headers: by less than an eighth, however it is done.
        let limit = if packed { self.limit.saturating_add(self.limit / 8 + 1024) } else { self.limit };
        match begun.checked_add(header.length) {
            Some(promised) if promised <= limit => Ok(promised),
            _ => Err(Failed::too_big()),
        }
    }

    fn fail(&mut self, failed: Failed, out: &mut Vec<u8>) {
        if self.state == State::Open {
            self.write_close(failed.code, failed.reason, out);
        }
        self.end();
    }
}

fn inflated(
    deflating: &mut Deflating,
    kind: Kind,
    packed: &[u8],
    limit: u64,
) -> Result<Event<'static>, Failed> {
    let (mut body, mut length) = (Body::new(kind), 0);
    deflating.unpack(packed, |piece| {
        length += piece.len() as u64;
        if length > limit { Err(Failed::too_big()) } else { body.push(piece) }
    })?;
    let event = body.finish()?;
    match &event {
        Event::Text(text) => deflating.remember(text.as_bytes()),
        Event::Binary(whole) => deflating.remember(whole),
        _ => {}
    }
    Ok(event)
}

/// The next `length` bytes, or all that there are, and the rest.
fn split(input: &mut [u8], length: u64) -> (&mut [u8], &mut [u8]) {
    let at = usize::try_from(length).map_or(input.len(), |length| length.min(input.len()));
    input.split_at_mut(at)
}

fn unmask(payload: &mut [u8], key: Option<[u8; 4]>) {
    if let Some(key) = key {
        mask::apply(payload, key);
    }
}
