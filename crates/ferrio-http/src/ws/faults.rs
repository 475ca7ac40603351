//! What can go wrong: the peer breaks a rule ([`Failed`]), or the program asks for what is not allowed ([`Misuse`]).
//!
//! The texts are written once, here or where the rule is checked, and are all static: a fault allocates nothing.

use std::{error, fmt};

use super::close::code;

/// The connection is broken: the peer did what the protocol forbids, or vanished. The close frame that says so is already in the
/// buffer of what is to be sent.
///
/// ```
/// use ferrio_http::ws::{Config, Connection, Event, Role, code};
///
/// let mut server = Connection::new(Role::Server, Config::default(), None);
/// let mut input = [0x83, 0x80, 0, 0, 0, 0];
/// let (_, event) = server.advance(&mut input, &mut Vec::new());
/// let Event::Failed(failed) = event else { panic!("3 is no opcode") };
/// assert_eq!(failed.code, code::PROTOCOL_ERROR);
/// assert_eq!(failed.to_string(), "1002: the opcode is reserved");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The code of the close frame; [`code::ABNORMAL`], which is never sent, if the peer vanished.
    pub code: u16,
    /// Which rule was broken.
    pub reason: &'static str,
}

impl Failed {
    pub(super) const fn protocol(reason: &'static str) -> Self {
        Self { code: code::PROTOCOL_ERROR, reason }
    }

    pub(super) const fn payload(reason: &'static str) -> Self {
        Self { code: code::INVALID_PAYLOAD, reason }
    }

    pub(super) const fn too_big() -> Self {
        Self { code: code::TOO_BIG, reason: "the message is too big" }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}

impl error::Error for Failed {}

/// The program asked for what the protocol does not allow. Nothing was sent, and the connection goes on.
///
/// ```
/// use ferrio_http::ws::{Config, Connection, Misuse, Role, code};
///
/// let mut server = Connection::new(Role::Server, Config::default(), None);
/// let mut out = Vec::new();
/// assert_eq!(server.ping(&[0; 126], &mut out), Err(Misuse::LongControl));
/// server.close(code::NORMAL, "", &mut out)?;
/// assert_eq!(server.send_text("late", &mut out), Err(Misuse::Closing));
/// # Ok::<(), Misuse>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// The closing handshake has begun: nothing can be sent any more.
    Closing,
    /// A ping or pong has at most 125 bytes, the reason of a close 123.
    LongControl,
    /// The code of a close is one that must not be sent.
    CloseCode,
    /// A client's payload is masked, so that it cannot be sent apart from its header.
    Masked,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closing => "the closing handshake has begun: nothing can be sent any more",
            Self::LongControl => "a ping or pong has at most 125 bytes, the reason of a close 123",
            Self::CloseCode => "this code must not be sent: 1000-1003, 1007-1014 and 3000-4999 may",
            Self::Masked => "a client masks its payload: send_text or send_binary do so",
        })
    }
}

impl error::Error for Misuse {}
