//! What goes: messages, pings and closes become frames.
//!
//! A message is one frame. What cannot be sent is refused before a byte of it is written.

use super::connection::State;
use super::frame::{Head, LONGEST, Opcode};
use super::{Connection, Kind, Misuse, Role, code, mask};

impl Connection {
    /// Appends a text message to what is to be sent.
    ///
    /// ```
    /// use ferrio_http::ws::{Config, Connection, Role};
    ///
    /// let mut out = Vec::new();
    /// Connection::new(Role::Server, Config::default(), None).send_text("hi", &mut out)?;
    /// assert_eq!(out, b"\x81\x02hi");
    /// # Ok::<(), ferrio_http::ws::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse::Closing`] once the closing handshake has begun.
    #[inline]
    pub fn send_text(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.message(Opcode::Text, text.as_bytes(), out)
    }

    /// Appends a binary message to what is to be sent.
    ///
    /// ```
    /// use ferrio_http::ws::{Config, Connection, Role};
    ///
    /// let mut out = Vec::new();
    /// Connection::new(Role::Server, Config::default(), None).send_binary(&[1, 2, 3], &mut out)?;
    /// assert_eq!(out, [0x82, 3, 1, 2, 3]);
    /// # Ok::<(), ferrio_http::ws::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse::Closing`] once the closing handshake has begun.
    #[inline]
    pub fn send_binary(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.message(Opcode::Binary, data, out)
    }

    /// Appends a message that is compressed however short it is, where the handshake agreed to compression.
    ///
    /// ```
    /// use ferrio_http::ws::handshake::Deflate;
    /// use ferrio_http::ws::{Config, Connection, Kind, Role};
    ///
    /// let mut out = Vec::new();
    /// Connection::new(Role::Server, Config::default(), Some(Deflate::default())).send_packed(Kind::Text, b"hi", &mut out)?;
    /// assert_eq!(out[0], 0xC1);
    /// # Ok::<(), ferrio_http::ws::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse::Closing`] once the closing handshake has begun. That a text is UTF-8 is up to the caller.
    pub fn send_packed(&mut self, kind: Kind, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.check_open()?;
        self.write_packed(opcode(kind), payload, out);
        Ok(())
    }

    /// The header of a message that is sent uncompressed, for a server that sends a large payload from where it is: this
    /// header, then that many bytes, and nothing in between.
    ///
    /// ```
    /// use ferrio_http::ws::{Config, Connection, Kind, Role};
    ///
    /// let mut server = Connection::new(Role::Server, Config::default(), None);
    /// let payload = vec![0; 70_000];
    /// let head = server.message_head(Kind::Binary, payload.len())?;
    /// let pieces = [std::io::IoSlice::new(&head), std::io::IoSlice::new(&payload)];
    /// assert_eq!(pieces[0].len(), 10);
    /// # Ok::<(), ferrio_http::ws::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse::Masked`] for a client, [`Misuse::Closing`] once the closing handshake has begun.
    pub fn message_head(&self, kind: Kind, length: usize) -> Result<Head, Misuse> {
        self.check_open()?;
        if self.role == Role::Client {
            return Err(Misuse::Masked);
        }
        Ok(Head::new(opcode(kind), false, length, None))
    }

    /// Appends a ping, which the peer answers with a pong of the same payload.
    ///
    /// ```
    /// use ferrio_http::ws::{Config, Connection, Event, Role};
    ///
    /// let mut server = Connection::new(Role::Server, Config::default(), None);
    /// let mut client = Connection::new(Role::Client, Config::default(), None);
    /// let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
    /// server.ping(b"7", &mut to_client)?;
    /// client.advance(&mut to_client, &mut to_server);
    /// assert_eq!(server.advance(&mut to_server, &mut Vec::new()).1, Event::Pong(b"7"));
    /// # Ok::<(), ferrio_http::ws::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse::LongControl`] above 125 bytes, [`Misuse::Closing`] once the closing handshake has begun.
    pub fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.control_frame(Opcode::Ping, payload, out)
    }

    /// Appends a pong that nobody asked for: a sign of life. Pings are answered without it.
    ///
    /// ```
    /// use ferrio_http::ws::{Config, Connection, Role};
    ///
    /// let mut out = Vec::new();
    /// Connection::new(Role::Server, Config::default(), None).pong(b"", &mut out)?;
    /// assert_eq!(out, [0x8A, 0]);
    /// # Ok::<(), ferrio_http::ws::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse::LongControl`] above 125 bytes, [`Misuse::Closing`] once the closing handshake has begun.
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.control_frame(Opcode::Pong, payload, out)
    }

    /// Begins the closing handshake. [`code::NO_STATUS`] sends a close frame without code and reason.
    ///
    /// ```
    /// use ferrio_http::ws::{Config, Connection, Role, code};
    ///
    /// let mut out = Vec::new();
    /// Connection::new(Role::Server, Config::default(), None).close(code::GOING_AWAY, "restart", &mut out)?;
    /// assert_eq!(out, b"\x88\x09\x03\xE9restart");
    /// # Ok::<(), ferrio_http::ws::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse::CloseCode`] if the code must not be sent, [`Misuse::LongControl`] if the reason has more than 123 bytes,
    /// [`Misuse::Closing`] if the closing handshake has begun.
    pub fn close(&mut self, code: u16, reason: &str, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.check_open()?;
        match code {
            code::NO_STATUS if reason.is_empty() => self.write(Opcode::Close, &[], out),
            _ if !code::may_be_sent(code) => return Err(Misuse::CloseCode),
            _ if reason.len() > 123 => return Err(Misuse::LongControl),
            _ => self.write_close(code, reason, out),
        }
        self.state = State::Closing;
        Ok(())
    }

    fn message(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.check_open()?;
        match &self.deflating {
            Some(deflating) if deflating.wants(payload.len()) => self.write_packed(opcode, payload, out),
            _ => self.write(opcode, payload, out),
        }
        Ok(())
    }

    fn control_frame(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.check_open()?;
        if payload.len() > 125 {
            return Err(Misuse::LongControl);
        }
        self.write(opcode, payload, out);
        Ok(())
    }

    /// The payload is packed behind the room of a longest header, since how long it becomes is known only then.
    fn write_packed(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        let body = begin + LONGEST;
        out.resize(body, 0);
        if !self.deflating.as_mut().is_some_and(|deflating| deflating.pack(payload, out)) {
            out.truncate(begin);
            return self.write(opcode, payload, out);
        }
        let key = self.key();
        let head = Head::new(opcode, true, out.len() - body, key);
        if let Some(key) = key {
            mask::apply(&mut out[body..], key);
        }
        out[begin..begin + head.len()].copy_from_slice(&head);
        out.copy_within(body.., begin + head.len());
        out.truncate(out.len() - (LONGEST - head.len()));
    }

    pub(super) fn write_close(&mut self, code: u16, reason: &str, out: &mut Vec<u8>) {
        let mut payload = [0; 125];
        let size = 2 + reason.len().min(123);
        payload[..2].copy_from_slice(&code.to_be_bytes());
        payload[2..size].copy_from_slice(&reason.as_bytes()[..size - 2]);
        self.write(Opcode::Close, &payload[..size], out);
    }

    #[inline]
    pub(super) fn write(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        let key = self.key();
        out.reserve(LONGEST + payload.len());
        Head::new(opcode, false, payload.len(), key).append(out);
        let begin = out.len();
        out.extend_from_slice(payload);
        if let Some(key) = key {
            mask::apply(&mut out[begin..], key);
        }
    }

    fn key(&self) -> Option<[u8; 4]> {
        (self.role == Role::Client).then(mask::fresh_key)
    }

    fn check_open(&self) -> Result<(), Misuse> {
        if self.state == State::Open { Ok(()) } else { Err(Misuse::Closing) }
    }
}

fn opcode(kind: Kind) -> Opcode {
    if kind == Kind::Text { Opcode::Text } else { Opcode::Binary }
}
