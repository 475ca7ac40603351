//! A WebSocket after its handshake: what it keeps, and how far its closing is.
//!
//! What comes is read in `receiving`, what goes is written in `sending`.

use std::fmt;

use super::deflate::Deflating;
use super::handshake::Deflate;
use super::message::Message;
use super::{Config, Event, Failed, Role, code};

/// One side of a WebSocket, without I/O.
///
/// ```text
///              close()                        a close frame came
///   Open ─────────────────▶ Closing ────────────────────────────▶ Closed
///     │                       │                                    ▲ ▲
///     │                       └── the peer broke a rule ───────────┘ │
///     ├── a close frame came: it is answered ────────────────────────┤
///     └── the peer broke a rule: a close frame says so ──────────────┘
/// ```
///
/// While Open it sends. While Open or Closing, it reads messages: those that the peer sent before our close came to it. Once
/// Closed, what is in the buffer is the last to be sent, then a server ends the transport, and a client waits for the server
/// to do so. An idle connection owns no buffer but, if deflate was agreed on, the two histories, of 4 KiB each at most by
/// default.
///
/// ```
/// use ferrio_http::ws::{Config, Connection, Event, Role, State, code};
///
/// let mut server = Connection::new(Role::Server, Config::default(), None);
/// let mut client = Connection::new(Role::Client, Config::default(), None);
/// let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
///
/// client.close(code::NORMAL, "bye", &mut to_server)?;
/// assert_eq!(client.state(), State::Closing);
/// let (_, event) = server.advance(&mut to_server, &mut to_client);
/// assert_eq!(event, Event::Close { code: code::NORMAL, reason: "bye" });
/// assert_eq!(server.state(), State::Closed);
/// client.advance(&mut to_client, &mut Vec::new());
/// assert_eq!(client.state(), State::Closed);
/// # Ok::<(), ferrio_http::ws::Misuse>(())
/// ```
pub struct Connection {
    pub(super) role: Role,
    pub(super) state: State,
    pub(super) limit: u64,
    /// The data frame whose payload is coming.
    pub(super) frame: Option<Frame>,
    /// The message of which a part came. There is one while there is a `frame`, and between its fragments.
    pub(super) message: Option<Message>,
    pub(super) deflating: Option<Box<Deflating>>,
}

/// What is to come of a frame.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: u64,
    /// As it is for the next byte.
    pub(super) key: [u8; 4],
    pub(super) last: bool,
}

/// How far the closing handshake is.
///
/// ```
/// use ferrio_http::ws::{Config, Connection, Role, State};
///
/// assert_eq!(Connection::new(Role::Server, Config::default(), None).state(), State::Open);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Messages go both ways.
    Open,
    /// Our close was sent, and the peer's did not come yet.
    Closing,
    /// Nothing is sent or read any more.
    Closed,
}

impl Connection {
    /// A connection whose handshake is done, with deflate if [`handshake`](super::handshake) agreed on it.
    #[must_use]
    pub fn new(role: Role, config: Config, deflate: Option<Deflate>) -> Self {
        Self {
            role,
            state: State::Open,
            limit: config.max_message_size as u64,
            frame: None,
            message: None,
            deflating: deflate.map(|agreed| Box::new(Deflating::new(role, agreed, &config))),
        }
    }

    /// The transport ended. [`Event::Closed`] if that was expected, else a failure with [`code::ABNORMAL`].
    ///
    /// ```
    /// use ferrio_http::ws::{Config, Connection, Event, Role, code};
    ///
    /// let mut client = Connection::new(Role::Client, Config::default(), None);
    /// let Event::Failed(failed) = client.end_of_input() else { panic!("nobody closed") };
    /// assert_eq!(failed.code, code::ABNORMAL);
    /// assert_eq!(client.end_of_input(), Event::Closed);
    /// ```
    pub fn end_of_input(&mut self) -> Event<'static> {
        if self.state == State::Closed {
            return Event::Closed;
        }
        self.end();
        Event::Failed(Failed { code: code::ABNORMAL, reason: "the connection ended without a close frame" })
    }

    /// How far the closing handshake is.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Nothing is read any more: what was gathered goes.
    pub(super) fn end(&mut self) {
        self.state = State::Closed;
        self.frame = None;
        self.message = None;
        self.deflating = None;
    }
}

/// Role and state: messages are not for logs.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
