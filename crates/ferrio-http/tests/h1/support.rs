//! What the tests share: a server whose application answers 200 to everything, what it said, and numbers that only seem random.

use ferrio_http::h1::server::{Connection, Event};
use ferrio_http::h1::{Defaults, Headers, Limits};

/// What came of some bytes, with the parts of a body put together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Head(String),
    Body(Vec<u8>),
    End(String),
    Refused(u16, &'static str),
    Stays(&'static str),
}

/// Feeds a server's connection piece by piece, as a transport does. The application answers when a request is whole.
pub(crate) struct Server {
    pub(crate) connection: Connection,
    pub(crate) said: Vec<Said>,
    pub(crate) sent: Vec<u8>,
    kept: Vec<u8>,
    /// Whether the application answers before it reads the body.
    eager: bool,
}

impl Server {
    pub(crate) fn new(limits: Limits) -> Self {
        let connection = Connection::new(limits);
        Self { connection, said: Vec::new(), sent: Vec::new(), kept: Vec::new(), eager: false }
    }

    pub(crate) fn eager(limits: Limits) -> Self {
        Self { eager: true, ..Self::new(limits) }
    }

    pub(crate) fn feed(&mut self, piece: &[u8]) {
        self.kept.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let (used, event) = self.connection.advance(&self.kept[at..]);
            at += used;
            match event {
                Event::Request(head) => {
                    let text = format!("{head:?} {} {:?}", text(head.path()), text(head.query()));
                    self.said.push(Said::Head(text));
                    if self.eager {
                        self.connection.answer(200, [], b"ok", &Defaults::new(), &mut self.sent).unwrap();
                    }
                }
                Event::Data(data) => add(&mut self.said, data),
                Event::End(trailers) => {
                    self.said.push(Said::End(listed(&trailers)));
                    self.connection.answer(200, [], b"ok", &Defaults::new(), &mut self.sent).unwrap();
                }
                Event::Refuse(refusal) => {
                    self.said.push(Said::Refused(refusal.status, refusal.reason));
                    self.connection.refuse(refusal, &Defaults::new(), &mut self.sent);
                }
                Event::Upgraded | Event::Closed => {
                    let stays =
                        Said::Stays(if matches!(event, Event::Closed) { "closed" } else { "upgraded" });
                    if self.said.last() != Some(&stays) {
                        self.said.push(stays);
                    }
                    break;
                }
                Event::NeedMore | Event::Blocked => break,
            }
        }
        self.kept.drain(..at);
    }

    /// The statuses of what was sent. A refusal's text may begin like a status line; no number follows there.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        let lines = self.sent.windows(13).filter(|window| window.starts_with(b"HTTP/1.1 "));
        lines.filter_map(|window| text(&window[9..12]).parse().ok()).collect()
    }
}

/// What a server says to these bytes, all at once.
pub(crate) fn served(limits: Limits, input: &[u8]) -> Server {
    let mut server = Server::new(limits);
    server.feed(input);
    server
}

pub(crate) fn add(said: &mut Vec<Said>, data: &[u8]) {
    assert!(!data.is_empty(), "data without data");
    match said.last_mut() {
        Some(Said::Body(body)) => body.extend_from_slice(data),
        _ => said.push(Said::Body(data.to_vec())),
    }
}

pub(crate) fn listed(headers: &Headers<'_>) -> String {
    headers
        .iter()
        .flat_map(|(name, value)| [text(name), "=".to_owned(), text(value), ";".to_owned()])
        .collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// xorshift64*: the same numbers in every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }
}
